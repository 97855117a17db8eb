import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRowTable, tableCapacity } from '../../../../src/job/contents/row-table.js';

describe('the table of rows', () => {
  it('counts what a map of lists counts', () => {
    const row = fc.record({
      side: fc.constantFrom('a' as const, 'b' as const),
      key: fc.oneof(fc.bigInt({ min: 0n, max: 4n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
      hash: fc.bigInt({ min: 0n, max: 3n }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 200 }), (rows) => {
        const table = createRowTable(0);
        const counts = new Map<bigint, Map<bigint, number[]>>();
        for (const { side, key, hash } of rows) {
          expect(table.add(side, key, hash)).toBe(true);
          const hashes = counts.get(key) ?? new Map<bigint, number[]>();
          const pair = hashes.get(hash) ?? [0, 0];
          pair[side === 'a' ? 0 : 1]!++;
          counts.set(key, hashes.set(hash, pair));
        }
        const expected = [...counts].flatMap(([key, hashes]) => {
          const pairs = [...hashes.values()] as [number, number][];
          if (pairs.every(([a, b]) => a === b)) return [];
          const sum = (of: (a: number, b: number) => number) => pairs.reduce((all, [a, b]) => all + of(a, b), 0);
          const same = sum(Math.min);
          return [{ key, same, onlyA: sum((a) => a) - same, onlyB: sum((_, b) => b) - same }];
        });
        const byKey = (x: { key: bigint }, y: { key: bigint }) => (x.key < y.key ? -1 : 1);
        expect([...table.balances()].sort(byKey)).toEqual(expected.sort(byKey));
        for (const key of counts.keys()) expect(table.hasKey(key)).toBe(true);
        expect(table.hasKey(99n)).toBe(false);
      }),
    );
  });

  it('refuses what it has no room for, and goes on counting what it holds', () => {
    const table = createRowTable(0);
    const capacity = tableCapacity(0);
    for (let i = 0; i < capacity; i++) expect(table.add('a', BigInt(i), 1n)).toBe(true);
    expect(table.add('a', BigInt(capacity), 1n)).toBe(false);
    for (let i = 0; i < capacity; i++) expect(table.add('b', BigInt(i), 1n)).toBe(true);
    expect([...table.balances()]).toEqual([]);
  });

  it('refuses endless different rows of one key', () => {
    const table = createRowTable(1 << 20);
    let taken = 0;
    while (taken < 10_000 && table.add('a', 7n, BigInt(taken))) taken++;
    expect(taken).toBe(4097);
  });

  it('keeps to its bound of memory', () => {
    for (const bytes of [0, 24 * 1024, 1e6, 64 << 20]) {
      const slots = tableCapacity(bytes) / 0.75; // LOAD
      expect(slots * 24).toBeLessThanOrEqual(Math.max(bytes, 24 * 1024));
    }
  });
});
