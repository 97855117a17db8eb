import { fail } from '../../util/errors.js';
import { readInto, type SourceFile } from './source-file.js';

/** Replaces `count` inner ids in place by those of the map; `firstRow` is for the message. */
export type TranslateIds = (ids: BigInt64Array, count: number, firstRow: number) => Promise<void>;

// Up to this size a map is read once; a larger one is read in parts, as the ids of each batch need them.
const WHOLE_MAP_BYTES = 16 * 1024 * 1024;
const SPAN = 1024 * 1024;
const GAP = 16 * 1024;
// Rows sorted at a time by position * 2^16 + row: exact up to a map of 1 TiB, more than Faiss itself reads.
const GATHERED_ROWS = 2 ** 16;

/** Positions in the map, from int64 values without making a BigInt of each. */
function positionsOf(ids: BigInt64Array, count: number, entries: number, describe: (row: number) => string) {
  const halves = new Int32Array(ids.buffer, ids.byteOffset, count * 2);
  const positions = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const position = halves[row * 2 + 1]! * 2 ** 32 + (halves[row * 2]! >>> 0);
    if (position < 0 || position >= entries) {
      const message = `${describe(row)} has the inner id ${ids[row]}, outside its id map of ${entries} entries`;
      throw fail('SRC_CORRUPT', message);
    }
    positions[row] = position;
  }
  return positions;
}

function copyEntry(from: Int32Array, entry: number, to: Int32Array, row: number): void {
  to[row * 2] = from[entry * 2]!;
  to[row * 2 + 1] = from[entry * 2 + 1]!;
}

/**
 * A translator through the id map at `at`. The inner ids of an inverted file lie scattered over the map, so it needs random
 * access to it; it holds at most 16 MiB. Throws SRC_CORRUPT for an inner id outside the map.
 */
export function idTranslator(
  file: SourceFile,
  at: number,
  entries: number,
  wholeMapBytes: number = WHOLE_MAP_BYTES,
): TranslateIds {
  const whole = entries * 8 <= wholeMapBytes;
  let table: Int32Array | undefined;

  /** Reads the parts of the map that rows `first` to `end - 1` need, in ascending order, and copies their entries. */
  const gather = async (positions: Float64Array, first: number, end: number, halves: Int32Array): Promise<void> => {
    table ??= new Int32Array(SPAN / 4);
    const span = table;
    const keys = positions.slice(first, end).map((position, row) => position * GATHERED_ROWS + row);
    keys.sort();
    const positionOf = (i: number): number => Math.floor(keys[i]! / GATHERED_ROWS);
    for (let i = 0; i < keys.length; ) {
      const from = positionOf(i);
      let to = from;
      let behind = i + 1;
      for (; behind < keys.length; behind++) {
        const next = positionOf(behind);
        if ((next - to) * 8 > GAP || (next - from + 1) * 8 > SPAN) break;
        to = next;
      }
      await readInto(file, at + from * 8, new Uint8Array(span.buffer, 0, (to - from + 1) * 8));
      for (; i < behind; i++) copyEntry(span, positionOf(i) - from, halves, first + (keys[i]! % GATHERED_ROWS));
    }
  };

  return async (ids, count, firstRow) => {
    const positions = positionsOf(ids, count, entries, (row) => `${file.path}: row ${firstRow + row}`);
    const halves = new Int32Array(ids.buffer, ids.byteOffset, count * 2);
    if (!whole) {
      for (let row = 0; row < count; row += GATHERED_ROWS) {
        await gather(positions, row, Math.min(count, row + GATHERED_ROWS), halves);
      }
      return;
    }
    if (!table) {
      const loaded = new Int32Array(entries * 2);
      await readInto(file, at, new Uint8Array(loaded.buffer));
      table = loaded;
    }
    for (let row = 0; row < count; row++) copyEntry(table, positions[row]!, halves, row);
  };
}
