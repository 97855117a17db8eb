import { readFileSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { onlyBackup } from '../support/only-one.js';
import { partitionDigests, python } from '../support/python.js';
import { articleRows, backUpOk, makeArticles, serverStorage } from './backup-support.js';
import { runTaskOk, writtenTask } from './catalog-support.js';
import { dropCollections, fixture, milvusUri, runYaml, temporaryFolder, unique, withClient } from './support.js';

// Backups as sources of M2M and M2H, and logical backups, against Milvus 2.3.5; read back by pymilvus.

type Expected = Readonly<Record<string, Readonly<Record<string, object>>>>;

const EXPECTED: Expected = JSON.parse(
  readFileSync(fixture('milvus-backup/expected.json'), 'utf8'),
  (key, value: unknown) => (key === 'sample' ? undefined : value),
);

let sample: string;
/** A collection of every field type, and one with partitions, deletes and upserts. */
const types = unique('types');
const articles = unique('articles');

beforeAll(async () => {
  sample = join(await temporaryFolder(), 'sample');
  await cp(fixture('milvus-backup/sample'), sample, { recursive: true });
  // Its alias would be wanted by other tests of this server, too.
  const meta = join(sample, 'meta/full_meta.json');
  await writeFile(meta, (await readFile(meta, 'utf8')).replace('"articles_alias"', ''));
  await python('all_types.py', ['make', milvusUri(), types, '400']);
  await makeArticles(articles);
});
afterAll(async () => {
  await dropCollections();
});

async function expectSample(collections: Readonly<Record<string, string>>): Promise<void> {
  const found = await partitionDigests(Object.values(collections));
  for (const [source, collection] of Object.entries(collections)) {
    expect(found.get(collection)!.parts, source).toMatchObject(EXPECTED[source]!);
  }
}

/** Everything of a collection of all types, by pymilvus. */
async function dumpOf(collection: string): Promise<object> {
  return JSON.parse(await python('all_types.py', ['dump', milvusUri(), collection])) as object;
}

async function dropBoth(): Promise<void> {
  await withClient(async (client) => {
    for (const collection_name of [types, articles]) {
      await client.dropAlias({ alias: `${collection_name}_alias` });
      await client.dropCollection({ collection_name });
    }
  });
}

test('a backup of milvus-backup goes into a Milvus without its own, and by way of HDF5', async () => {
  const direct = { articles: unique('direct'), fingerprints: unique('direct_bin') };
  const keys = { source_backup: sample, source_collection: '*' };
  const done = await runTaskOk('M2M', { ...keys, mode: 'overwrite', collection_map: direct, dest_uri: milvusUri() });
  await expectSample(direct);
  const { properties, shards_num } = await withClient((c) =>
    c.describeCollection({ collection_name: direct.articles }),
  );
  expect(shards_num).toBe(2);
  expect(properties).toContainEqual({ key: 'collection.ttl.seconds', value: '864000' });

  const data_dir = await temporaryFolder();
  const archived = await runTaskOk('M2H', { ...keys, data_dir });
  const digests = (run: typeof done): (string | null)[] => run.report.targets.map(({ digest }) => digest);
  expect(digests(archived)).toEqual(digests(done));
  const back = unique('by_hdf5');
  const { dest_host: _, dest_port: __, ...task } = writtenTask(data_dir, 'articles');
  await runTaskOk('H2M', { ...task, dest_collection_name: back, dest_uri: milvusUri() });
  await expectSample({ articles: back });
});

test('a backup of ours, of every field type and with deletes, is read without the server', async () => {
  const store = await temporaryFolder();
  {
    await using _ = await onlyBackup();
    await backUpOk(store, { backup_name: 'b', source_collection: [types, articles] });
  }
  const copies = { [types]: unique('types_copy'), [articles]: unique('articles_copy') };
  await runTaskOk('M2M', {
    source_backup: { store: { type: 'local', path: store }, name: 'b' },
    source_collection: '*',
    mode: 'overwrite',
    collection_map: copies,
    dest_uri: milvusUri(),
  });
  // An alias is of one collection only.
  expect(await dumpOf(copies[types]!)).toEqual({ ...(await dumpOf(types)), aliases: [] });
  const found = await partitionDigests([articles, copies[articles]!]);
  expect(found.get(copies[articles]!)!.parts).toEqual(found.get(articles)!.parts);
});

test('segments of the running server are read from its store, flushed, without loading anything', async () => {
  // The last rows and deletes are in memory only, and then nothing can be queried.
  const before = await withClient(async (c) => {
    await c.insert({ collection_name: articles, partition_name: 'p_2024', data: articleRows(5000, 7) });
    await c.delete({ collection_name: articles, filter: 'id in [7, 1001, 5003]' });
    const found = (await partitionDigests([articles])).get(articles)!;
    await c.releaseCollection({ collection_name: articles });
    return found;
  });
  const copy = unique('articles_live');
  const keys = { source_uri: milvusUri(), source_storage: serverStorage(), source_collection: articles };
  const to = { collection_map: { [articles]: copy }, dest_uri: milvusUri(), mode: 'overwrite', verify: 'full' };
  const done = await runTaskOk('M2M', { ...keys, ...to });
  const archived = await runTaskOk('M2H', { ...keys, flush: false, data_dir: await temporaryFolder() });
  const shown = (run: typeof done): unknown[] => run.report.targets.map((t) => [t.partition, t.rows_written, t.digest]);
  expect(shown(archived)).toEqual(shown(done));
  const { state } = await withClient((c) => c.getLoadState({ collection_name: articles }));
  expect(state).toBe('LoadStateNotLoad');
  await withClient((c) => c.loadCollectionSync({ collection_name: articles }));
  const found = (await partitionDigests([copy])).get(copy)!;
  expect(found.parts).toEqual(before.parts);
});

test('a logical backup brings back what was dropped', async () => {
  const backup_store = { type: 'local', path: await temporaryFolder() };
  const source = { source_uri: milvusUri(), source_collection: [types, articles] };
  const path = join(await temporaryFolder(), 'task.yaml');
  const run = async (task: string, keys: object): Promise<Awaited<ReturnType<typeof runYaml>>> => {
    await writeFile(path, stringify({ [task]: { backup_store, backup_name: 'rows', ...keys } }));
    const done = await runYaml(path);
    expect(done.report, done.stderr).toMatchObject({ task, status: 'done', error: null });
    return done;
  };
  const before = { types: await dumpOf(types), articles: (await partitionDigests([articles])).get(articles)! };
  const made = await run('BACKUP', { ...source, strategy: 'logical' });
  expect(made.report).toMatchObject({ backup: { strategy: 'logical', collections: 2 } });
  await dropBoth();
  const back = await run('RESTORE', { dest_uri: milvusUri() });
  expect(back.report.targets.reduce((sum, t) => sum + t.rows_written, 0)).toBe(
    made.report.targets.reduce((sum, t) => sum + t.rows_written, 0),
  );
  expect(await dumpOf(types)).toEqual(before.types);
  const after = (await partitionDigests([articles])).get(articles)!;
  expect(after.parts).toEqual(before.articles.parts);
  expect(after).toMatchObject({
    indexes: before.articles.indexes,
    aliases: before.articles.aliases,
    load_state: before.articles.load_state,
  });
});
