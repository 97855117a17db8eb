import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sumDigests } from '../../../../src/batch/digest.js';
import { specsOf } from '../../../../src/batch/fields.js';
import { contentSize } from '../../../../src/util/zstd.js';
import { schemaOf } from '../../batch/support.js';
import { batchOf, digestOf, EVERYTHING, readBack, rowsOf, simpleBatch, simpleSpecs } from '../hdf5-archive/support.js';
import { collectionOf, complete, openBooks, scratch, writeBooks } from './support.js';

const SCHEMA = schemaOf(...simpleSpecs(4));
const BOOKS = 'b/data/default/books';

/** Batches of 10 rows that follow each other. */
const tens = (count: number, first = 0) => Array.from({ length: count }, (_, i) => simpleBatch(10, 4, first + i * 10));

describe('a logical backup', () => {
  it.each(['zstd', 'none'] as const)('gives back every value of every type (%s)', async (compression) => {
    const schema = schemaOf(...EVERYTHING);
    const some = fc.sample(batchOf(EVERYTHING, { min: 1, max: 30 }), { numRuns: 3, seed: 11 });
    const folder = scratch();
    await writeBooks(folder, {
      schema,
      parts: { red: some.slice(0, 2), blue: some.slice(2) },
      target: { compression },
    });
    await complete(folder);
    await using catalog = await openBooks(folder);
    await catalog.collections[0]!.check!();
    await using reader = await catalog.collections[0]!.open();
    expect(specsOf(reader.schema)).toStrictEqual(specsOf(schema));
    const back = [await readBack(reader), await readBack(reader, {}, 1)];
    expect((await reader.splits()).map(({ partition }) => partition)).toStrictEqual(['red', 'blue']);
    const rows = some.map((batch) => rowsOf(batch));
    expect(back.map(({ rows: read }) => read)).toStrictEqual([[...rows[0]!, ...rows[1]!], rows[2]]);
    expect(back[0]!.digest.hex).toBe((await digestOf(schema, some.slice(0, 2))).hex);
    expect(collectionOf(folder).partitions[1]!.parts[0]!.digest).toBe((await digestOf(schema, some.slice(2))).hex);
  });

  it('says before every compressed buffer how long it is without compression, as other libraries need it', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: [simpleBatch(500, 4)] } });
    const bytes = readFileSync(join(folder, BOOKS, 'red.0001.arrow'));
    const frames: bigint[] = [];
    for (let at = bytes.indexOf('28b52ffd', 0, 'hex'); at >= 0; at = bytes.indexOf('28b52ffd', at + 4, 'hex')) {
      expect(bytes.readBigInt64LE(at - 8)).toBe(BigInt(contentSize(bytes.subarray(at))!));
      frames.push(bytes.readBigInt64LE(at - 8));
    }
    expect(frames).toEqual([500n * 8n, 500n * 16n]);
  });

  it('keeps what a collection was, and partitions without rows', async () => {
    const settings = {
      description: 'all',
      metric: 'IP',
      shards: 2,
      aliases: ['b'],
      properties: { x: '1' },
      dynamic: false,
      autoId: false,
      indexes: [{ field: 'vec', type: 'HNSW', metric: 'IP', params: { M: 8 } }],
      consistency: 'Strong',
      partitions: ['red', 'none'],
    };
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(1), none: [] }, settings });
    await complete(folder);
    await using catalog = await openBooks(folder);
    expect(catalog.collections[0]!.settings).toStrictEqual(settings);
    await using reader = await catalog.collections[0]!.open();
    expect((await reader.splits()).map(({ rows }) => rows)).toStrictEqual([10, 0]);
    expect((await readBack(reader, {}, 1)).rows).toStrictEqual([]);
  });

  it('goes on behind every batch, and reads only what is asked for', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) } });
    await complete(folder);
    await using catalog = await openBooks(folder);
    await using reader = await catalog.collections[0]!.open();
    const all = await readBack(reader, { maxBytes: 7 * 24 });
    expect(all.rows.length).toBe(50);
    for (const [i, cursor] of all.cursors.entries()) {
      const behind = all.sizes.slice(0, i + 1).reduce((sum, n) => sum + n, 0);
      expect((await readBack(reader, { after: cursor, maxBytes: 1000 })).rows).toStrictEqual(all.rows.slice(behind));
    }
    const ids = await readBack(reader, { columns: ['id'] });
    expect(ids.rows).toStrictEqual(all.rows.map(([id]) => [id]));
  });

  it('is cut into files, whose digests add up', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target: { partBytes: 20 * 24 } });
    const { parts } = collectionOf(folder).partitions[0]!;
    expect(parts.map(({ rows }) => rows)).toStrictEqual([20, 20, 10]);
    const digest = parts.reduce<string | undefined>((sum, part) => sumDigests(sum, part.digest), undefined);
    expect(digest).toBe((await digestOf(SCHEMA, tens(5))).hex);
    expect(readdirSync(join(folder, BOOKS)).sort()).toStrictEqual([
      'collection.json',
      ...[1, 2, 3].map((n) => `red.000${n}.arrow`),
    ]);
  });
});

