import type { RecordBatch } from 'apache-arrow';
import { flat, isText, rawColumn } from '../batch/columns.js';
import { isEdgeId, LARGEST_ID, SMALLEST_ID } from './keys.js';

/** Watches the keys of a pass: strictly ascending keys need no search for duplicates. */
export interface KeyWatch {
  readonly ascending: boolean;
  /** Keys 2^63-1 and -2^63. */
  readonly edges: number;
  readonly range: { readonly least: bigint; readonly largest: bigint } | undefined;
  see(batch: RecordBatch): void;
}

/**
 * Whether the keys ascend strictly, compared as halves of 32 bits: a BigInt each would cost ten times as much. The upper
 * halves have the sign.
 */
function ascend(keys: BigInt64Array): boolean {
  const upper = new Int32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  const lower = new Uint32Array(keys.buffer, keys.byteOffset, keys.length * 2);
  for (let i = 2; i < upper.length; i += 2) {
    const [high, before] = [upper[i + 1]!, upper[i - 1]!];
    if (high < before || (high === before && lower[i]! <= lower[i - 2]!)) return false;
  }
  return true;
}

/** @param key number of the key's column */
export function watchKeys(key: number): KeyWatch {
  let ascending = true;
  let edges = 0;
  let last: bigint | undefined;
  let least = LARGEST_ID;
  let largest = SMALLEST_ID;
  const seeEach = (keys: BigInt64Array): void => {
    for (const id of keys) {
      if (isEdgeId(id)) edges++;
      if (id < least) least = id;
      if (id > largest) largest = id;
    }
  };
  const seeEnds = (first: bigint, end: bigint): void => {
    edges += Number(isEdgeId(first)) + Number(first !== end && isEdgeId(end));
    if (first < least) least = first;
    if (end > largest) largest = end;
  };
  return {
    get ascending() {
      return ascending;
    },
    get range() {
      return last === undefined ? undefined : { least, largest };
    },
    get edges() {
      return edges;
    },
    see(batch) {
      const { values } = rawColumn(batch, key);
      if (isText(values)) {
        ascending = false;
        return;
      }
      const keys = flat(values) as BigInt64Array;
      const [first, end] = [keys[0], keys.at(-1)];
      if (first === undefined || end === undefined) return;
      const inOrder = ascend(keys);
      if (!inOrder || (last !== undefined && first <= last)) ascending = false;
      if (inOrder) seeEnds(first, end);
      else seeEach(keys);
      last = end;
    },
  };
}
