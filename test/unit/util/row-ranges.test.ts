import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRanges } from '../../../src/util/row-ranges.js';

describe('row ranges', () => {
  it('are what a set of row numbers is', () => {
    const range = fc.tuple(fc.nat(40), fc.nat(12)).map(([from, length]) => ({ from, to: from + length }));
    fc.assert(
      fc.property(fc.array(range), range, (added, asked) => {
        const ranges = createRanges();
        const rows = new Set<number>();
        for (const { from, to } of added) {
          ranges.add(from, to);
          for (let row = from; row < to; row++) rows.add(row);
        }
        expect(ranges.count).toBe(rows.size);
        let first = 0;
        while (rows.has(first)) first++;
        expect(ranges.watermark).toBe(first);
        const missing = ranges.missing(asked.from, asked.to);
        const listed = missing.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
        const expected = Array.from({ length: asked.to - asked.from }, (_, i) => asked.from + i);
        expect(listed).toStrictEqual(expected.filter((row) => !rows.has(row)));
        // Neighbours are one range.
        for (const [i, part] of missing.entries()) if (i > 0) expect(part.from).toBeGreaterThan(missing[i - 1]!.to);
      }),
    );
  });
});
