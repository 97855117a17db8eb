import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { openSelfContained } from '../../src/job/snapshot/self-contained/index.js';
import type { SnapshotKeeper } from '../../src/job/snapshot/types.js';
import { sleep } from '../../src/util/abort.js';
import { PROJECT } from '../support/environments.js';
import { partitionDigests, python } from '../support/python.js';
import { articleRows, filesBelow, makeArticles, serverStorage } from './backup-support.js';
import { runTaskOk } from './catalog-support.js';
import { dropCollections, milvusUri, type Ran, temporaryFolder, unique, withClient } from './support.js';

// Self-contained snapshots against Milvus 2.3.5 with local storage, by way of the library.

/** A collection of every field type, and one with partitions, deletes and upserts. */
const types = unique('snap_types');
const articles = unique('snap_articles');
const messages: string[] = [];
let keeper: SnapshotKeeper;

const refOf = (collection: string, name: string) => ({ db: 'default', collection, name });
const request = (collection: string, name: string) => ({ ...refOf(collection, name), description: '', flush: true });

beforeAll(async () => {
  const endpoint = { at: { kind: 'server', address: inject('milvusAddress'), tls: false } } as const;
  const say = (message: string): unknown => messages.push(message);
  const o = { log: say, warn: say, signal: new AbortController().signal, retryForMs: 10_000 };
  keeper = await openSelfContained({ endpoint, storage: serverStorage() }, o);
  await python('all_types.py', ['make', milvusUri(), types, '120']);
  await makeArticles(articles);
});
afterAll(async () => {
  for (const one of (await keeper?.list({})) ?? [])
    if ([types, articles].includes(one.collection)) await keeper.drop(one);
  await keeper?.[Symbol.asyncDispose]();
  await dropCollections();
});

/** Everything of a collection of all types, by pymilvus. */
async function dumpOf(collection: string): Promise<object> {
  return JSON.parse(await python('all_types.py', ['dump', milvusUri(), collection])) as object;
}

async function partsOf(collection: string): Promise<object> {
  await withClient((client) => client.loadCollectionSync({ collection_name: collection }));
  return (await partitionDigests([collection])).get(collection)!.parts;
}

async function restored(collection: string, name: string): Promise<string> {
  const to = unique('snap_back');
  const id = await keeper.restore({ from: refOf(collection, name), to: { db: 'default', collection: to } });
  expect(await keeper.restoreJob(id)).toMatchObject({
    state: 'completed',
    progress: 100,
    to: { collection: to },
    reason: '',
  });
  return to;
}

/** Rows and digests by partition. */
const shown = ({ report }: Ran): unknown[] =>
  report.targets.map((one) => [one.partition, one.rows_written, one.digest]);

/** The segments that the server has of a collection and keeps. */
async function liveSegments(collection: string): Promise<string[]> {
  const { infos } = await withClient((client) =>
    client.getPersistentSegmentInfo({ collectionName: collection } as never),
  );
  return (infos as unknown as { segmentID: string; state: string }[])
    .filter(({ state }) => state === 'Flushed')
    .map(({ segmentID }) => segmentID);
}

test('a snapshot brings back every row of every field type, and its files hold them without a server', async () => {
  const created = await keeper.create(request(types, 'all_types'));
  expect(created).toMatchObject({ kind: 'self-contained', name: 'all_types' });
  expect(keeper.notes.join()).toContain('O(data)');
  expect(await keeper.list({ collection: types })).toEqual([created]);
  const details = await keeper.describe(created);
  expect(details).toMatchObject({ rows: created.rows, bytes: created.bytes, shape: { source: 'snapshot' } });
  expect(details.shape!.fields).toHaveLength(20);
  const before = (await dumpOf(types)) as { aliases: string[] };
  const back = await restored(types, 'all_types');
  await withClient((client) => client.loadCollectionSync({ collection_name: back }));
  expect(await dumpOf(back)).toEqual({ ...before, aliases: [] });
  const live = { source_uri: milvusUri(), source_collection: types };
  const archive = async (source: object): Promise<unknown[]> =>
    shown(await runTaskOk('M2H', { ...source, data_dir: await temporaryFolder(), verify: 'full' }));
  const offline = await archive({ source_snapshot: created.location, source_collection: types });
  expect(offline).toEqual(await archive(live));
  expect(offline).toContainEqual(['first', 60, expect.stringMatching(/^[0-9a-f]+$/)]);
});

