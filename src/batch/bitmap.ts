/** A set of row numbers, one bit each. */
export interface Bitmap {
  add(row: number): void;
  has(row: number): boolean;
  /** How many rows are in it. */
  readonly count: number;
  /** The bits, as they can be kept and given to `createBitmap` again. */
  readonly bits: Uint8Array;
}

function ones(bits: Uint8Array): number {
  let count = 0;
  for (let byte of bits) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}

/** A bitmap for rows 0 to `rows` - 1: one byte per eight rows. Empty unless the bits of another one are given. */
export function createBitmap(rows: number, bits: Uint8Array = new Uint8Array(Math.ceil(rows / 8))): Bitmap {
  let count = ones(bits);
  return {
    bits,
    add(row) {
      const at = Math.floor(row / 8);
      const bit = 1 << (row % 8);
      if ((bits[at]! & bit) === 0) count++;
      bits[at]! |= bit;
    },
    has: (row) => ((bits[Math.floor(row / 8)] ?? 0) & (1 << (row % 8))) !== 0,
    get count() {
      return count;
    },
  };
}
