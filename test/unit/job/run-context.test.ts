import { describe, expect, it } from 'vitest';
import { batchesOf, placeSplits } from '../../../src/job/run-context.js';
import { type MemoryFile, memoryReader } from '../../support/memory-reader.js';
import { rowTexts } from '../batch/support.js';
import { fileOf, ROW_BYTES, taskConfig, WITH_IDS } from './support.js';

const FILES: MemoryFile[] = [
  fileOf([0, 1, 2, 3]),
  fileOf([], { name: 'b' }),
  fileOf([4, 5, 6], { name: 'c', partition: 'p' }),
];
const reader = memoryReader(WITH_IDS, FILES);
const { signal } = new AbortController();

describe('placeSplits', () => {
  it('numbers the rows of a run over its splits', async () => {
    const placed = placeSplits(await reader.splits(), taskConfig({}, { partition: 'q' }));
    expect(placed.map(({ base, rows, partition }) => [base, rows, partition])).toStrictEqual([
      [0, 4, 'q'],
      [4, 0, 'q'],
      [4, 3, 'p'],
    ]);
  });

  it.each([
    [1, [1, 0, 0]],
    [4, [4, 0, 0]],
    [6, [4, 0, 2]],
    [100, [4, 0, 3]],
  ])('with a limit of %d takes the first rows', async (limit, rows) => {
    const placed = placeSplits(await reader.splits(), taskConfig({ limit }));
    expect(placed.map((p) => p.rows)).toStrictEqual(rows);
  });
});

describe('batchesOf', () => {
  it.each([1, 2, 3, 10])('gives the rows of the run in their places, in batches of %d rows', async (step) => {
    for (const limit of [1, 3, 4, 5, 7]) {
      const seen: [number, string][] = [];
      for (const placed of placeSplits(await reader.splits(), taskConfig({ limit }))) {
        for await (const { batch, row } of batchesOf(reader, placed, { maxBytes: ROW_BYTES * step, signal })) {
          expect(batch.numRows).toBeGreaterThan(0);
          for (const [i, text] of rowTexts(batch).entries()) seen.push([row + i, text.slice(0, 2)]);
        }
      }
      expect(seen).toStrictEqual(Array.from({ length: limit }, (_, i) => [i, `0${i}`]));
    }
  });

  it('reads the columns asked for alone', async () => {
    const [first] = placeSplits(await reader.splits(), taskConfig());
    for await (const { batch } of batchesOf(reader, first!, { maxBytes: 1000, columns: ['id'], signal })) {
      expect(batch.schema.fields.map((f) => f.name)).toStrictEqual(['id']);
    }
  });

  it('ends with INTERRUPTED once the run was stopped', async () => {
    const [first] = placeSplits(await reader.splits(), taskConfig());
    const controller = new AbortController();
    const read = async (): Promise<void> => {
      for await (const _ of batchesOf(reader, first!, { maxBytes: ROW_BYTES, signal: controller.signal }))
        controller.abort();
    };
    await expect(read()).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
