import type { PlainFormat } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import type { FlatLayout } from './layout.js';
import type { IndexNode } from './node.js';
import { npyShape } from './npy.js';
import { readInto, type SourceFile } from './source-file.js';
import { NUMBER_BYTES, type NumberForm, type NumberType } from './stored-form.js';

export const PLAIN_FORMATS: readonly PlainFormat[] = [
  'fvecs',
  'bvecs',
  'ivecs',
  'fbin',
  'u8bin',
  'i8bin',
  'f16bin',
  'npy',
];

/** Type of the values, and whether each row stands behind its own dimension (TexMex) or all behind one header (big-ann). */
const SHAPES: Readonly<Record<Exclude<PlainFormat, 'npy'>, { readonly type: NumberType; readonly prefixed: boolean }>> =
  {
    fvecs: { type: 'float32', prefixed: true },
    bvecs: { type: 'uint8', prefixed: true },
    ivecs: { type: 'int32', prefixed: true },
    fbin: { type: 'float32', prefixed: false },
    u8bin: { type: 'uint8', prefixed: false },
    i8bin: { type: 'int8', prefixed: false },
    f16bin: { type: 'float16', prefixed: false },
  };

const LARGEST_DIM = 2 ** 20;
const PROBE_BYTES = 64 * 1024;

interface Head {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly size: number;
}

/** Dimension and rows that a format would give a file of this size; undefined where they do not fill it. */
function shapeOf(format: Exclude<PlainFormat, 'npy'>, { view, size }: Head): { dim: number; rows: number } | undefined {
  const { type, prefixed } = SHAPES[format];
  const width = NUMBER_BYTES[type];
  if (prefixed) {
    if (size < 4) return undefined;
    const dim = view.getInt32(0, true);
    const rows = size / (4 + dim * width);
    return dim >= 1 && dim <= LARGEST_DIM && Number.isInteger(rows) ? { dim, rows } : undefined;
  }
  if (size < 8) return undefined;
  const rows = view.getUint32(0, true);
  const dim = view.getUint32(4, true);
  return dim >= 1 && dim <= LARGEST_DIM && size === 8 + rows * dim * width ? { dim, rows } : undefined;
}

/** Small whole numbers have the bits of floats next to 0, which no vectors consist of. */
function looksWhole({ view, bytes }: Head, dim: number): boolean {
  const end = Math.min(bytes.length, 4 + dim * 4);
  let small = 0;
  let all = 0;
  for (let at = 4; at + 4 <= end; at += 4, all++) if (Math.abs(view.getInt32(at, true)) < 2 ** 23) small++;
  return small === all;
}

/** Whether the rows at hand all begin with the dimension. */
function repeats({ view, bytes }: Head, dim: number, stride: number): boolean {
  for (let at = 0; at + 4 <= bytes.length; at += stride) if (view.getInt32(at, true) !== dim) return false;
  return true;
}

function isNpy({ bytes }: Head): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(6, bytes.length)).toString('latin1') === '\x93NUMPY';
}

function extensionOf(path: string): PlainFormat | undefined {
  const ending = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase();
  return PLAIN_FORMATS.find((format) => format === ending);
}

/** The formats that fit the content of a file; where its name ends like one of them, that one. */
function candidates(path: string, head: Head): PlainFormat[] {
  if (isNpy(head)) return ['npy'];
  const fitting = PLAIN_FORMATS.filter((format) => {
    if (format === 'npy') return false;
    const shape = shapeOf(format, head);
    if (!shape) return false;
    const { type, prefixed } = SHAPES[format];
    if (prefixed && !repeats(head, shape.dim, 4 + shape.dim * NUMBER_BYTES[type])) return false;
    if (format === 'fvecs' || format === 'ivecs') return looksWhole(head, shape.dim) === (format === 'ivecs');
    return true;
  });
  const named = extensionOf(path);
  return named && (fitting.includes(named) || namedFits(named, head)) ? [named] : fitting;
}

/** Whole numbers may stand in a file of floats, and the reverse: the name decides then. */
function namedFits(named: PlainFormat, head: Head): boolean {
  return named !== 'npy' && shapeOf(named, head) !== undefined;
}

async function headOf(file: SourceFile): Promise<Head> {
  const bytes = new Uint8Array(Math.min(PROBE_BYTES, file.stamp.size));
  await readInto(file, 0, bytes);
  return { bytes, view: new DataView(bytes.buffer), size: file.stamp.size };
}

/** The formats of plain vectors that fit the content of a file. */
export async function plainFormatsOf(file: SourceFile): Promise<readonly PlainFormat[]> {
  return candidates(file.path, await headOf(file));
}

function unclear(file: SourceFile, found: readonly PlainFormat[]): Error {
  const named = extensionOf(file.path);
  if (found.length > 1) {
    return fail('SRC_UNREADABLE', `${file.path} could be ${found.join(' or ')}: its content does not tell`, {
      hint: `Set format: ${found[0]}.`,
    });
  }
  if (named) {
    const message = `${file.path} is no ${named} file: its ${file.stamp.size} bytes are not what its header says`;
    return fail('SRC_CORRUPT', message);
  }
  return fail('SRC_UNREADABLE', `${file.path} is not a Faiss index, nor ${PLAIN_FORMATS.join(', ')}`, {
    hint: 'Set format where the content of the file does not tell it.',
  });
}

function nodeOf(format: string, dim: number, layout: FlatLayout, form: NumberForm): IndexNode {
  const label = `${format} file`;
  return {
    dim,
    rows: layout.rows,
    metric: 'none',
    label,
    binary: false,
    chain: [label],
    tree: [`${label}: ${layout.rows} x ${dim} ${form.type}${form.bigEndian ? ', big-endian' : ''}`],
    details: [`values: ${form.type}${form.bigEndian ? ', big-endian' : ''}`],
    warnings: [],
    stored: { layout, form, storedDim: dim, transforms: [] },
  };
}

function describe(file: SourceFile, format: PlainFormat, head: Head): IndexNode {
  if (format === 'npy') {
    const { at, rows, dim, form } = npyShape(file, head.bytes);
    const rowBytes = dim * NUMBER_BYTES[form.type];
    return nodeOf(format, dim, { kind: 'flat', rows, rowBytes, at }, form);
  }
  const shape = shapeOf(format, head);
  if (!shape) {
    const size = `${file.path} has ${file.stamp.size} bytes, which are no whole rows of ${format}`;
    throw fail('SRC_CORRUPT', size, { hint: 'Set another format, or write the file again.' });
  }
  const { type, prefixed } = SHAPES[format];
  const rowBytes = shape.dim * NUMBER_BYTES[type];
  const place = prefixed ? { at: 0, prefixed: shape.dim } : { at: 8 };
  return nodeOf(format, shape.dim, { kind: 'flat', rows: shape.rows, rowBytes, ...place }, { kind: 'numbers', type });
}

/**
 * Reads the shape of a file of plain vectors: of `format`, or of the one that its content tells.
 * Throws SRC_UNREADABLE where the content does not tell it, SRC_CORRUPT and SRC_UNSUPPORTED.
 */
export async function openPlain(
  file: SourceFile,
  format?: PlainFormat,
): Promise<{ readonly node: IndexNode; readonly format: PlainFormat }> {
  const head = await headOf(file);
  const found = format ? [format] : candidates(file.path, head);
  const [only] = found;
  if (!only || found.length > 1) throw unclear(file, found);
  if (only === 'npy' && !isNpy(head)) throw fail('SRC_CORRUPT', `${file.path} does not begin like a npy file`);
  return { node: describe(file, only, head), format: only };
}
