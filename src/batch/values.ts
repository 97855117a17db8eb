import { canonicalJson } from './canonical-json.js';
import { flat, isList, isText, type RawColumn, rowBytes } from './columns.js';
import { isVector, type MilvusType } from './fields.js';

/** A single value: bytes of vectors and text, a number of scalars, a list of arrays; null. */
export type Value = Uint8Array | bigint | number | readonly Value[] | null;

/** Value of one row of a column, copied. Only for the few rows that are looked at one by one. */
export function valueAt(column: Pick<RawColumn, 'values' | 'width' | 'valid'>, row: number, vector: boolean): Value {
  const { values, valid } = column;
  if (valid && valid[row] === 0) return null;
  if (isList(values)) {
    const items = { values: values.items, width: 1 };
    const from = values.offsets[row]!;
    return Array.from({ length: values.offsets[row + 1]! - from }, (_, i) => valueAt(items, from + i, false));
  }
  return isText(values) || vector ? rowBytes(column, row).slice() : flat(values)[row]!;
}

/**
 * {@link valueAt} of a field of a collection, so that equal content is equal bytes: JSON in one form, because servers write
 * it anew (Milvus Lite with other spaces). What is no JSON stays as it is.
 */
export function comparableAt(
  column: Pick<RawColumn, 'values' | 'width' | 'valid'>,
  row: number,
  type: MilvusType,
): Value {
  const value = valueAt(column, row, isVector(type));
  if (type !== 'JSON' || !(value instanceof Uint8Array)) return value;
  try {
    return new TextEncoder().encode(canonicalJson(new TextDecoder().decode(value)));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return value;
    throw thrown;
  }
}

function sameNumber(a: bigint | number, b: bigint | number): boolean {
  if (typeof a === 'number' && typeof b === 'number') return a === b || (Number.isNaN(a) && Number.isNaN(b));
  return Number.isInteger(a) || typeof a === 'bigint' ? BigInt(a) === BigInt(b) : false;
}

/** Bit-for-bit equality; numbers by value, so that 0 and -0 are equal, and NaN equals itself. */
export function sameValue(a: Value | undefined, b: Value | undefined): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((x, i) => sameValue(x, b[i]));
  if (a === null || b === null) return a === b;
  const isNumber = (x: Value | undefined): x is bigint | number => typeof x === 'number' || typeof x === 'bigint';
  if (!isNumber(a) || !isNumber(b)) return false;
  return typeof b === 'number' && !Number.isInteger(b) && typeof a === 'bigint' ? false : sameNumber(a, b);
}
