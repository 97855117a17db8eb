import { type RecordBatch, Schema } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import type { PhaseProgress, Writer, WriteUnit } from '../../src/adapters/types.js';
import { makeBatch, type TextColumn } from '../../src/batch/columns.js';
import { toArrowField } from '../../src/batch/fields.js';
import { sameValue } from '../../src/batch/values.js';
import type { Mode } from '../../src/config/types.js';

const DIM = 8;
const SCHEMA = new Schema(
  [
    { name: 'id', type: 'INT64', primaryKey: true } as const,
    { name: 'embedding', type: 'FLOAT_VECTOR', dim: DIM } as const,
    { name: 'title', type: 'VARCHAR', maxLength: 64 } as const,
    { name: 'price', type: 'DOUBLE' } as const,
  ].map(toArrowField),
);
const TEXT_KEYS = new Schema(
  [
    { name: 'id', type: 'VARCHAR', maxLength: 16, primaryKey: true } as const,
    { name: 'embedding', type: 'FLOAT_VECTOR', dim: DIM } as const,
  ].map(toArrowField),
);

const quiet: PhaseProgress = { phase: () => {}, progress: () => {} };
const options = { repeatable: false };
const ALL: readonly WriteUnit[] = [{}];

/** One collection of a target; writers of the same place see what the others have written. */
export interface Place extends AsyncDisposable {
  /** `keys`: type of the ids of the source. */
  writer(mode: Mode, keys?: 'INT64' | 'VARCHAR'): Writer;
}