it('stops between the slices of a batch when its signal is aborted', async () => {
  const folder = scratch();
  await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(2) } });
  await complete(folder);
  await using catalog = await openBooks(folder);
  await using reader = await catalog.collections[0]!.open();
  const stop = new AbortController();
  const [split] = await reader.splits();
  const read = async (): Promise<void> => {
    for await (const _ of reader.read(split!, { maxBytes: 1, signal: stop.signal })) stop.abort();
  };
  await expect(read()).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

describe('a run that was cut short', () => {
  const units = [{ partition: 'red', write: true, existingRows: 0, fresh: true }];
  const resume = (rows: number) => ({ units, creates: true, target: 'x', rows: new Map([['red', rows]]) });
  const target = { partBytes: 20 * 24 };

  it('leaves complete files, which the next run takes over', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target, batches: 3 });
    const left = readdirSync(join(folder, BOOKS)).sort();
    expect(left).toStrictEqual(['red.0001.arrow', 'red.0001.json']);
    const first = readFileSync(join(folder, BOOKS, 'red.0001.arrow'));
    // Ten of the twenty rows were noted; the others come again.
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(4, 10) }, target, resume: resume(10) });
    await complete(folder);
    expect(readFileSync(join(folder, BOOKS, 'red.0001.arrow'))).toStrictEqual(first);
    await using catalog = await openBooks(folder);
    await using reader = await catalog.collections[0]!.open();
    const splits = await reader.splits();
    expect(splits.map(({ rows }) => rows)).toStrictEqual([20, 20, 10]);
    const rows = (await Promise.all(splits.map((_, i) => readBack(reader, {}, i)))).flatMap((back) => back.rows);
    expect(rows).toStrictEqual(tens(5).flatMap(rowsOf));
  });

  it('cannot be gone on with when a file is gone', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target, batches: 3 });
    rmSync(join(folder, BOOKS, 'red.0001.arrow'));
    const again = writeBooks(folder, { schema: SCHEMA, parts: { red: tens(3, 20) }, target, resume: resume(20) });
    await expect(again).rejects.toMatchObject({ code: 'DST_UNFINISHED' });
  });

  it('is written over by one that starts anew', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5), blue: tens(1) }, target, batches: 4 });
    await writeBooks(folder, { schema: SCHEMA, parts: { green: tens(1) } });
    expect(readdirSync(join(folder, BOOKS)).sort()).toStrictEqual(['collection.json', 'green.0001.arrow']);
  });
});

describe('a damaged backup', () => {
  const part = `${BOOKS}/red.0001.arrow`;

  async function damaged(change: (path: string) => void): Promise<unknown> {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) } });
    await complete(folder);
    change(join(folder, part));
    await using catalog = await openBooks(folder);
    await using reader = await catalog.collections[0]!.open();
    return await readBack(reader).catch((thrown: unknown) => thrown);
  }

  it('is told at every place where a byte changes', async () => {
    const folder = scratch();
    const [batch] = fc.sample(batchOf(EVERYTHING, { min: 4, max: 6 }), { numRuns: 1, seed: 3 });
    const target = { compression: 'none' } as const;
    await writeBooks(folder, { schema: schemaOf(...EVERYTHING), parts: { red: [batch!] }, target });
    await complete(folder);
    const path = join(folder, part);
    const bytes = readFileSync(path);
    await using catalog = await openBooks(folder);
    await using reader = await catalog.collections[0]!.open();
    for (let at = 0; at < bytes.length; at += 61) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0x55;
      writeFileSync(path, changed);
      await expect(readBack(reader), `byte ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(/^SRC_(CORRUPT|TRUNCATED)$/),
      });
    }
  });

  it('is told where a file is cut or gone', async () => {
    const cut = await damaged((path) => truncateSync(path, 700));
    expect(cut).toMatchObject({
      code: expect.stringMatching(/^SRC_(CORRUPT|TRUNCATED)$/),
      message: expect.stringContaining(part),
    });
    const gone = await damaged((path) => rmSync(path));
    expect(gone).toMatchObject({ code: 'STORE_MISSING' });
  });

  it('is seen by check before anything is read', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) } });
    await complete(folder);
    truncateSync(join(folder, part), 700);
    await using catalog = await openBooks(folder);
    await expect(catalog.collections[0]!.check!()).rejects.toMatchObject({ code: 'SRC_TRUNCATED' });
    rmSync(join(folder, part));
    await expect(catalog.collections[0]!.check!()).rejects.toMatchObject({ code: 'SRC_NOT_FOUND' });
  });

  it('does not lead out of its folder, and says what is wrong with its manifest', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(1) } });
    const [red] = collectionOf(folder).partitions;
    const outside = { ...red!, parts: [{ ...red!.parts[0]!, key: 'data/../../x' }] };
    await complete(folder, (c) => ({ ...c, partitions: [outside] }));
    await expect(openBooks(folder)).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/manifest/),
    });
    const path = join(folder, 'b/meta/manifest.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"version": 1', '"version": 9'));
    await expect(openBooks(folder)).rejects.toMatchObject({ code: 'SRC_UNSUPPORTED' });
    rmSync(path);
    await expect(openBooks(folder)).rejects.toMatchObject({ code: 'SRC_UNFINISHED' });
    expect(existsSync(path)).toBe(false);
  });
});
