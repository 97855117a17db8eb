import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FixedBytes, rowHash } from '../../../src/batch/row-hash.js';
import { xxh64 } from './xxh64.js';

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 131 + seed * 29 + (i >> 3)) & 255);
}

function expected(rows: readonly Uint8Array[], bucketOf: (row: number) => number): BigUint64Array {
  const sums = new BigUint64Array(512);
  rows.forEach((row, i) => {
    for (const seed of [0, 1]) sums[bucketOf(i) * 2 + seed]! += xxh64(row, BigInt(seed));
  });
  return sums;
}

function taken(): BigUint64Array {
  const sums = new BigUint64Array(512);
  rowHash().take(sums);
  return sums;
}

/** The rows that the columns hold side by side. */
function rowsOf(columns: readonly FixedBytes[], from: number, to: number): Uint8Array[] {
  return Array.from({ length: to - from }, (_, i) => {
    const row = from + i;
    return Buffer.concat(columns.map(({ bytes, size }) => bytes.subarray(row * size, (row + 1) * size)));
  });
}

describe('the hash of rows', () => {
  it('is xxHash of every length around its stripes, with both seeds', () => {
    const rows = Array.from({ length: 140 }, (_, length) => bytesOf(length, length));
    for (const [i, row] of rows.entries()) expect(rowHash().add(row, i)).toBe(true);
    expect(taken()).toStrictEqual(expected(rows, (i) => i));
  });

  it('adds up more rows than its memory holds at a time, in their buckets', () => {
    const rows = Array.from({ length: 5000 }, (_, i) => bytesOf(i % 300, i));
    for (const [i, row] of rows.entries()) rowHash().add(row, i % 7);
    expect(taken()).toStrictEqual(expected(rows, (i) => i % 7));
    expect(taken()).toStrictEqual(new BigUint64Array(512));
  });

  it('adds to the sums that there are, modulo 2^64', () => {
    const sums = new BigUint64Array(512).fill(2n ** 64n - 1n);
    rowHash().add(bytesOf(9, 1), 255);
    rowHash().take(sums);
    expect(sums[510]).toBe(BigInt.asUintN(64, xxh64(bytesOf(9, 1), 0n) - 1n));
    expect(sums[509]).toBe(2n ** 64n - 1n);
  });

  it('takes rows of 128 KiB, and says of longer ones that it does not', () => {
    const [largest, larger] = [bytesOf(128 << 10, 3), bytesOf((128 << 10) + 1, 3)];
    expect(rowHash().add(larger, 0)).toBe(false);
    expect(rowHash().addColumns([{ bytes: larger, size: larger.length }], 0, 1, () => 0)).toBe(false);
    expect(taken()).toStrictEqual(new BigUint64Array(512));
    expect(rowHash().add(largest, 9)).toBe(true);
    expect(rowHash().addColumns([{ bytes: largest, size: largest.length }], 0, 1, () => 9)).toBe(true);
    expect(taken()).toStrictEqual(expected([largest, largest], () => 9));
  });

  it('puts rows together from columns', () => {
    const size = fc.integer({ min: 0, max: 70 });
    fc.assert(
      fc.property(fc.array(size, { minLength: 1, maxLength: 5 }), fc.nat(40), fc.nat(20), (sizes, count, skipped) => {
        const rows = count + skipped;
        const columns = sizes.map((bytes, i) => ({ bytes: bytesOf(bytes * rows, i + 1), size: bytes }));
        const bucket = (row: number): number => (row * 3) % 256;
        const added = rowHash().addColumns(columns, skipped, rows, bucket);
        expect(added).toBe(sizes.some((bytes) => bytes > 0));
        const parts = added ? rowsOf(columns, skipped, rows) : [];
        expect(taken()).toStrictEqual(expected(parts, (i) => bucket(skipped + i)));
      }),
      { numRuns: 200 },
    );
  });

  it('puts more rows together than its memory holds at a time, behind rows as they are', () => {
    const columns = [
      { bytes: bytesOf(8 * 3000, 1), size: 8 },
      { bytes: bytesOf(512 * 3000, 2), size: 512 },
    ];
    rowHash().add(bytesOf(33, 5), 1);
    expect(rowHash().addColumns(columns, 0, 3000, () => 1)).toBe(true);
    expect(taken()).toStrictEqual(expected([bytesOf(33, 5), ...rowsOf(columns, 0, 3000)], () => 1));
  });
});
