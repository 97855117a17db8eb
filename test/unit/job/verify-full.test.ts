import { describe, expect, it } from 'vitest';
import type { TargetRow } from '../../../src/adapters/types.js';
import type { FieldSpec } from '../../../src/batch/fields.js';
import { sameValue } from '../../../src/batch/values.js';
import { compareContents } from '../../../src/job/contents/compare.js';
import { contentSource, wholeSplits } from '../../../src/job/contents/source.js';
import { verifyAppended } from '../../../src/job/verify-appended.js';
import { verifyFull } from '../../../src/job/verify-full.js';
import { idTransform } from '../../../src/transforms/ids.js';
import { memoryReader } from '../../support/memory-reader.js';
import { schemaOf, textColumn } from '../batch/support.js';
import { FIELDS, fileOfRows, NEVER, type Row, rowsContent, rowsOf, side } from './contents/support.js';
import { KEY, SILENT, VECTOR } from './support.js';

function reader(rows: readonly Row[], fields: readonly FieldSpec[] = FIELDS) {
  return memoryReader(schemaOf(...fields), [fileOfRows(rows)]);
}

async function verifyRows(sent: readonly Row[], there: readonly Row[], warnings: string[] = []) {
  return verifyFull({
    name: '"books"',
    source: await rowsContent(sent),
    target: reader(there),
    queried: true,
    progress: SILENT,
    signal: NEVER,
    warn: (message) => warnings.push(message),
  });
}

describe('full verification', () => {
  it('passes equal rows, gives the digest of the target, and does not close it', async () => {
    const target = reader(rowsOf(300));
    const verified = await verifyFull({
      name: '"books"',
      source: await rowsContent(rowsOf(300)),
      target,
      queried: true,
      progress: SILENT,
      signal: NEVER,
      warn: () => {},
    });
    const known = await compareContents(side(await rowsContent(rowsOf(300))), side(await rowsContent([])), {
      signal: NEVER,
    });
    expect(verified).toEqual({ digest: known.digests.a, rows: 300 });
    expect(target.disposals).toBe(0);
  });

  it('names numbers, ids and fields of what is wrong', async () => {
    const there = rowsOf(300).flatMap((r) => (r.id === 7n ? [] : [r.id === 9n ? { ...r, price: 0 } : r]));
    const failed = verifyRows(rowsOf(300), [...there, { id: 1000n, vector: 0, price: 0 }]);
    await expect(failed).rejects.toMatchObject({ code: 'VERIFY_MISMATCH' });
    await expect(failed).rejects.toThrow(
      /"books" is not what was sent: 1 row missing, 1 row different, 1 row too many; ids 7 \(missing\), 9 \(different in price\), 1000 \(extra\); source [0-9a-f]{32} \(300 rows\), target [0-9a-f]{32} \(300 rows\)/,
    );
  });

  it('says which copies and ids could not be compared', async () => {
    const edge = { id: 2n ** 63n - 1n, vector: 0, price: 0 };
    const twice = [...rowsOf(3), { id: 1n, vector: 5, price: 5 }, edge];
    const warnings: string[] = [];
    await verifyRows(twice, rowsOf(3), warnings);
    expect(warnings.join('\n')).toMatch(/1 row with the id 2\^63-1.*further copies that cannot be compared: 1/s);
  });

  it('takes no notice of fields that the target has besides, but of those that it lacks', async () => {
    const few = rowsOf(10);
    const { columns, ...rest } = fileOfRows(few);
    const wider = memoryReader(schemaOf(...FIELDS, { name: 'more', type: 'INT8' }), [
      { ...rest, columns: [...columns, new Int8Array(10)] },
    ]);
    const narrower = memoryReader(schemaOf(KEY, VECTOR), [{ ...rest, columns: columns.slice(0, 2) }]);
    const input = { name: '"c"', queried: true, progress: SILENT, signal: NEVER, warn: () => {} };
    await verifyFull({ ...input, source: await rowsContent(few), target: wider });
    const failed = verifyFull({ ...input, source: await rowsContent(few), target: narrower });
    await expect(failed).rejects.toThrow(/fields that differ: price/);
  });

  it('compares rows without ids by their values', async () => {
    const bare = memoryReader(schemaOf(VECTOR), [{ name: 'a', rows: 2, columns: [new Float32Array(8)] }]);
    const source = contentSource(bare, wholeSplits(await bare.splits()), {
      transformers: [idTransform(bare.schema, { kind: 'target' })],
    });
    const target = (value: number) =>
      memoryReader(schemaOf(KEY, VECTOR), [
        { name: 'a', rows: 2, columns: [BigInt64Array.of(1n, 2n), new Float32Array(8).fill(value)] },
      ]);
    const input = { name: '"c"', source, queried: true, progress: SILENT, signal: NEVER, warn: () => {} };
    expect((await verifyFull({ ...input, target: target(0) })).rows).toBe(2);
    await expect(verifyFull({ ...input, target: target(1) })).rejects.toThrow(
      /2 rows missing, 2 rows too many; source/,
    );
  });
});

