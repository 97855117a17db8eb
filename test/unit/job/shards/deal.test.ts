import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dealOut, type Part } from '../../../../src/job/shards/deal.js';

const ROW = 100;
const splits = fc
  .array(fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 5000 }) }, fc.constant(0)), { maxLength: 20 })
  .map((list) => list.map((rows, i) => ({ id: `s${i}`, rows, bytes: rows * ROW })));
const shards = fc.integer({ min: 1, max: 40 });

/** Every row of every split once, parts in the order of the source. */
function expectPartition(parts: readonly Part[], source: readonly { id: string; rows: number }[]): void {
  const seen = parts.map(({ split, from, to }) => ({ split, from, to }));
  const joined = source.flatMap(({ id, rows }) => {
    const own = seen.filter((p) => p.split === id);
    expect(own.length).toBeGreaterThan(0);
    expect(own[0]!.from).toBe(0);
    expect(own.at(-1)!.to).toBe(rows);
    for (const [i, part] of own.entries()) if (i > 0) expect(part.from).toBe(own[i - 1]!.to);
    for (const { from, to } of own) expect(to > from || rows === 0).toBe(true);
    return own;
  });
  expect(seen).toStrictEqual(joined);
}

function rowsOf(parts: readonly Part[], count: number): number[] {
  const rows = new Array<number>(count).fill(0);
  for (const { shard, from, to } of parts) rows[shard]! += to - from;
  return rows;
}

describe('dealing out', () => {
  it.each([true, false])('gives every row to exactly one shard, the same way each time (cuttable: %s)', (cuttable) => {
    fc.assert(
      fc.property(splits, shards, (source, n) => {
        const parts = dealOut(source, new Array<number>(n).fill(0), cuttable);
        expectPartition(parts, source);
        expect(parts.every((p) => p.shard >= 0 && p.shard < n)).toBe(true);
        expect(dealOut(source, new Array<number>(n).fill(0), cuttable)).toStrictEqual(parts);
      }),
    );
  });

  it('gives all shards the same, but for a row, where splits can be cut', () => {
    fc.assert(
      fc.property(splits, shards, (source, n) => {
        const total = source.reduce((sum, s) => sum + s.rows, 0);
        for (const rows of rowsOf(dealOut(source, new Array<number>(n).fill(0), true), n)) {
          expect(Math.abs(rows - total / n)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('gives no shard more than a fair share and one split more, where splits are read whole', () => {
    fc.assert(
      fc.property(splits, shards, (source, n) => {
        const total = source.reduce((sum, s) => sum + s.rows, 0);
        const largest = Math.max(0, ...source.map((s) => s.rows));
        const loads = new Array<number>(n).fill(0);
        const rows = rowsOf(dealOut(source, loads, false), n);
        expect(Math.max(...rows)).toBeLessThanOrEqual(total / n + largest);
        expect(loads).toStrictEqual(rows.map((r) => r * ROW));
      }),
    );
  });

  it('goes on with what the shards have of earlier collections', () => {
    const loads = [0, 0, 0];
    const one = [{ id: 'a', rows: 10, bytes: 10 }];
    const owners = [1, 2, 3].map(() => dealOut(one, loads, false)[0]!.shard);
    expect(owners).toStrictEqual([0, 1, 2]);
  });
});
