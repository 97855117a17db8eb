import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createIdOrdinals } from '../../../../src/adapters/legacy/id-ordinals.js';

function halves(id: bigint): [low: number, high: number] {
  const [low, high] = new Int32Array(BigInt64Array.of(id).buffer);
  return [low!, high!];
}

it('keeps the last number of every id, as a Map does', () => {
  // Few different ids, so that they come again; some differ in one half only.
  const id = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.integer({ min: -5, max: 5 }).map((n) => BigInt(n) << 32n),
    fc.integer({ min: -5, max: 5 }).map(BigInt),
  );
  fc.assert(
    fc.property(fc.array(id, { maxLength: 3000 }), fc.array(id), (ids, others) => {
      const table = createIdOrdinals(10_000);
      const map = new Map<bigint, number>();
      ids.forEach((one, i) => {
        expect(table.set(...halves(one), i + 1)).toBe(true);
        map.set(one, i + 1);
      });
      expect(table.size).toBe(map.size);
      for (const one of [...ids, ...others]) expect(table.get(...halves(one))).toBe(map.get(one) ?? 0);
    }),
  );
});

it('takes no more ids than it may, and further numbers for those that it has', () => {
  const table = createIdOrdinals(3);
  for (const id of [1n, 2n, 3n]) expect(table.set(...halves(id), 1)).toBe(true);
  expect(table.set(...halves(4n), 2)).toBe(false);
  expect(table.set(...halves(2n), 7)).toBe(true);
  expect([1n, 2n, 3n, 4n].map((id) => table.get(...halves(id)))).toEqual([1, 7, 1, 0]);
  expect(table.size).toBe(3);
});