function texts(rows: number, text: (row: number) => string): TextColumn {
  const parts = Array.from({ length: rows }, (_, row) => Buffer.from(text(row)));
  const offsets = new Int32Array(rows + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
  return { bytes: new Uint8Array(Buffer.concat(parts)), offsets };
}

const title = (id: bigint): string => `row "${id}" é${'x'.repeat(Number(id < 0n ? -id : id) % 7)}`;
const vector = (id: bigint): Float32Array => Float32Array.from({ length: DIM }, (_, i) => Number(id) + i / 16);

/** Rows whose values follow from their ids, with the arrays that they lie in. */
function rowsFor(ids: readonly bigint[]): { batch: RecordBatch; spoil(): void } {
  const keys = BigInt64Array.from(ids);
  const vectors = new Float32Array(ids.length * DIM);
  for (const [row, id] of ids.entries()) vectors.set(vector(id), row * DIM);
  const titles = texts(ids.length, (row) => title(ids[row]!));
  const prices = Float64Array.from(ids, (id) => Number(id) / 3);
  return {
    batch: makeBatch(SCHEMA, ids.length, [keys, vectors, titles, prices]),
    spoil() {
      keys.fill(-1n);
      vectors.fill(Number.NaN);
      titles.bytes.fill(0x21);
      prices.fill(-1);
    },
  };
}

const range = (start: number, rows: number): bigint[] => Array.from({ length: rows }, (_, i) => BigInt(start + i));

/** Plans, prepares, writes and commits; gives the writer, ready for reading. */
async function filled(
  place: Place,
  mode: Mode,
  parts: readonly { readonly partition?: string; readonly ids: readonly bigint[] }[],
): Promise<Writer> {
  const writer = place.writer(mode);
  const units = [...new Set(parts.map((part) => part.partition))].map((p) => (p === undefined ? {} : { partition: p }));
  await writer.prepare(await writer.plan(SCHEMA, units, { exact: true }));
  for (const { partition, ids } of parts) {
    const { ack } = await writer.write(rowsFor(ids).batch, { ...options, ...(partition ? { partition } : {}) });
    expect((await ack).rows).toBe(ids.length);
  }
  await writer.commit(quiet);
  expect(await writer.openForReading(quiet)).toBe(true);
  return writer;
}

async function done(writer: Writer): Promise<void> {
  await writer.settle(quiet);
  await writer[Symbol.asyncDispose]();
}

/** The ids among `ids` that are found, and found as they were written. */
async function intact(writer: Writer, ids: readonly bigint[], unit: WriteUnit = {}): Promise<bigint[]> {
  const found = await writer.findRows(ids, unit);
  for (const { key, values } of found) {
    const id = key as bigint;
    expect([...values.keys()].sort()).toEqual(['embedding', 'price', 'title']);
    expect(sameValue(new Uint8Array(vector(id).buffer), values.get('embedding'))).toBe(true);
    expect(sameValue(new Uint8Array(Buffer.from(title(id))), values.get('title'))).toBe(true);
    expect(values.get('price')).toBe(Number(id) / 3);
  }
  return found.map((row) => row.key as bigint).sort((a, b) => (a < b ? -1 : 1));
}

/** What every writer has to keep to. `open` gives a new, empty place each time. */
export function writerSuite(name: string, open: () => Promise<Place>): void {
  describe.concurrent(name, () => {
    test('planning changes nothing, however often', async () => {
      await using place = await open();
      for (const mode of ['skip', 'append', 'overwrite', 'append'] as const) {
        const writer = place.writer(mode);
        const plan = await writer.plan(SCHEMA, ALL, { exact: true });
        expect(plan.units).toMatchObject([{ write: true, fresh: true, existingRows: 0 }]);
        expect(plan).toMatchObject({ autoId: false, needsIdStart: false });
        expect(plan.actions.map((action) => action.kind)).toContain('create');
        expect(await writer.plan(SCHEMA, ALL, { exact: false })).toEqual(plan);
        await writer[Symbol.asyncDispose]();
      }
    });

    test('what is acknowledged is counted and found, bit for bit', async () => {
      await using place = await open();
      const writer = place.writer('append');
      await writer.prepare(await writer.plan(SCHEMA, ALL, { exact: true }));
      const blocks = [range(1000, 300), range(0, 50), [7_000_000_000n, -5n], range(2000, 1)];
      const sent = [];
      for (const ids of blocks) {
        const { batch, spoil } = rowsFor(ids);
        const { ack } = await writer.write(batch, options);
        spoil(); // the memory is ours again, whether it was acknowledged or not
        sent.push(ack);
      }
      for (const [i, ids] of [...blocks.entries()].reverse()) {
        const { rows, keys } = await sent[i]!;
        expect(rows).toBe(ids.length);
        expect([...keys]).toEqual(ids);
      }
      await writer.commit(quiet);
      expect(await writer.openForReading(quiet)).toBe(true);
      expect(await writer.countRows({})).toBe(353);
      expect(await writer.countRows({}, -5n)).toBe(1);
      expect(await writer.countRows({}, 999n)).toBe(0);
      expect(await intact(writer, blocks.flat())).toHaveLength(353);
      expect(await intact(writer, [1299n, 999n, -5n])).toEqual([-5n, 1299n]);
      expect(await writer.nextId()).toBe(7_000_000_001n);
      await done(writer);
    });

    test('copies of ids are counted, and hide no other ids', async () => {
      await using place = await open();
      await done(await filled(place, 'append', [{ ids: [300n] }]));
      const writer = place.writer('append');
      await writer.prepare(await writer.plan(SCHEMA, ALL, { exact: true }));
      // Read before it is flushed: Milvus 2.3.5 looks at fewer rows of segments that grow.
      expect(await writer.openForReading(quiet)).toBe(true);
      for (const ids of [range(0, 120), range(0, 120), range(120, 80), range(120, 80)]) {
        await (await writer.write(rowsFor(ids).batch, options)).ack;
      }
      // Milvus Lite keeps one row of each id.
      const stored = await writer.countRows({});
      expect([201, 401]).toContain(stored);
      const [ids, copies] = [[...range(0, 201), 300n], stored === 401 ? 2 : 1];
      const counted = await writer.countCopies(ids, {});
      const wanted = [...range(0, 200).map((id): [bigint, number] => [id, copies]), [300n, 1]];
      expect([...counted].sort(([a], [b]) => Number((a as bigint) - (b as bigint)))).toEqual(wanted);
      expect(await intact(writer, ids)).toEqual([...range(0, 200), 300n]);
      await done(writer);
    });

    test('skip, append and overwrite, of a whole collection', async () => {
      await using place = await open();
      await done(await filled(place, 'append', [{ ids: range(0, 60) }]));

      const skipping = place.writer('skip');
      const skip = await skipping.plan(SCHEMA, ALL, { exact: true });
      expect(skip.units).toMatchObject([{ write: false, existingRows: 60 }]);
      expect(skip.actions.map((action) => action.kind)).toEqual(['skip']);
      await done(skipping);

      const appending = place.writer('append');
      const append = await appending.plan(SCHEMA, ALL, { exact: true });
      expect(append.units).toMatchObject([{ write: true, fresh: false, existingRows: 60 }]);
      expect(append.needsIdStart).toBe(true);
      await appending.prepare(append);
      expect(await appending.nextId()).toBe(60n);
      await (await appending.write(rowsFor(range(100, 40)).batch, options)).ack;
      await appending.commit(quiet);
      await appending.openForReading(quiet);
      expect(await appending.countRows({})).toBe(100);
      await done(appending);

      const planning = place.writer('overwrite');
      const plan = await planning.plan(SCHEMA, ALL, { exact: true });
      expect(plan.units).toMatchObject([{ write: true, fresh: true, existingRows: 100 }]);
      const loss = plan.actions.find((action) => action.kind === 'drop')!;
      expect(loss.detail).toContain('100 rows');
      await done(planning);

      const again = await filled(place, 'overwrite', [{ ids: range(500, 5) }]);
      expect(await again.countRows({})).toBe(5);
      expect(await intact(again, [0n, 100n, 500n, 504n])).toEqual([500n, 504n]);
      await done(again);
    });

    test('overwrite of a named partition leaves the others', async () => {
      await using place = await open();
      const parts = [
        { partition: 'p', ids: range(0, 30) },
        { partition: 'q', ids: range(100, 20) },
      ];
      const first = await filled(place, 'append', parts);
      expect(await first.countRows({ partition: 'p' })).toBe(30);
      expect(await intact(first, [0n, 100n], { partition: 'q' })).toEqual([100n]);
      await done(first);

      const second = await filled(place, 'overwrite', [{ partition: 'p', ids: range(1000, 7) }]);
      expect(await second.countRows({ partition: 'p' })).toBe(7);
      expect(await second.countRows({ partition: 'q' })).toBe(20);
      expect(await intact(second, [0n, 100n, 1006n])).toEqual([100n, 1006n]);
      await done(second);
    });

    test('begins no request once it is told to stop', async () => {
      await using place = await open();
      const writer = place.writer('append');
      await writer.prepare(await writer.plan(SCHEMA, ALL, { exact: true }));
      const stop = new AbortController();
      const sent = await writer.write(rowsFor(range(0, 10)).batch, { ...options, stop: stop.signal });
      stop.abort();
      const refused = writer.write(rowsFor(range(10, 10)).batch, { ...options, stop: stop.signal });
      await expect(refused).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect((await sent.ack).rows).toBe(10);
      await writer.commit(quiet);
      await writer.openForReading(quiet);
      expect(await writer.countRows({})).toBe(10);
      await done(writer);
    });

    test('takes text as ids', async () => {
      await using place = await open();
      const writer = place.writer('append', 'VARCHAR');
      await writer.prepare(await writer.plan(TEXT_KEYS, ALL, { exact: true }));
      const ids = ['a', 'é"\\', "it's", '0'];
      const vectors = Float32Array.from({ length: ids.length * DIM }, (_, i) => i / 4);
      const batch = makeBatch(TEXT_KEYS, ids.length, [texts(ids.length, (row) => ids[row]!), vectors]);
      await (await writer.write(batch, options)).ack;
      await writer.commit(quiet);
      await writer.openForReading(quiet);
      expect(await writer.countRows({})).toBe(4);
      expect(await writer.countRows({}, 'é"\\')).toBe(1);
      const found = await writer.findRows([...ids, 'b'], {});
      expect(found.map((row) => row.key).sort()).toEqual([...ids].sort());
      for (const { key, values } of found) {
        const row = ids.indexOf(key as string);
        const wanted = new Uint8Array(vectors.slice(row * DIM, (row + 1) * DIM).buffer);
        expect(sameValue(wanted, values.get('embedding'))).toBe(true);
      }
      await done(writer);
    });
  });
}
