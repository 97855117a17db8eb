/** How the copies of one key differ between two sides. */
export interface KeyBalance {
  readonly key: bigint;
  /** Rows that both sides have. */
  readonly same: number;
  /** Rows of this key that only one side has. */
  readonly onlyA: number;
  readonly onlyB: number;
}

/**
 * Counts rows of two sides by key and hash, both 64 bits, in memory that never grows: 24 bytes a slot, open addressing.
 */
export interface RowTable {
  /** Adds a row. Gives false, and adds nothing, when there is no room or the key has too many different rows. */
  add(side: 'a' | 'b', key: bigint, hash: bigint): boolean;
  hasKey(key: bigint): boolean;
  /** Every key of which the sides hold different rows. */
  balances(): Iterable<KeyBalance>;
}

const SLOT_BYTES = 24;
const LOAD = 0.75;
/** Other rows of its key that a new row is compared with. */
const MOST_COPIES = 4096;

/** Spreads the bits of a key: for slots, and for who divides rows into parts. */
export function scatter(key: bigint): number {
  const [lo, hi] = [Number(key & 0xffffffffn), Number((key >> 32n) & 0xffffffffn)];
  const mixed = Math.imul(lo ^ Math.imul(hi, 0x9e3779b1), 0x85ebca6b);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}

function slotsFor(maxBytes: number): number {
  return 2 ** Math.max(10, Math.floor(Math.log2(maxBytes / SLOT_BYTES)));
}

/** Different rows that a table of this size takes. */
export function tableCapacity(maxBytes: number): number {
  return Math.floor(slotsFor(maxBytes) * LOAD);
}

/**
 * @param maxBytes bound on the memory of the table; at least 24 KiB are used
 * @param rows different rows to expect at most: no more memory is taken than they need
 */
export function createRowTable(maxBytes: number, rows: number = Number.POSITIVE_INFINITY): RowTable {
  const bytes = Math.min(maxBytes, ((2 * rows) / LOAD) * SLOT_BYTES);
  const slots = slotsFor(bytes);
  const mask = slots - 1;
  const capacity = tableCapacity(bytes);
  const keys = new BigUint64Array(slots);
  const hashes = new BigUint64Array(slots);
  const counts = { a: new Uint32Array(slots), b: new Uint32Array(slots) };
  let used = 0;

  const isFree = (slot: number): boolean => counts.a[slot] === 0 && counts.b[slot] === 0;

  /** The next slot of the key from this one on, or the free one at which the search ends. */
  function seek(key: bigint, from: number): number {
    let slot = from & mask;
    while (!isFree(slot) && keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  function take(slot: number, key: bigint, hash: bigint): void {
    used++;
    keys[slot] = key;
    hashes[slot] = hash;
  }

  function balanceOf(key: bigint): KeyBalance {
    let [same, onlyA, onlyB] = [0, 0, 0];
    for (let slot = seek(key, scatter(key)); !isFree(slot); slot = seek(key, slot + 1)) {
      const [a, b] = [counts.a[slot]!, counts.b[slot]!];
      same += Math.min(a, b);
      onlyA += Math.max(0, a - b);
      onlyB += Math.max(0, b - a);
    }
    return { key, same, onlyA, onlyB };
  }

  /** Of the slots of a key whose counts differ, the first one speaks for the key. */
  function speaks(slot: number): boolean {
    const key = keys[slot]!;
    let other = seek(key, scatter(key));
    while (other !== slot && counts.a[other] === counts.b[other]) other = seek(key, other + 1);
    return other === slot;
  }

  return {
    add(side, key, hash) {
      let slot = seek(key, scatter(key));
      for (let copies = 0; !isFree(slot) && hashes[slot] !== hash; copies++) {
        if (copies === MOST_COPIES) return false;
        slot = seek(key, slot + 1);
      }
      if (isFree(slot)) {
        if (used === capacity) return false;
        take(slot, key, hash);
      }
      counts[side][slot]!++;
      return true;
    },
    hasKey: (key) => !isFree(seek(key, scatter(key))),
    *balances() {
      for (let slot = 0; slot < slots; slot++) {
        if (counts.a[slot] !== counts.b[slot] && speaks(slot)) yield balanceOf(keys[slot]!);
      }
    },
  };
}
