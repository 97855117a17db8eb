import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawColumn } from '../../../../src/batch/columns.js';
import { dealOut } from '../../../../src/job/shards/deal.js';
import { partedReader } from '../../../../src/job/shards/parted-reader.js';
import { memoryReader } from '../../../support/memory-reader.js';
import { fileOf, ROW_BYTES, WITH_IDS } from '../support.js';

const ids = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
const FILES = [
  fileOf(ids(0, 17), { name: 'a' }),
  fileOf(ids(100, 5), { name: 'b' }),
  fileOf(ids(200, 30), { name: 'c' }),
];

async function keysOf(reader: Awaited<ReturnType<typeof partedReader>>, maxRows: number): Promise<bigint[]> {
  const keys: bigint[] = [];
  for (const split of await reader.splits()) {
    let row = 0;
    let after: string | undefined;
    // Begun anew behind every batch, as a run that dies after each would.
    while (row < split.rows) {
      const options = { maxBytes: maxRows * ROW_BYTES, ...(after === undefined ? {} : { after }) };
      for await (const { batch, firstRow, cursor } of reader.read(split, options)) {
        expect(firstRow).toBe(row);
        keys.push(...(rawColumn(batch, 0).values as BigInt64Array));
        row += batch.numRows;
        after = cursor;
        break;
      }
    }
    expect(row).toBe(split.rows);
  }
  return keys;
}

describe('a reader in parts', () => {
  it('gives the same rows in the same order, also when it goes on behind any batch', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 7 }), async (shards, maxRows) => {
        const whole = memoryReader(WITH_IDS, FILES);
        const parts = dealOut(await whole.splits(), new Array<number>(shards).fill(0), true);
        const reader = await partedReader(whole, parts);
        expect(await keysOf(reader, maxRows)).toStrictEqual(
          FILES.flatMap((file) => [...(file.columns[0] as BigInt64Array)]),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('says where within its file a part begins', async () => {
    const whole = memoryReader(WITH_IDS, [FILES[0]!]);
    const reader = await partedReader(whole, dealOut(await whole.splits(), [0, 0], true));
    const [first, second] = await reader.splits();
    expect([first!.firstRow, second!.firstRow]).toStrictEqual([0, first!.rows]);
    expect(second).toMatchObject({ source: 'a', rows: 17 - first!.rows });
  });

  it('refuses a source with other splits than the parts are of, naming them', async () => {
    const whole = memoryReader(WITH_IDS, FILES.slice(0, 2));
    const parts = dealOut(await whole.splits(), [0, 0], true);
    const refused = { code: 'SRC_CHANGED' };
    await expect(partedReader(memoryReader(WITH_IDS, FILES), parts)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('c is not what it was'),
    });
    await expect(partedReader(memoryReader(WITH_IDS, FILES.slice(0, 1)), parts)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('b is not what it was'),
    });
    const longer = [fileOf(ids(0, 18), { name: 'a' }), FILES[1]!];
    await expect(partedReader(memoryReader(WITH_IDS, longer), parts)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining('17 rows and has 18'),
    });
  });
});
