/** A set of row numbers, one bit each. */
export interface Bitmap {
  add(row: number): void;
  has(row: number): boolean;
  /** How many rows are in it. */
  readonly count: number;
}

/** An empty bitmap for rows 0 to `rows` - 1: one byte per eight rows. */
export function createBitmap(rows: number): Bitmap {
  const bits = new Uint8Array(Math.ceil(rows / 8));
  let count = 0;
  return {
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
