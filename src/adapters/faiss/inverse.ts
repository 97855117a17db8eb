import { fail } from '../../util/errors.js';
import { transposedProduct } from './matrix-product.js';
import type { SourceFile } from './source-file.js';
import { assertTable, readFloats, readInts } from './tables.js';
import type { LinearTransform, RemapTransform, Transform } from './vector-transforms.js';

/** How well a transform can be undone: bit for bit, up to rounding, or not without loss. */
export type Quality = 'exact' | 'rounded' | 'lossy' | 'none';

/** A transform undone. */
export interface Inverse {
  readonly label: string;
  readonly quality: Quality;
  /** What it does, or why it cannot be undone. */
  readonly says: string;
  /** Dimensions that it takes and that it gives. */
  readonly dimIn: number;
  readonly dimOut: number;
  /** Makes `count` rows of `dimOut` values out of as many of `dimIn`; `from` and `to` are different memory. */
  apply(from: Float32Array, count: number, to: Float32Array): void;
}

// Faiss itself takes a matrix as orthonormal up to this.
const TOLERANCE = 1e-4;
const PROBES = 32;

/** Pseudo-random signs, the same every time. */
function signs(count: number, seed: number): Float64Array {
  let state = seed * 2654435769 + 1;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state < 0 ? -1 : 1;
  });
}

function times(matrix: Float32Array, vector: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < columns; i++, at++) sum += matrix[at]! * vector[i]!;
    out[row] = sum;
  }
  return out;
}

function transposedTimes(matrix: Float32Array, vector: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    const factor = vector[row]!;
    for (let i = 0; i < columns; i++, at++) out[i] = out[i]! + matrix[at]! * factor;
  }
  return out;
}

/**
 * Largest deviation of A^T A (columns) or A A^T (rows) from the identity, by the products with 32 vectors of signs: each
 * wrong entry of the product is missed by one of them with a chance of a half at most. The whole product would take minutes
 * for a matrix of 4096 x 4096.
 */
export function deviation(matrix: Float32Array, rows: number, columns: number, of: 'columns' | 'rows'): number {
  let largest = 0;
  for (let probe = 0; probe < PROBES; probe++) {
    const vector = signs(of === 'columns' ? columns : rows, probe);
    const back =
      of === 'columns'
        ? transposedTimes(matrix, times(matrix, vector, rows, columns), rows, columns)
        : times(matrix, transposedTimes(matrix, vector, rows, columns), rows, columns);
    for (let i = 0; i < back.length; i++) {
      const off = Math.abs(back[i]! - vector[i]!);
      // Not a number is no identity either.
      if (!(off <= largest)) largest = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
    }
  }
  return largest;
}

const nothing: Inverse['apply'] = () => {
  throw fail('INTERNAL', 'a transform without inverse was to be undone');
};

function show(value: number): string {
  return value.toPrecision(2);
}

async function energyLost(transform: LinearTransform, file: SourceFile): Promise<string> {
  const { variances, dimIn, dimOut } = transform;
  if (!variances || variances.count < dimIn) return '';
  const values = await readFloats(file, 'the eigenvalues', variances);
  let [kept, all] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    all += Math.max(0, values[i]!);
    if (i < dimOut) kept += Math.max(0, values[i]!);
  }
  if (!(all > 0)) return '';
  return `: ${((1 - kept / all) * 100).toPrecision(3)} % of the variance of the training data`;
}

async function undoLinear(transform: LinearTransform, file: SourceFile): Promise<Inverse> {
  const { label, dimIn, dimOut } = transform;
  assertTable(file.path, 'a matrix in float64', dimIn * dimOut * 8);
  const matrix = await readFloats(file, 'the matrix of a transform', transform.matrix);
  const bias = transform.bias
    ? Float64Array.from(await readFloats(file, 'the bias of a transform', transform.bias))
    : new Float64Array(dimOut);
  const apply = (): Inverse['apply'] => transposedProduct(matrix, bias, dimOut, dimIn);
  const shape = { label, dimIn: dimOut, dimOut: dimIn };
  const off = deviation(matrix, dimOut, dimIn, dimOut < dimIn ? 'rows' : 'columns');
  if (!(off <= TOLERANCE)) {
    const why = `its matrix is not orthonormal (it is off by ${show(off)}, as whitened ones are)`;
    return { ...shape, quality: 'none', says: `${why}, so that it cannot be undone`, apply: nothing };
  }
  if (dimOut >= dimIn) {
    const says = `undone by the transposed matrix in float64 (orthonormal up to ${show(off)})`;
    return { ...shape, quality: 'rounded', says, apply: apply() };
  }
  const lost = await energyLost(transform, file);
  const says = `a projection of ${dimIn} to ${dimOut} dimensions, what lay in the others is lost${lost}`;
  return { ...shape, quality: 'lossy', says, apply: apply() };
}

async function undoRemap(transform: RemapTransform, file: SourceFile): Promise<Inverse> {
  const { label, dimIn, dimOut } = transform;
  const map = await readInts(file, 'the map of dimensions', transform.map);
  const source = new Int32Array(dimIn).fill(-1);
  for (let i = 0; i < map.length; i++) {
    const to = map[i]!;
    if (to < -1 || to >= dimIn) throw fail('SRC_CORRUPT', `${file.path}: ${label} maps dimension ${to} of ${dimIn}`);
    if (to >= 0) source[to] = i;
  }
  const gone = source.reduce((sum, at) => sum + (at < 0 ? 1 : 0), 0);
  return {
    label,
    dimIn: dimOut,
    dimOut: dimIn,
    quality: gone > 0 ? 'lossy' : 'exact',
    says: gone > 0 ? `${gone} of ${dimIn} dimensions are not stored and come back as 0` : 'undone by the map',
    apply(from, count, to) {
      for (let row = 0; row < count; row++) {
        for (let i = 0; i < dimIn; i++) to[row * dimIn + i] = source[i]! < 0 ? 0 : from[row * dimOut + source[i]!]!;
      }
    },
  };
}

/** How a transform is undone. Looks at its matrix itself, not at what its kind promises. Throws SRC_*. */
export async function undo(transform: Transform, file: SourceFile): Promise<Inverse> {
  const { label, dimIn, dimOut } = transform;
  const same = { label, dimIn: dimOut, dimOut: dimIn };
  switch (transform.kind) {
    case 'linear':
      return await undoLinear(transform, file);
    case 'remap':
      return await undoRemap(transform, file);
    case 'center': {
      const mean = await readFloats(file, 'the mean', transform.mean);
      const apply: Inverse['apply'] = (from, count, to) => {
        for (let row = 0, at = 0; row < count; row++) {
          for (let i = 0; i < dimIn; i++, at++) to[at] = from[at]! + mean[i]!;
        }
      };
      return { ...same, quality: 'rounded', says: 'undone by adding the mean', apply };
    }
    case 'normalize': {
      const says = 'vectors come back with length 1, their own lengths are lost (which COSINE does not look at)';
      return { ...same, quality: 'lossy', says, apply: (from, count, to) => to.set(from.subarray(0, count * dimIn)) };
    }
    case 'opaque':
      return { ...same, quality: 'none', says: `cannot be undone: ${transform.why}`, apply: nothing };
  }
}
