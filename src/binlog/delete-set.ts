import type { RawValues, TextColumn } from '../batch/columns.js';
import { isText } from '../batch/columns.js';
import { fail } from '../util/errors.js';

/**
 * Keys that were deleted, each with the latest time of that. A table in typed arrays: 24 bytes a key and those of texts, in
 * place of the hundred and more that a Map takes.
 */
export interface DeleteSet {
  /** Takes deletes `from` to `to` of a column of keys and one of timestamps. */
  add(keys: RawValues, times: BigInt64Array, from: number, to: number): void;
  /** Whether a row with this key, written at this time, is gone: strictly before the delete (an upsert has one time for both). */
  createLookup(keys: RawValues, times: BigInt64Array): (row: number) => boolean;
  /** Different keys. */
  readonly size: number;
  /** Bytes of its arrays. */
  readonly bytes: number;
}

const EMPTY = -1;
const FIRST_SLOTS = 1024;

/** The keys themselves, by their numbers in order of arrival. */
interface Keys {
  hash(keys: RawValues, row: number): number;
  /** Hash of a key that is kept. */
  hashOf(index: number): number;
  same(index: number, keys: RawValues, row: number): boolean;
  push(keys: RawValues, row: number): void;
  readonly bytes: number;
}

function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b ^ 0x7f4a7c15, 0xc2b2ae35);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

function grown(words: Uint32Array, need: number): Uint32Array {
  if (words.length >= need) return words;
  const out = new Uint32Array(Math.max(need, words.length * 2));
  out.set(words);
  return out;
}

/** 32-bit halves of a column of 64-bit integers, the low one first; kept for the column that was asked for last. */
function halvesOf(): (column: RawValues) => Uint32Array {
  let last: RawValues | undefined;
  let words = new Uint32Array(0);
  return (column) => {
    if (column === last) return words;
    if (!(column instanceof BigInt64Array)) throw fail('INTERNAL', 'int64 keys are no BigInt64Array');
    words = new Uint32Array(column.buffer as ArrayBuffer, column.byteOffset, column.length * 2);
    last = column;
    return words;
  };
}

function intKeys(): Keys {
  const halves = halvesOf();
  let words = new Uint32Array(FIRST_SLOTS);
  let count = 0;
  return {
    hash: (keys, row) => mix(halves(keys)[row * 2]!, halves(keys)[row * 2 + 1]!),
    hashOf: (index) => mix(words[index * 2]!, words[index * 2 + 1]!),
    same(index, keys, row) {
      const other = halves(keys);
      return words[index * 2] === other[row * 2] && words[index * 2 + 1] === other[row * 2 + 1];
    },
    push(keys, row) {
      const other = halves(keys);
      words = grown(words, count * 2 + 2) as Uint32Array<ArrayBuffer>;
      words[count * 2] = other[row * 2]!;
      words[count * 2 + 1] = other[row * 2 + 1]!;
      count++;
    },
    get bytes() {
      return words.byteLength;
    },
  };
}

function hashText(bytes: Uint8Array, from: number, to: number): number {
  let h = 0x811c9dc5;
  for (let i = from; i < to; i++) h = Math.imul(h ^ bytes[i]!, 0x01000193);
  return mix(h, to - from);
}

function textKeys(): Keys {
  let bytes = new Uint8Array(FIRST_SLOTS);
  let ends = new Uint32Array(FIRST_SLOTS);
  let count = 0;
  const start = (index: number): number => (index === 0 ? 0 : ends[index - 1]!);
  const texts = (keys: RawValues): TextColumn => {
    if (!isText(keys)) throw fail('INTERNAL', 'text keys are no text');
    return keys;
  };
  return {
    hash(keys, row) {
      const text = texts(keys);
      return hashText(text.bytes, text.offsets[row]!, text.offsets[row + 1]!);
    },
    hashOf: (index) => hashText(bytes, start(index), ends[index]!),
    same(index, keys, row) {
      const text = texts(keys);
      const [from, to] = [text.offsets[row]!, text.offsets[row + 1]!];
      const at = start(index);
      if (ends[index]! - at !== to - from) return false;
      for (let i = from, j = at; i < to; i++, j++) if (text.bytes[i] !== bytes[j]) return false;
      return true;
    },
    push(keys, row) {
      const text = texts(keys);
      const [from, to] = [text.offsets[row]!, text.offsets[row + 1]!];
      const at = start(count);
      if (bytes.length < at + to - from) {
        const more = new Uint8Array(Math.max(at + to - from, bytes.length * 2));
        more.set(bytes);
        bytes = more;
      }
      bytes.set(text.bytes.subarray(from, to), at);
      ends = grown(ends, count + 1) as Uint32Array<ArrayBuffer>;
      ends[count++] = at + to - from;
    },
    get bytes() {
      return bytes.byteLength + ends.byteLength;
    },
  };
}

/** An empty set for keys of this type. */
export function createDeleteSet(type: 'INT64' | 'VARCHAR'): DeleteSet {
  const kept = type === 'INT64' ? intKeys() : textKeys();
  const timeHalves = halvesOf();
  let slots = new Int32Array(FIRST_SLOTS).fill(EMPTY);
  let times = new Uint32Array(FIRST_SLOTS);
  let size = 0;

  const find = (keys: RawValues, row: number): number => {
    const mask = slots.length - 1;
    let slot = kept.hash(keys, row) & mask;
    while (slots[slot] !== EMPTY && !kept.same(slots[slot]!, keys, row)) slot = (slot + 1) & mask;
    return slot;
  };
  const enlarge = (): void => {
    slots = new Int32Array(slots.length * 2).fill(EMPTY);
    const mask = slots.length - 1;
    for (let i = 0; i < size; i++) {
      let slot = kept.hashOf(i) & mask;
      while (slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      slots[slot] = i;
    }
  };
  /** Whether a time, as two halves, is before the one that is kept. */
  const isBefore = (low: number, high: number, index: number): boolean => {
    const keptHigh = times[index * 2 + 1]!;
    return high < keptHigh || (high === keptHigh && low < times[index * 2]!);
  };
  return {
    add(keys, at, from, to) {
      const halves = timeHalves(at);
      for (let row = from; row < to; row++) {
        const slot = find(keys, row);
        let index = slots[slot]!;
        const [low, high] = [halves[row * 2]!, halves[row * 2 + 1]!];
        if (index !== EMPTY && isBefore(low, high, index)) continue;
        if (index === EMPTY) {
          index = size++;
          slots[slot] = index;
          kept.push(keys, row);
          times = grown(times, size * 2) as Uint32Array<ArrayBuffer>;
        }
        times[index * 2] = low;
        times[index * 2 + 1] = high;
        if (size * 2 > slots.length) enlarge();
      }
    },
    createLookup(keys, at) {
      const halves = timeHalves(at);
      return (row) => {
        const index = slots[find(keys, row)]!;
        return index !== EMPTY && isBefore(halves[row * 2]!, halves[row * 2 + 1]!, index);
      };
    },
    get size() {
      return size;
    },
    get bytes() {
      return slots.byteLength + times.byteLength + kept.bytes;
    },
  };
}
