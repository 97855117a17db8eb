import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createBitmap } from '../../../src/batch/bitmap.js';

it('is a set of row numbers', () => {
  const rows = fc.integer({ min: 1, max: 100 });
  const cases = rows.chain((size) => fc.tuple(fc.constant(size), fc.array(fc.integer({ min: 0, max: size - 1 }))));
  fc.assert(
    fc.property(cases, ([size, added]) => {
      const bitmap = createBitmap(size);
      const set = new Set<number>();
      for (const row of added) {
        bitmap.add(row);
        set.add(row);
        expect(bitmap.count).toBe(set.size);
      }
      for (let row = 0; row < size + 9; row++) expect(bitmap.has(row)).toBe(set.has(row));
    }),
  );
});

it('can be empty', () => {
  const bitmap = createBitmap(0);
  expect(bitmap.count).toBe(0);
  expect(bitmap.has(0)).toBe(false);
});

it('holds rows beyond 2^31', () => {
  const bitmap = createBitmap(2 ** 31 + 16);
  bitmap.add(2 ** 31 + 9);
  expect(bitmap.has(2 ** 31 + 9)).toBe(true);
  expect(bitmap.has(2 ** 31 + 8)).toBe(false);
  expect(bitmap.has(9)).toBe(false);
});
