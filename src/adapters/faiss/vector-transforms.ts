import { fail } from '../../util/errors.js';
import type { ByteCursor, Extent } from './byte-cursor.js';

interface Shape {
  /** e.g. "OPQ or linear (LTra)". */
  readonly label: string;
  /** Dimension before it. */
  readonly dimIn: number;
  /** Dimension behind it. */
  readonly dimOut: number;
}

/** y = A x + b. */
export interface LinearTransform extends Shape {
  readonly kind: 'linear';
  /** float32: dimOut rows of dimIn values. */
  readonly matrix: Extent;
  readonly bias?: Extent;
  /** PCA: the variance along each of its directions, the largest first; float32. */
  readonly variances?: Extent;
}

/** y[i] = x[map[i]], 0 where map[i] is -1. */
export interface RemapTransform extends Shape {
  readonly kind: 'remap';
  /** int32. */
  readonly map: Extent;
}

/** y = x - mean. */
export interface CenterTransform extends Shape {
  readonly kind: 'center';
  readonly mean: Extent;
}

/** y = x divided by its length. */
export interface NormalizeTransform extends Shape {
  readonly kind: 'normalize';
}

/** One that has no inverse here. */
export interface OpaqueTransform extends Shape {
  readonly kind: 'opaque';
  readonly why: string;
}

export type Transform = LinearTransform | RemapTransform | CenterTransform | NormalizeTransform | OpaqueTransform;

type Body =
  | Omit<LinearTransform, keyof Shape>
  | Omit<RemapTransform, keyof Shape>
  | Omit<CenterTransform, keyof Shape>
  | Omit<NormalizeTransform, keyof Shape>
  | Omit<OpaqueTransform, keyof Shape>;

const LINEAR: Readonly<Record<string, string>> = {
  rrot: 'random rotation',
  LTra: 'OPQ or linear',
  Pcam: 'PCA',
  PcAm: 'PCA',
  PCAm: 'PCA',
  Viqm: 'ITQ matrix',
};
const OTHERS: Readonly<Record<string, string>> = {
  RmDT: 'remapped dimensions',
  VNrm: 'normalization',
  VCnt: 'centering',
  Viqt: 'ITQ',
  HRot: 'Hadamard rotation',
};

/** PCA: eigen_power f32, [Pcam: epsilon f32], random_rotation u8, [not PCAm: balanced_bins i32], mean, eigenvalues, matrix. */
function readPca(cursor: ByteCursor, fourcc: string): Extent {
  cursor.f32('the power of the eigenvalues');
  if (fourcc === 'Pcam') cursor.f32('epsilon');
  cursor.flag('random_rotation');
  if (fourcc !== 'PCAm') cursor.i32('balanced_bins');
  cursor.skipVector('values of the mean', 4);
  const variances = cursor.skipVector('eigenvalues', 4);
  cursor.skipVector('values of the PCA matrix', 4);
  return variances;
}

function readLinear(cursor: ByteCursor, fourcc: string): Body {
  const variances = LINEAR[fourcc] === 'PCA' ? readPca(cursor, fourcc) : undefined;
  if (fourcc === 'Viqm') cursor.skip('the parameters of ITQ', 2, 4);
  const hasBias = cursor.flag('have_bias');
  const matrix = cursor.skipVector('values of the matrix', 4);
  const bias = cursor.skipVector('values of the bias', 4);
  return { kind: 'linear', matrix, ...(hasBias ? { bias } : {}), ...(variances ? { variances } : {}) };
}

function readBody(cursor: ByteCursor, fourcc: string, depth: number): Body {
  if (fourcc in LINEAR) return readLinear(cursor, fourcc);
  switch (fourcc) {
    case 'RmDT':
      return { kind: 'remap', map: cursor.skipVector('entries of the map of dimensions', 4) };
    case 'VNrm': {
      const norm = cursor.f32('the norm');
      if (norm === 2) return { kind: 'normalize' };
      return { kind: 'opaque', why: `it normalizes by the norm L${norm}` };
    }
    case 'VCnt':
      return { kind: 'center', mean: cursor.skipVector('values of the mean', 4) };
    case 'HRot':
      cursor.u32('the seed');
      return { kind: 'opaque', why: 'a Hadamard rotation keeps only the seed of its signs' };
    default:
      // Viqt: mean, do_pca u8, then the ITQ matrix and the linear transform that it was folded into.
      if (depth > 0) throw cursor.corrupt('an ITQ transform inside an ITQ transform');
      cursor.skipVector('values of the mean', 4);
      cursor.flag('do_pca');
      readTransform(cursor, depth + 1);
      readTransform(cursor, depth + 1);
      return { kind: 'opaque', why: 'ITQ normalizes and turns vectors for the sake of their signs' };
  }
}

function assertShape(cursor: ByteCursor, transform: Transform, trained: boolean): void {
  const { label, dimIn, dimOut } = transform;
  const need = (what: string, have: number, count: number): void => {
    if (have !== count)
      throw cursor.corrupt(`${label}: ${what} has ${have} values, ${dimIn} to ${dimOut} need ${count}`);
  };
  if (dimIn < 1 || dimOut < 1 || dimIn > 2 ** 20 || dimOut > 2 ** 20) {
    throw cursor.corrupt(`${label} leads from ${dimIn} to ${dimOut} dimensions`);
  }
  if (!trained) return;
  if (transform.kind === 'linear') {
    need('the matrix', transform.matrix.count, dimIn * dimOut);
    if (transform.bias) need('the bias', transform.bias.count, dimOut);
  }
  if (transform.kind === 'remap') need('the map', transform.map.count, dimOut);
  if (transform.kind === 'center') need('the mean', transform.mean.count, dimIn);
  const alike = transform.kind === 'center' || transform.kind === 'normalize';
  if (alike && dimIn !== dimOut) throw cursor.corrupt(`${label} leads from ${dimIn} to ${dimOut} dimensions`);
}

/** Reads a vector transform: four characters, what its kind keeps, d_in i32, d_out i32, is_trained u8. Throws SRC_*. */
export function readTransform(cursor: ByteCursor, depth = 0): Transform {
  const fourcc = cursor.fourcc('the kind of a vector transform');
  const name = LINEAR[fourcc] ?? OTHERS[fourcc];
  if (name === undefined) {
    throw fail('SRC_UNSUPPORTED', `${cursor.path}: a vector transform of the unknown kind ${JSON.stringify(fourcc)}`, {
      hint: 'Reconstruct the rows with Faiss into an IndexFlat and migrate that.',
    });
  }
  const body = readBody(cursor, fourcc, depth);
  const dimIn = cursor.i32('d_in of a vector transform');
  const dimOut = cursor.i32('d_out of a vector transform');
  const trained = cursor.flag('is_trained of a vector transform');
  const shape = { label: `${name} (${fourcc})`, dimIn, dimOut };
  const transform: Transform = trained
    ? { ...shape, ...body }
    : { ...shape, kind: 'opaque', why: 'it has not been trained' };
  assertShape(cursor, transform, trained);
  return transform;
}
