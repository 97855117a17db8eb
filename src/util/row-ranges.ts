/** Rows from `from` up to but without `to`. */
export interface RowRange {
  readonly from: number;
  readonly to: number;
}

/** A set of row numbers, kept as ranges that are sorted and apart. */
export interface RowRanges {
  /** Rows in it. */
  readonly count: number;
  /** The first row that is not in it. */
  readonly watermark: number;
  add(from: number, to: number): void;
  /** The parts of [from, to) that are not in it, in order. */
  missing(from: number, to: number): RowRange[];
  /** All of it, in order. */
  list(): readonly RowRange[];
}

/** Index of the first range that ends at or behind `row`. */
function firstTouching(ranges: readonly RowRange[], row: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle]!.to < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function createRanges(): RowRanges {
  const ranges: RowRange[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    get watermark() {
      return ranges[0]?.from === 0 ? ranges[0].to : 0;
    },
    add(from, to) {
      if (from >= to) return;
      const first = firstTouching(ranges, from);
      let last = first;
      let [start, end] = [from, to];
      for (; last < ranges.length && ranges[last]!.from <= to; last++) {
        start = Math.min(start, ranges[last]!.from);
        end = Math.max(end, ranges[last]!.to);
        count -= ranges[last]!.to - ranges[last]!.from;
      }
      ranges.splice(first, last - first, { from: start, to: end });
      count += end - start;
    },
    missing(from, to) {
      const parts: RowRange[] = [];
      let at = from;
      for (let i = firstTouching(ranges, from); i < ranges.length && ranges[i]!.from < to; i++) {
        if (ranges[i]!.from > at) parts.push({ from: at, to: ranges[i]!.from });
        at = Math.max(at, ranges[i]!.to);
      }
      if (at < to) parts.push({ from: at, to });
      return parts;
    },
    list: () => [...ranges],
  };
}
