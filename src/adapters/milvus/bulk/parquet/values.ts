import {
  type FlatValues,
  flat,
  isList,
  isText,
  type ListColumn,
  type RawColumn,
  type TextColumn,
} from '../../../../batch/columns.js';
import { asBytes } from '../../../../util/bytes.js';
import type { Leaf } from './leaf.js';

/** Values as the encoding PLAIN has them. */
export interface PlainValues {
  readonly bytes: Uint8Array;
  /** The bytes are those of the batch. */
  readonly shared: boolean;
}

const LENGTH_BYTES = 4;
/** Copied byte by byte where a view of them would take longer to make. */
const SHORT = 48;

function putLength(out: Uint8Array, at: number, length: number): void {
  out[at] = length;
  out[at + 1] = length >>> 8;
  out[at + 2] = length >>> 16;
  out[at + 3] = length >>> 24;
}

function copy(from: Uint8Array, start: number, length: number, out: Uint8Array, at: number): void {
  if (length > SHORT) out.set(from.subarray(start, start + length), at);
  else for (let i = 0; i < length; i++) out[at + i] = from[start + i]!;
}

function lengthPrefixed({ bytes, offsets }: TextColumn, first: number, last: number): Uint8Array {
  const out = new Uint8Array(offsets[last]! - offsets[first]! + (last - first) * LENGTH_BYTES);
  for (let i = first, at = 0; i < last; i++) {
    const from = offsets[i]!;
    const length = offsets[i + 1]! - from;
    putLength(out, at, length);
    copy(bytes, from, length, out, at + LENGTH_BYTES);
    at += LENGTH_BYTES + length;
  }
  return out;
}

function fixedPrefixed(values: Uint8Array, rows: number, width: number): Uint8Array {
  const step = LENGTH_BYTES + width;
  const out = new Uint8Array(rows * step);
  for (let i = 0; i < rows; i++) {
    putLength(out, i * step, width);
    copy(values, i * width, width, out, i * step + LENGTH_BYTES);
  }
  return out;
}

/** One bit a value, the lowest of a byte first; each page begins with a byte of its own. */
function packed(values: FlatValues): Uint8Array {
  const out = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) if (values[i]) out[i >> 3]! |= 1 << (i & 7);
  return out;
}

function flatValues(leaf: Leaf, values: FlatValues): PlainValues {
  if (leaf.physical === 'BOOLEAN') return { bytes: packed(values), shared: false };
  if (values instanceof Int8Array || values instanceof Int16Array) {
    return { bytes: asBytes(new Int32Array(values)), shared: false };
  }
  return { bytes: asBytes(values), shared: true };
}

function itemsOf(leaf: Leaf, { items, offsets }: ListColumn, rows: number): PlainValues {
  const [from, to] = [offsets[0]!, offsets[rows]!];
  if (isText(items)) return { bytes: lengthPrefixed(items, from, to), shared: false };
  return flatValues(leaf, items.subarray(from, to));
}

/** The values of a column, its lists one after the other. */
export function plainValues(leaf: Leaf, { values, rows, width }: RawColumn): PlainValues {
  if (isText(values)) return { bytes: lengthPrefixed(values, 0, rows), shared: false };
  if (isList(values)) return itemsOf(leaf, values, rows);
  const all = flat(values).subarray(0, rows * width);
  if (leaf.physical !== 'BYTE_ARRAY') return flatValues(leaf, all);
  return { bytes: fixedPrefixed(asBytes(all), rows, width), shared: false };
}

/** Bytes that the values of a column will have, without levels and page headers. */
export function foreseenBytes(leaf: Leaf, { values, rows, width }: RawColumn): number {
  if (isText(values)) return values.offsets[rows]! - values.offsets[0]! + rows * LENGTH_BYTES;
  if (isList(values)) {
    const { items, offsets } = values;
    const [from, to] = [offsets[0]!, offsets[rows]!];
    if (isText(items)) return items.offsets[to]! - items.offsets[from]! + (to - from) * LENGTH_BYTES;
    return (to - from) * elementBytes(leaf, items);
  }
  const bytes = rows * width * elementBytes(leaf, flat(values));
  return leaf.physical === 'BYTE_ARRAY' ? bytes + rows * LENGTH_BYTES : bytes;
}

function elementBytes({ physical }: Leaf, values: FlatValues): number {
  if (physical === 'BOOLEAN') return 1 / 8;
  return physical === 'INT32' ? 4 : values.BYTES_PER_ELEMENT;
}
