import { isText, type RawColumn } from './columns.js';

/** A single value: bytes of vectors and text, a number of scalars. */
export type Value = Uint8Array | bigint | number;

/** Value of one row of a column, copied. Only for the few rows that are looked at one by one. */
export function valueAt(column: Pick<RawColumn, 'values' | 'width'>, row: number, vector: boolean): Value {
  const { values, width } = column;
  // `Uint8Array.from` and not `slice`: that of a Node Buffer shares memory.
  if (isText(values)) return Uint8Array.from(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!));
  if (!vector) return values[row]!;
  const size = values.BYTES_PER_ELEMENT * width;
  return new Uint8Array(values.buffer, values.byteOffset + row * size, size).slice();
}

/** Bit-for-bit equality; numbers by value, so that 0 and -0 are equal, and NaN equals itself. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (typeof a === 'number' && typeof b === 'number') return a === b || (Number.isNaN(a) && Number.isNaN(b));
  if (typeof a === 'bigint' && typeof b === 'bigint') return a === b;
  if (typeof a === 'bigint' && typeof b === 'number') return Number.isInteger(b) && a === BigInt(b);
  if (typeof a === 'number' && typeof b === 'bigint') return sameValue(b, a);
  return false;
}
