import { fail } from '../../util/errors.js';
import type { ReadRows } from './rows.js';
import { readInto, type SourceFile } from './source-file.js';

/** Where a copy has its values from, and its own id. `row` is -1 where only the id was asked for. */
export interface Copy {
  readonly row: number;
  readonly id: bigint;
}

// Pairs held at a time: 16 MiB, and as much again for the table of their ids.
const PAIRS = 2 ** 20;
const ID_ROWS = 2 ** 16;

/** Ids to numbers, by open addressing over their halves: a Map of BigInts would take six times the memory. */
function idTable(count: number) {
  const slots = 2 ** Math.ceil(Math.log2(Math.max(2, count * 2)));
  const entries = new Int32Array(slots).fill(-1);
  const keys = new Int32Array(count * 2);
  let used = 0;
  const slotOf = (low: number, high: number): number => {
    let slot = (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) & (slots - 1);
    for (let entry = entries[slot]!; entry >= 0; entry = entries[slot]!) {
      if (keys[entry * 2] === low && keys[entry * 2 + 1] === high) return slot;
      slot = (slot + 1) & (slots - 1);
    }
    return slot;
  };
  return {
    add(low: number, high: number): void {
      const slot = slotOf(low, high);
      if (entries[slot]! >= 0) return;
      keys[used * 2] = low;
      keys[used * 2 + 1] = high;
      entries[slot] = used++;
    },
    /** Number of the id, or -1. */
    find: (low: number, high: number): number => entries[slotOf(low, high)]!,
    get used() {
      return used;
    },
  };
}

function halvesOf(ids: BigInt64Array): Int32Array {
  return new Int32Array(ids.buffer, ids.byteOffset, ids.length * 2);
}

/**
 * Finds the rows of inverted lists that `count` pairs at `pairsAt` name by their ids. The ids of the lists are gone through
 * once for each million pairs, so that memory stays the same however many there are. Throws SRC_CORRUPT for an id that no
 * row has.
 */
export function copyFinder(
  file: SourceFile,
  pairsAt: number,
  count: number,
  rows: number,
  read: ReadRows,
): (copy: number, values: boolean) => Promise<Copy> {
  let loaded = -1;
  let pairs = new BigInt64Array(0);
  let found: Float64Array | undefined;
  let table: ReturnType<typeof idTable> | undefined;

  const load = async (block: number): Promise<void> => {
    const size = Math.min(PAIRS, count - block * PAIRS);
    pairs = new BigInt64Array(size * 2);
    await readInto(file, pairsAt + block * PAIRS * 16, new Uint8Array(pairs.buffer));
    found = undefined;
    loaded = block;
  };

  const locate = async (): Promise<Float64Array> => {
    const halves = halvesOf(pairs);
    table = idTable(pairs.length / 2);
    for (let i = 0; i < halves.length; i += 4) table.add(halves[i]!, halves[i + 1]!);
    const at = new Float64Array(table.used).fill(-1);
    const ids = new BigInt64Array(Math.min(ID_ROWS, rows));
    const idHalves = halvesOf(ids);
    for (let first = 0; first < rows; first += ID_ROWS) {
      const part = Math.min(ID_ROWS, rows - first);
      await read(first, part, { ids });
      for (let row = 0; row < part; row++) {
        const entry = table.find(idHalves[row * 2]!, idHalves[row * 2 + 1]!);
        if (entry >= 0 && at[entry] === -1) at[entry] = first + row;
      }
    }
    return at;
  };

  return async (copy, values) => {
    const block = Math.floor(copy / PAIRS);
    if (block !== loaded) await load(block);
    const i = (copy - block * PAIRS) * 2;
    const id = pairs[i + 1]!;
    if (!values) return { row: -1, id };
    found ??= await locate();
    const halves = halvesOf(pairs);
    const row = found[table!.find(halves[i * 2]!, halves[i * 2 + 1]!)]!;
    if (row >= 0) return { row, id };
    throw fail('SRC_CORRUPT', `${file.path}: row ${id} is a duplicate of row ${pairs[i]}, which is not there`);
  };
}
