import { describe, expect, test } from 'vitest';
import type { ReadBatch, Reader, ReadOptions, Split } from '../../src/adapters/types.js';
import { rawColumns, rowBytes } from '../../src/batch/columns.js';
import { specsOf } from '../../src/batch/fields.js';

const LARGE = 8 * 1024 * 1024;

/** Rows of a batch: per row the bytes of each column, as text, so that they can be compared and outlive the batch. */
function rowsOf({ batch }: ReadBatch): string[] {
  const columns = rawColumns(batch);
  return Array.from({ length: batch.numRows }, (_, row) =>
    columns.map((column) => Buffer.from(rowBytes(column, row)).toString('hex')).join(' '),
  );
}

function bytesOf({ batch }: ReadBatch): number {
  return rawColumns(batch).reduce((sum, column) => {
    for (let row = 0; row < column.rows; row++) sum += rowBytes(column, row).length;
    return sum;
  }, 0);
}

interface Pass {
  readonly rows: string[];
  /** Per batch. */
  readonly cursors: string[];
  readonly ends: number[];
  readonly bytes: number;
}

/** Reads a split to its end and checks what holds for every batch. */
async function readAll(reader: Reader, split: Split, options: ReadOptions, firstRow = 0): Promise<Pass> {
  const rows: string[] = [];
  const pass = { rows, cursors: [] as string[], ends: [] as number[], bytes: 0 };
  for await (const item of reader.read(split, options)) {
    expect(item.firstRow).toBe(firstRow + rows.length);
    expect(item.batch.numRows).toBeGreaterThan(0);
    const bytes = bytesOf(item);
    if (item.batch.numRows > 1) expect(bytes).toBeLessThanOrEqual(options.maxBytes);
    rows.push(...rowsOf(item));
    pass.bytes += bytes;
    pass.cursors.push(item.cursor);
    pass.ends.push(rows.length);
  }
  return pass;
}

/** Some of many, with the first and the last. */
function some<T>(all: readonly T[], count = 12): [number, T][] {
  const step = Math.max(1, Math.ceil(all.length / count));
  return [...all.entries()].filter(([i]) => i % step === 0 || i === all.length - 1);
}

/**
 * What every reader has to keep to, whatever it reads. `open` gives a new reader of the same source each time; `rows` is
 * what it holds, over all splits.
 */
export function readerSuite(name: string, rows: number, open: () => Promise<Reader>): void {
  describe(name, () => {
    test('says what it holds before it is read', async () => {
      await using reader = await open();
      const specs = specsOf(reader.schema);
      const splits = await reader.splits();
      expect(splits.reduce((sum, split) => sum + split.rows, 0)).toBe(rows);
      expect(reader.info.reduce((sum, info) => sum + info.rows, 0)).toBe(rows);
      expect(new Set(splits.map((split) => split.id)).size).toBe(splits.length);
      for (const split of splits) {
        const all = await readAll(reader, split, { maxBytes: LARGE });
        expect(all.rows).toHaveLength(split.rows);
        // How long texts are is known only once they have been read.
        if (!specs.some((spec) => spec.type === 'VARCHAR')) expect(all.bytes).toBe(split.bytes);
        else if (split.rows > 0) expect(split.bytes).toBeGreaterThan(0);
      }
      for (const info of reader.info) {
        expect(info.ids).toBe(specs.some((spec) => spec.primaryKey) ? 'stored' : 'none');
        expect(specs).toContainEqual(expect.objectContaining({ type: info.vectorType, dim: info.dim }));
      }
    });

    test('says the same when it is opened again', async () => {
      await using first = await open();
      await using second = await open();
      expect(await second.splits()).toEqual(await first.splits());
      expect(specsOf(second.schema)).toEqual(specsOf(first.schema));
      expect(await first.splits()).toEqual(await first.splits());
    });

    test('gives the same rows in batches of any size', async () => {
      await using reader = await open();
      for (const split of await reader.splits()) {
        const all = await readAll(reader, split, { maxBytes: LARGE });
        for (const maxBytes of [1, 1000, 20_001]) {
          expect((await readAll(reader, split, { maxBytes })).rows).toEqual(all.rows);
        }
        expect((await readAll(reader, split, { maxBytes: 1 })).cursors).toHaveLength(split.rows);
      }
    });

    test('goes on behind any cursor, also of a reader that is gone', async () => {
      const passes: [Split, Pass][] = [];
      {
        await using reader = await open();
        for (const split of await reader.splits())
          passes.push([split, await readAll(reader, split, { maxBytes: 1500 })]);
      }
      await using reader = await open();
      for (const [split, all] of passes) {
        for (const [i, cursor] of some(all.cursors)) {
          const done = all.ends[i]!;
          const after = JSON.parse(JSON.stringify(cursor)) as string;
          const rest = await readAll(reader, split, { after, maxBytes: 4000 }, done);
          expect(rest.rows).toEqual(all.rows.slice(done));
        }
      }
    });

    test('goes on from any row, where it says that it can', async () => {
      await using reader = await open();
      if (!reader.cursorAt) return;
      for (const split of await reader.splits()) {
        const all = await readAll(reader, split, { maxBytes: LARGE });
        for (const [row] of some(all.rows)) {
          const after = reader.cursorAt(split, row);
          expect((await readAll(reader, split, { after, maxBytes: 4000 }, row)).rows).toEqual(all.rows.slice(row));
        }
      }
    });

    test('reads only the columns that are asked for', async () => {
      await using reader = await open();
      const names = reader.schema.fields.map((field) => field.name);
      for (const split of await reader.splits()) {
        const all = await readAll(reader, split, { maxBytes: LARGE });
        for (const [i, column] of names.entries()) {
          const one = await readAll(reader, split, { maxBytes: 3000, columns: [column] });
          expect(one.rows).toEqual(all.rows.map((row) => row.split(' ')[i]));
        }
      }
    });

    test('leaves a batch alone until the next one is asked for', async () => {
      await using reader = await open();
      for (const split of await reader.splits()) {
        for await (const item of reader.read(split, { maxBytes: 2000 })) {
          const before = rowsOf(item);
          await new Promise((resolve) => setImmediate(resolve));
          expect(rowsOf(item)).toEqual(before);
        }
      }
    });

    test('can be left in the middle, and read again', async () => {
      await using reader = await open();
      for (const split of await reader.splits()) {
        const all = await readAll(reader, split, { maxBytes: LARGE });
        for await (const item of reader.read(split, { maxBytes: 500 })) {
          expect(item.firstRow).toBe(0);
          break;
        }
        expect((await readAll(reader, split, { maxBytes: 500 })).rows).toEqual(all.rows);
      }
    });

    test('stops when its signal is aborted', async () => {
      await using reader = await open();
      for (const split of await reader.splits()) {
        if (split.rows < 2) continue;
        const stop = new AbortController();
        let batches = 0;
        const reading = (async () => {
          for await (const _ of reader.read(split, { maxBytes: 1, signal: stop.signal })) {
            batches++;
            stop.abort();
          }
        })();
        await expect(reading).rejects.toMatchObject({ code: 'INTERRUPTED' });
        expect(batches).toBe(1);
      }
    });
  });
}