/** A target that holds rows of {@link FIELDS}: of several with one id a lookup shows the first. */
function lookups(rows: readonly TargetRow[]) {
  const asked: number[] = [];
  return {
    asked,
    async findRows(keys: readonly (bigint | string)[]) {
      asked.push(keys.length);
      return keys.flatMap((key) => rows.filter((r) => sameValue(r.key as bigint, key as bigint)).slice(0, 1));
    },
    countRows: async (_: unknown, key?: bigint | string) => rows.filter((r) => r.key === key).length,
  };
}

function stored({ id, vector, price }: Row): TargetRow {
  const bytes = new Uint8Array(new Float32Array(4).fill(vector).buffer);
  return {
    key: id,
    values: new Map<string, Uint8Array | number>([
      ['embedding', bytes],
      ['price', price],
    ]),
  };
}

async function appended(sent: readonly Row[], there: readonly Row[], unique = false) {
  const warnings: string[] = [];
  const writer = lookups(there.map(stored));
  const verified = verifyAppended({
    name: '"books"',
    source: await rowsContent(sent),
    writer,
    unit: {},
    unique,
    progress: SILENT,
    signal: NEVER,
    warn: (message) => warnings.push(message),
  });
  return { verified, warnings, writer };
}

describe('verification of rows that were added', () => {
  it('finds each of them among others', async () => {
    const { verified, writer } = await appended(rowsOf(100, 50), [...rowsOf(200)], true);
    expect(await verified).toEqual({ rows: 100 });
    expect(writer.asked.reduce((sum, n) => sum + n, 0)).toBe(100);
  });

  it('names those that are missing or different', async () => {
    const there = rowsOf(200).flatMap((r) => (r.id === 60n ? [] : [r.id === 61n ? { ...r, vector: -1 } : r]));
    const { verified } = await appended(rowsOf(100, 50), there);
    await expect(verified).rejects.toMatchObject({ code: 'VERIFY_MISMATCH' });
    await expect(verified).rejects.toThrow(
      'of 100 rows added to "books", 2 ids are not as they were sent (1 missing): ids 60 (missing), 61 (different)',
    );
  });

  it('takes any copy that the source has of an id, and warns of a row that stood there before', async () => {
    const copies = [...rowsOf(5), { id: 3n, vector: 77, price: 77 }];
    for (const shown of [3, 5]) {
      const there = copies.filter((_, i) => i < 3 || i === 4 || i === shown);
      expect(await (await appended(copies, there)).verified).toEqual({ rows: 6 });
    }
    const old = { id: 2n, vector: -9, price: -9 };
    const { verified, warnings } = await appended(rowsOf(5), [old, ...rowsOf(5)], true);
    await verified;
    expect(warnings).toEqual(['"books" held ids before: 2; queries may show the older rows']);
  });

  it('leaves the ids out that no query shows', async () => {
    const edges = [2n ** 63n - 1n, -(2n ** 63n), 4n].map((id) => ({ id, vector: 1, price: 1 }));
    expect(await (await appended(edges, edges.slice(2))).verified).toEqual({ rows: 1 });
  });

  it('compares JSON by its content', async () => {
    const json: FieldSpec[] = [KEY, { name: 'j', type: 'JSON' }];
    const source = memoryReader(schemaOf(...json), [
      { name: 'a', rows: 2, columns: [BigInt64Array.of(1n, 2n), textColumn(['{"a":1,"b":2}', '{"a":1}'])] },
    ]);
    const run = async (text: string) =>
      verifyAppended({
        name: '"c"',
        source: contentSource(source, wholeSplits(await source.splits())),
        writer: lookups(
          [1n, 2n].map((key) => ({ key, values: new Map([['j', Buffer.from(key === 1n ? '{"b":2,"a":1}' : text)]]) })),
        ),
        unit: {},
        unique: true,
        progress: SILENT,
        signal: NEVER,
        warn: () => {},
      });
    expect(await run('{"a": 1}')).toEqual({ rows: 2 });
    await expect(run('{"a": 2}')).rejects.toThrow(/ids 2 \(different\)/);
  });
});
