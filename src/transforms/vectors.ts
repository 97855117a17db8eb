import { flat } from '../batch/columns.js';
import type { MilvusType } from '../batch/fields.js';
import { decodeBfloat16, decodeFloat16 } from '../batch/half.js';
import { asBytes } from '../util/bytes.js';
import type { Column } from './step.js';

/** Vector types whose values are numbers, one a dimension. */
export const NUMERIC_VECTORS: readonly MilvusType[] = [
  'FLOAT_VECTOR',
  'FLOAT16_VECTOR',
  'BFLOAT16_VECTOR',
  'INT8_VECTOR',
];

/** 16-bit values of a column of bytes; copied only where they do not lie on an even address. */
function pairs(bytes: Uint8Array): Uint16Array {
  const even = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(even.buffer, even.byteOffset, even.byteLength / 2);
}

/** The values of a numeric vector column as float32, exactly; shares memory for FLOAT_VECTOR. */
export function vectorFloats(type: MilvusType, column: Column): Float32Array {
  const values = flat(column.values);
  if (type === 'FLOAT_VECTOR') return values as Float32Array;
  const bytes = asBytes(values);
  if (type === 'FLOAT16_VECTOR') return decodeFloat16(pairs(bytes));
  if (type === 'BFLOAT16_VECTOR') return decodeBfloat16(pairs(bytes));
  return Float32Array.from(new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length));
}

/** Squared length of `floats[from..to)` in double precision. */
export function squaredNorm(floats: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += floats[i]! * floats[i]!;
  return sum;
}

/** Writes a vector divided by its length. A length of zero or beyond all numbers leaves it as it is: false. */
export function normalizeInto(floats: Float32Array, from: number, to: number, out: Float32Array, at: number): boolean {
  const norm = Math.sqrt(squaredNorm(floats, from, to));
  if (norm === 0 || !Number.isFinite(norm)) {
    out.set(floats.subarray(from, to), at);
    return false;
  }
  for (let i = from; i < to; i++) out[at + i - from] = floats[i]! / norm;
  return true;
}