test('what comes after a snapshot is not in it: writes, deletes, a compaction, the end of the collection', async () => {
  const before = await partsOf(articles);
  const first = await keeper.create(request(articles, 'before'));
  const segments = await liveSegments(articles);
  await withClient(async (client) => {
    await client.delete({ collection_name: articles, filter: 'id in [20, 21, 1001]' });
    await client.insert({ collection_name: articles, data: articleRows(7000, 50) });
    await client.flushSync({ collection_names: [articles] });
    const { compactionID } = await client.compact({ collection_name: articles });
    for (let tries = 0; tries < 3000; tries++) {
      const { state } = await client.getCompactionState({ compactionID });
      if (String(state) === 'Completed' || String(state) === '2') break;
      await sleep(200);
    }
  });
  const after = await partsOf(articles);
  const now = await liveSegments(articles);
  expect(segments.filter((id) => !now.includes(id)).length, 'segments compacted away').toBeGreaterThan(0);
  const second = await keeper.create(request(articles, 'after'));
  const offline = { source_snapshot: second.location, source_collection: articles };
  const { report } = await runTaskOk('M2H', { ...offline, data_dir: await temporaryFolder() });
  const rows = (parts: object): number => Object.values(parts).reduce((sum, part) => sum + part.rows, 0);
  expect(report.targets.reduce((sum, one) => sum + one.rows_written, 0)).toBe(rows(after));
  expect(rows(after)).toBe(rows(before) + 50 - 3);
  await expect(keeper.restore({ from: first, to: { db: 'default', collection: articles } })).rejects.toMatchObject({
    code: 'SNAPSHOT_TARGET_EXISTS',
  });
  await withClient(async (client) => {
    await client.dropAlias({ alias: `${articles}_alias` });
    await client.releaseCollection({ collection_name: articles });
    await client.dropCollection({ collection_name: articles });
  });
  expect((await keeper.list({ collection: articles })).map(({ name }) => name)).toEqual(['before', 'after']);
  expect(existsSync(first.location.replace(/\/snapshots\/.*/, ''))).toBe(true);
  expect(await partsOf(await restored(articles, 'before'))).toEqual(before);
  await keeper.drop(second);
  await keeper.drop(first);
  expect(await keeper.list({ collection: articles })).toEqual([]);
  expect(existsSync(first.location.replace(/\/snapshots\/.*/, ''))).toBe(false);
});

test('a collection whose fields have other numbers than new ones would get comes back row by row', async () => {
  const name = unique('snap_gap');
  await withClient(async (client) => {
    await client.createCollection({
      collection_name: name,
      fields: [
        { name: 'id', data_type: DataType.Int64, is_primary_key: true },
        { name: 'dropped', data_type: DataType.Int32 },
        { name: 'v', data_type: DataType.FloatVector, dim: 2 },
      ],
    });
    const data = Array.from({ length: 40 }, (_, id) => ({ id, dropped: id, v: [id, id / 2] }));
    await client.insert({ collection_name: name, data });
    await client.createIndex({ collection_name: name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
  });
  const created = await keeper.create(request(name, 'gap'));
  // As if a newer server had dropped the field of this number: its files are there still.
  const metadata = JSON.parse(readFileSync(created.location, 'utf8'));
  const { schema } = metadata.collection;
  schema.fields = schema.fields.filter((field: { name: string }) => field.name !== 'dropped');
  await writeFile(created.location, JSON.stringify(metadata));
  const back = await restored(name, 'gap');
  expect(messages.join('\n')).toMatch(
    /decoded and inserted.*field "v" has the number 102, and one that is made anew would get 101/,
  );
  const { data } = await withClient(async (client) => {
    await client.loadCollectionSync({ collection_name: back });
    const query = { collection_name: back, filter: 'id >= 0', output_fields: ['id', 'v'], consistency_level: 0 };
    return client.query(query as never);
  });
  expect(data).toHaveLength(40);
  expect(data).toContainEqual({ id: '7', v: [7, 3.5] });
  await keeper.drop(created);
});

/** Creates a snapshot in a process of its own, which stands still when so many files are in place. */
async function killedCreate(after: number): Promise<void> {
  const script = join(await temporaryFolder(), 'create.mjs');
  const module = join(PROJECT, 'dist/job/snapshot/self-contained/index.js');
  await writeFile(
    script,
    `import { writeSync } from 'node:fs';
import { openSelfContained } from ${JSON.stringify(module)};
let files = 0;
const keeper = await openSelfContained(${JSON.stringify({
      endpoint: { at: { kind: 'server', address: inject('milvusAddress'), tls: false } },
      storage: serverStorage(),
    })}, { log() {}, warn() {}, signal: new AbortController().signal, retryForMs: 1000, onProgress() {
  if (++files < ${after}) return;
  writeSync(1, 'here');
  for (;;);
} });
await keeper.create(${JSON.stringify(request(types, 'killed'))});
`,
  );
  const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('kill -9 while one is made leaves nothing that looks whole, and does not stand in the way of the next', async () => {
  // Other collections have theirs beside it, of other tests.
  const { location } = await keeper.describe(refOf(types, 'all_types'));
  const folder = location.replace(/\/[^/]+\/snapshots\/.*/, '');
  const all = (): string[] => filesBelow(folder).filter((name) => name.includes('/files/'));
  const whole = all();
  await killedCreate(5);
  const left = all().filter((name) => !whole.includes(name));
  expect(whole.length).toBeGreaterThan(0);
  expect(left.length).toBeGreaterThan(0);
  expect((await keeper.list({ collection: types })).map(({ name }) => name)).toEqual(['all_types']);
  await expect(keeper.describe(refOf(types, 'killed'))).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
  const again = await keeper.create(request(types, 'killed'));
  expect(messages.join('\n')).toMatch(/was never completed/);
  expect(all().filter((name) => left.includes(name))).toEqual([]);
  expect(readdirSync(join(again.location, '..'))).toHaveLength(1);
});
