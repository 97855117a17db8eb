import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { copyFinder } from '../../../../src/adapters/faiss/copies.js';
import { sliceWidths } from '../../../../src/adapters/faiss/layout.js';
import type { RowTarget } from '../../../../src/adapters/faiss/rows.js';
import { sliceReader } from '../../../../src/adapters/faiss/slices.js';
import { openSource } from '../../../../src/adapters/faiss/source-file.js';
import { randomOf } from '../../../support/faiss-fuzz.js';
import { errorOf, temporaryFolder } from './support.js';

it.each([
  [20, 3, 7],
  [20, 20, 128],
  [20, 1, 5],
  // Batches of 2.5 MB, of which only the slices that are needed are read.
  [300, 7, 2100],
])('rows of %i dimensions in %i slices and batches of %i rows are put together', async (dim, count, batchRows) => {
  const widths = sliceWidths(dim, count);
  expect(widths.reduce((sum, width) => sum + width, 0)).toBe(dim * 4);
  const rows = batchRows * 2 + 3;
  const value = (row: number, column: number): number => row * 1000 + column;
  const batches = Math.ceil(rows / batchRows);
  const floats = new Float32Array(batches * batchRows * dim);
  for (let row = 0; row < rows; row++) {
    const [batch, inBatch] = [Math.floor(row / batchRows), row % batchRows];
    let column = 0;
    let slice = batch * batchRows * dim;
    for (const width of widths.map((bytes) => bytes / 4)) {
      for (let i = 0; i < width; i++) floats[slice + inBatch * width + i] = value(row, column++);
      slice += batchRows * width;
    }
  }
  const path = join(temporaryFolder(), 'slices');
  writeFileSync(path, Buffer.concat([Buffer.alloc(11), Buffer.from(floats.buffer)]));
  const file = await openSource(path);
  try {
    const read = sliceReader(file, { batchRows, widths }, dim * 4);
    const random = randomOf(dim);
    for (let trial = 0; trial < 12; trial++) {
      const first = trial === 0 ? 0 : random(rows);
      const take = trial === 0 ? rows : 1 + random(rows - first);
      const out = new Float32Array(take * dim);
      await read(11, first, take, new Uint8Array(out.buffer));
      const wrong = out.findIndex((got, i) => got !== value(first + Math.floor(i / dim), i % dim));
      expect(wrong, `${take} rows from ${first}`).toBe(-1);
    }
  } finally {
    await file.handle.close();
  }
});

it('copies are found by ids of any size, and one of no row is refused', async () => {
  const rows = 150_000;
  // Ids that differ in one half only, negative ones and the ends of int64.
  const ids = BigInt64Array.from({ length: rows }, (_, row) =>
    row % 2 === 0 ? BigInt(row) << 31n : BigInt.asIntN(64, BigInt(row) * 0x9e3779b97f4a7c15n),
  );
  ids.set([-(2n ** 63n), 2n ** 63n - 1n, -1n, 0n], 70_000);
  const random = randomOf(3);
  const kept = Array.from({ length: 5000 }, () => random(rows));
  kept.push(70_000, 70_001, 70_002, rows - 1);
  const pairs = BigInt64Array.from(kept.flatMap((row, i) => [ids[row]!, BigInt(i) - 7n]));
  const path = join(temporaryFolder(), 'pairs');
  writeFileSync(
    path,
    Buffer.concat([Buffer.alloc(5), Buffer.from(pairs.buffer), Buffer.from(BigInt64Array.of(12345n, 1n).buffer)]),
  );
  const file = await openSource(path);
  let passes = 0;
  const read = (first: number, count: number, target: RowTarget): Promise<void> => {
    if (first === 0) passes++;
    target.ids!.set(ids.subarray(first, first + count));
    return Promise.resolve();
  };
  try {
    const find = copyFinder(file, 5, kept.length + 1, rows, read);
    expect(await find(3, false)).toEqual({ row: -1, id: -4n });
    expect(passes).toBe(0);
    for (const [i, row] of kept.entries()) {
      const found = await find(i, true);
      expect([ids[found.row], found.id]).toEqual([ids[row], BigInt(i) - 7n]);
    }
    expect(passes).toBe(1);
    const error = await errorOf(() => find(kept.length, true));
    expect([error.code, error.message]).toEqual(['SRC_CORRUPT', expect.stringContaining('row 12345')]);
  } finally {
    await file.handle.close();
  }
});
