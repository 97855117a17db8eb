import { fail } from '../../util/errors.js';
import type { SourceFile } from './source-file.js';
import { NUMBER_BYTES, type NumberForm, type NumberType } from './stored-form.js';

/** Type codes of numpy without their byte order. */
const TYPES: Readonly<Record<string, NumberType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  u1: 'uint8',
  i1: 'int8',
  i2: 'int16',
  u2: 'uint16',
  i4: 'int32',
  u4: 'uint32',
  i8: 'int64',
  u8: 'uint64',
};

export interface NpyShape {
  /** Offset of the first value. */
  readonly at: number;
  readonly rows: number;
  readonly dim: number;
  readonly form: NumberForm;
}

function headerText(file: SourceFile, bytes: Uint8Array): { text: string; at: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const short = bytes.length < 12;
  // Version 1 has a length of 2 bytes, later ones of 4.
  const from = !short && bytes[6] === 1 ? 10 : 12;
  const length = short ? 0 : from === 10 ? view.getUint16(8, true) : view.getUint32(8, true);
  const at = from + length;
  if (short || at > bytes.length) {
    throw fail('SRC_TRUNCATED', `${file.path}: the npy header needs ${at} bytes, have ${bytes.length}`);
  }
  return { text: Buffer.from(bytes.buffer, bytes.byteOffset + from, length).toString('latin1'), at };
}

/**
 * Reads the header of a .npy file: magic, version, length, and a Python dictionary of descr, fortran_order and shape.
 * Throws SRC_UNSUPPORTED for what is no two-dimensional array of numbers, SRC_TRUNCATED and SRC_CORRUPT.
 */
export function npyShape(file: SourceFile, bytes: Uint8Array): NpyShape {
  const { text, at } = headerText(file, bytes);
  const descr = /'descr'\s*:\s*'([<>|=])([a-z]\d+)'/.exec(text);
  const shape = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  const type = TYPES[descr?.[2] ?? ''];
  const refuse = (what: string): Error =>
    fail('SRC_UNSUPPORTED', `${file.path}: ${what}`, { hint: 'Save a two-dimensional C-ordered array of numbers.' });
  if (!descr || !type) throw refuse(`a npy file of ${/'descr'\s*:\s*([^,]+)/.exec(text)?.[1] ?? 'no stated type'}`);
  if (/'fortran_order'\s*:\s*True/.test(text)) throw refuse('a npy file in the order of Fortran (column by column)');
  const sizes = (shape ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (sizes.length !== 2 || !sizes.every((part) => /^\d{1,15}$/.test(part))) {
    throw refuse(`a npy file of the shape (${shape ?? '?'}), not of rows and columns`);
  }
  const [rows = 0, dim = 0] = sizes.map(Number);
  if (dim < 1 || dim > 2 ** 20) throw refuse(`a npy file of ${dim} columns`);
  const need = rows * dim * NUMBER_BYTES[type];
  const have = file.stamp.size - at;
  if (have < need) throw fail('SRC_TRUNCATED', `${file.path}: need ${need} bytes at offset ${at}, have ${have}`);
  return { at, rows, dim, form: { kind: 'numbers', type, ...(descr[1] === '>' ? { bigEndian: true } : {}) } };
}
