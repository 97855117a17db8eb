import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openLogicalTarget } from '../../../../src/adapters/ipc/target.js';
import type { SplitRows } from '../../../../src/adapters/types.js';
import { makeBatch } from '../../../../src/batch/columns.js';
import { sumDigests } from '../../../../src/batch/digest.js';
import { specsOf } from '../../../../src/batch/fields.js';
import { contentSize } from '../../../../src/util/zstd.js';
import { schemaOf } from '../../batch/support.js';
import { batchOf, digestOf, EVERYTHING, readBack, rowsOf, simpleBatch, simpleSpecs } from '../hdf5-archive/support.js';
import {
  BOOKS_REQUEST,
  collectionOf,
  complete,
  type Given,
  openBooks,
  scratch,
  settledRows,
  writeBooks,
} from './support.js';

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

  it('says of a buffer that is better stored as it is that it is not compressed', async () => {
    const schema = schemaOf(...simpleSpecs(64));
    const noise = new Float32Array(500 * 64).map((_, i) => Math.sin(i * i));
    const batch = makeBatch(schema, 500, [BigInt64Array.from({ length: 500 }, (_, i) => BigInt(i)), noise]);
    const folder = scratch();
    await writeBooks(folder, { schema, parts: { red: [batch] } });
    const bytes = readFileSync(join(folder, BOOKS, 'red.0001.arrow'));
    const at = bytes.indexOf(Buffer.from(noise.buffer));
    expect(bytes.readBigInt64LE(at - 8)).toBe(-1n);
    await complete(folder);
    await using catalog = await openBooks(folder);
    await using reader = await catalog.collections[0]!.open();
    expect((await readBack(reader)).rows).toStrictEqual(rowsOf(batch));
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

function removeWithNote(path: string): void {
  for (const one of [path, path.replace('arrow', 'json')]) rmSync(one);
}

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
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(4, 10) }, first: 10, target, resume: resume(10) });
    await complete(folder);
    expect(readFileSync(join(folder, BOOKS, 'red.0001.arrow'))).toStrictEqual(first);
    await using catalog = await openBooks(folder);
    await using reader = await catalog.collections[0]!.open();
    const splits = await reader.splits();
    expect(splits.map(({ rows }) => rows)).toStrictEqual([20, 20, 10]);
    const rows = (await Promise.all(splits.map((_, i) => readBack(reader, {}, i)))).flatMap((back) => back.rows);
    expect(rows).toStrictEqual(tens(5).flatMap(rowsOf));
  });

  it('has every row once, whatever was written of which split, and noted of it', async () => {
    const whole = simpleBatch(120, 4);
    /** Three splits of 40 rows, each cut at random; batches of all of them mixed. */
    const cuts = fc.tuple(...[0, 1, 2].map(() => fc.uniqueArray(fc.integer({ min: 1, max: 39 }), { maxLength: 6 })));
    const given = (splits: readonly (readonly number[])[], seed: number): Given[] => {
      const queues = splits.map((at, i) => {
        const ends = [...at].sort((a, b) => a - b).concat(40);
        return ends.map((to, j): Given => {
          const from = ends[j - 1] ?? 0;
          return { batch: whole.slice(i * 40 + from, i * 40 + to), source: { split: `s${i}`, from, to } };
        });
      });
      const mixed: Given[] = [];
      for (let at = seed, open = queues; open.length > 0; at = (at * 7 + 3) % 1009) {
        mixed.push(open[at % open.length]!.shift()!);
        open = open.filter(({ length }) => length > 0);
      }
      return mixed;
    };
    await fc.assert(
      fc.asyncProperty(
        cuts,
        cuts,
        fc.nat(1000),
        fc.nat(20),
        fc.nat(3),
        async (before, after, seed, batches, forget) => {
          const folder = mkdtempSync(join(tmpdir(), 'milvusdm-logical-'));
          const settled = settledRows();
          const durable: SplitRows[] = [];
          const onDurable = (rows: SplitRows) => durable.push(rows);
          await writeBooks(folder, { schema: SCHEMA, parts: { red: given(before, seed) }, target, batches, onDurable });
          // The last of what was durable did not come into the ledger any more.
          for (const rows of durable.slice(0, Math.max(0, durable.length - forget))) settled.add(rows);
          const again = given(after, seed + 1).flatMap(({ batch, source }) =>
            settled.missing(source).map(({ from, to }) => ({
              batch: batch.slice(from - source.from, to - source.from),
              source: { split: source.split, from, to },
            })),
          );
          await writeBooks(folder, { schema: SCHEMA, parts: { red: again }, target, resume: resume(settled.count) });
          await complete(folder);
          await using catalog = await openBooks(folder);
          await using reader = await catalog.collections[0]!.open();
          const splits = await reader.splits();
          const back = await Promise.all(splits.map((_, i) => readBack(reader, {}, i)));
          const ids = back.flatMap(({ rows }) => rows.map(([id]) => Number(id)));
          expect(ids.sort((a, b) => a - b)).toStrictEqual(Array.from({ length: 120 }, (_, i) => i));
          const digests = collectionOf(folder).partitions[0]!.parts.map((part) => part.digest);
          const digest = digests.reduce<string | undefined>(sumDigests, undefined);
          expect(digest).toBe((await digestOf(SCHEMA, [whole])).hex);
          rmSync(folder, { recursive: true });
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is complete where it died behind its last file', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target });
    const left = readdirSync(join(folder, BOOKS)).sort();
    const first = collectionOf(folder);
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(2, 30) }, first: 30, target, resume: resume(30) });
    expect(readdirSync(join(folder, BOOKS)).sort()).toStrictEqual(left);
    expect(collectionOf(folder)).toStrictEqual(first);
  });

  it('completes nothing behind a batch that failed', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target, batches: 3 });
    const storage = { type: 'local', path: folder } as const;
    const full = { storage, name: 'b', db: 'default', compression: 'none', ...target } as const;
    await using opened = await openLogicalTarget(full, () => {});
    await using writer = opened.writer(BOOKS_REQUEST);
    await writer.plan(SCHEMA, [{ partition: 'red' }], { exact: false, resume: resume(20) });
    const write = (batch: RecordBatch, source?: SplitRows): Promise<unknown> =>
      writer.write(batch, { partition: 'red', repeatable: true, ...(source ? { source } : {}) });
    const [a, b, c] = tens(3, 20) as [RecordBatch, RecordBatch, RecordBatch];
    await write(a, { split: 'red', from: 20, to: 30 });
    const failure = { code: 'INTERNAL', message: expect.stringMatching(/where they come from/) };
    await expect(write(b)).rejects.toMatchObject(failure);
    await expect(write(c, { split: 'red', from: 40, to: 50 })).rejects.toMatchObject(failure);
    await expect(writer.completeUnit!({ partition: 'red' })).rejects.toMatchObject(failure);
    await writer[Symbol.asyncDispose]();
    expect(readdirSync(join(folder, BOOKS)).sort()).toStrictEqual(['red.0001.arrow', 'red.0001.json']);
  });

  it.each([
    ['gone', (path: string) => rmSync(path), /red\.0001\.arrow .* is gone$/],
    ['gone with its note', removeWithNote, /is gone$/],
    ['cut', (path: string) => truncateSync(path, 300), /red\.0001\.arrow .* has 300 bytes, had [\d,]+$/],
  ])('cannot be gone on with when a file is %s', async (_, change, message) => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target, batches: 3 });
    change(join(folder, BOOKS, 'red.0001.arrow'));
    const more = { parts: { red: tens(3, 20) }, first: 20, target, resume: resume(20) };
    const failure = { code: 'DST_UNFINISHED', message: expect.stringMatching(message) };
    await expect(writeBooks(folder, { schema: SCHEMA, ...more })).rejects.toMatchObject(failure);
  });

  it('cannot be gone on with when a file is cut after all were complete', async () => {
    const folder = scratch();
    await writeBooks(folder, { schema: SCHEMA, parts: { red: tens(5) }, target });
    truncateSync(join(folder, BOOKS, 'red.0002.arrow'), 300);
    const again = writeBooks(folder, {
      schema: SCHEMA,
      parts: { red: tens(2, 30) },
      first: 30,
      target,
      resume: resume(30),
    });
    const failure = { code: 'DST_UNFINISHED', message: expect.stringMatching(/red\.0002\.arrow .* has 300 bytes/) };
    await expect(again).rejects.toMatchObject(failure);
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
