import { type FlatValues, flat, isList, isText, type RawValues } from '../batch/columns.js';

function spreadOffsets(offsets: Int32Array, valid: Uint8Array): Int32Array {
  const out = new Int32Array(valid.length + 1);
  let from = 0;
  for (let row = 0; row < valid.length; row++) out[row + 1] = offsets[valid[row] ? ++from : from]!;
  return out;
}

function spreadFlat(values: FlatValues, width: number, valid: Uint8Array): FlatValues {
  const Values = values.constructor as new (length: number) => FlatValues;
  const out = new Values(valid.length * width);
  let from = 0;
  for (let row = 0; row < valid.length; row++) {
    if (!valid[row]) continue;
    out.set(values.subarray(from, from + width) as never, row * width);
    from += width;
  }
  return out;
}

/**
 * Values that leave null rows out, as some servers send them, with a place for every row: zeros, or nothing where the
 * length varies. Values that have a place for every row already are given back as they are.
 */
export function spreadNulls(values: RawValues, width: number, valid: Uint8Array): RawValues {
  let present = 0;
  for (const mark of valid) if (mark) present++;
  if (!isText(values) && !isList(values)) {
    const array = flat(values);
    return array.length === present * width ? spreadFlat(array, width, valid) : values;
  }
  if (values.offsets.length - 1 !== present) return values;
  return { ...values, offsets: spreadOffsets(values.offsets, valid) };
}
