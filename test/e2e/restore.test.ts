import { readFileSync } from 'node:fs';
import { cp, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadJob } from '../../src/config/load.js';
import { makingName } from '../../src/job/restore/making.js';
import { restoreJobId } from '../../src/job/restore/restore-job.js';
import { startCli, until } from '../support/cli.js';
import { PROJECT } from '../support/environments.js';
import { counts, makeCollection, partitionDigests } from '../support/python.js';
import {
  dropCollections,
  exists,
  fixture,
  floatFields,
  milvusUri,
  type Ran,
  runYaml,
  temporaryFolder,
  unique,
  withClient,
} from './support.js';

type Expected = Readonly<
  Record<string, Readonly<Record<string, { rows: number; sha256: string; sha256_ids: string }>>>
>;

const EXPECTED: Expected = JSON.parse(readFileSync(fixture('milvus-backup/expected.json'), 'utf8'));
const ARTICLES_ROWS = 1875;
/** The number of that collection in the sample. */
const FINGERPRINTS = '470596403606015236';

let backups: string;
beforeAll(async () => {
  backups = await temporaryFolder();
  await cp(fixture('milvus-backup/sample'), join(backups, 'sample'), { recursive: true });
});
afterAll(async () => {
  await dropCollections();
});

/** Whether a run of this file has begun a collection and not finished it. */
async function isUnfinished(yaml: string, name: string): Promise<boolean> {
  const config = loadJob(yaml);
  if (config.task !== 'RESTORE') throw new Error(`${yaml} is no RESTORE`);
  return await exists(makingName(restoreJobId(config), { db: 'default', name }));
}

async function yamlFor(keys: object): Promise<string> {
  const path = join(await temporaryFolder(), 'RESTORE.yaml');
  const all = { backup_store: { type: 'local', path: backups }, backup_name: 'sample', dest_uri: milvusUri(), ...keys };
  await writeFile(path, stringify({ RESTORE: all }));
  return path;
}

async function restore(keys: object): Promise<Ran> {
  return await runYaml(await yamlFor(keys));
}

async function restoreOk(keys: object): Promise<Ran> {
  const done = await restore(keys);
  expect(done.report.error, done.stderr).toBe(null);
  return done;
}

async function expectContent(collection: string, source: string): Promise<void> {
  const found = (await partitionDigests([collection])).get(collection)!;
  const parts = Object.entries(EXPECTED[source]!);
  expect(Object.keys(found.parts).sort()).toEqual(parts.map(([name]) => name).sort());
  for (const [name, { rows, sha256, sha256_ids: ids }] of parts) {
    expect(found.parts[name], `${collection}/${name}`).toMatchObject({ rows, sha256, sha256_ids: ids });
  }
}

/** A copy of the sample with a change. */
async function changed(name: string, change: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(backups, name);
  await cp(join(backups, 'sample'), folder, { recursive: true });
  await change(folder);
}

/** Texts that are longer than their field may be by now: the server refuses them in requests, not in an import. */
async function shorten(folder: string): Promise<void> {
  for (const name of ['full_meta.json', 'collection_meta.json']) {
    const path = join(folder, 'meta', name);
    const text = readFileSync(path, 'utf8');
    await writeFile(path, text.replaceAll(/("max_length","value":)"\d+"/g, '$1"3"'));
  }
}

async function firstLog(folder: string): Promise<string> {
  const names = await readdir(join(folder, 'binlogs/insert_log', FINGERPRINTS), {
    recursive: true,
    withFileTypes: true,
  });
  const file = names.find((entry) => entry.isFile())!;
  return join(file.parentPath, file.name);
}

describe.concurrent('a backup of milvus-backup', () => {
  it('comes back with schema, partitions, rows, index, alias, properties and load state', async () => {
    await changed('longer', shorten);
    // One after the other: all have the alias.
    for (const [write, name] of [
      ['auto', 'sample'],
      ['import', 'sample'],
      ['auto', 'longer'],
    ] as const) {
      const [articles, fingerprints] = [unique('articles'), unique('fingerprints')];
      const rename = { map: { articles, fingerprints } };
      // As docs/restore.md shows it.
      const [, page = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(PROJECT, 'docs/restore.md'), 'utf8')) ?? [];
      const shown = parse(page).RESTORE;
      const { report } = await restoreOk({
        ...shown,
        backup_store: { ...shown.backup_store, path: join(PROJECT, shown.backup_store.path) },
        ...(name === 'longer' ? { backup_store: { type: 'local', path: backups }, backup_name: name } : {}),
        dest_uri: milvusUri(),
        rename,
        write,
        verify: 'full',
      });
      expect(report).toMatchObject({ task: 'RESTORE', status: 'done', exit_code: 0 });
      const told = report.warnings.filter((text) => text.includes('is imported, because its rows cannot be inserted'));
      expect(told.length, report.warnings.join()).toBe(name === 'longer' ? 1 : 0);
      expect(report.targets.map((target) => [target.collection, target.rows_written, target.verified])).toEqual([
        [fingerprints, 500, 'full'],
        [articles, ARTICLES_ROWS, 'full'],
      ]);
      await expectContent(articles, 'articles');
      await expectContent(fingerprints, 'fingerprints');
      expect(await counts({ collection: articles })).toMatchObject({
        load_state: 'Loaded',
        aliases: ['articles_alias'],
        indexes: [{ field: 'embedding', type: 'IVF_FLAT', metric: 'IP' }],
      });
      const described = await withClient((client) => client.describeCollection({ collection_name: articles }));
      expect(described).toMatchObject({ shards_num: 2, consistency_level: 'Bounded' });
      expect(described.schema).toMatchObject({
        description: 'sample of a milvus-backup archive',
        enable_dynamic_field: true,
      });
      expect(described.properties).toMatchObject([{ key: 'collection.ttl.seconds', value: '864000' }]);
      const again = await restoreOk({ rename });
      expect(again.report).toMatchObject({
        status: 'skipped',
        targets: [{ target_rows: 500 }, { target_rows: ARTICLES_ROWS }],
      });
      await withClient((client) => client.dropAlias({ alias: 'articles_alias' }));
    }
  });

  it('comes back otherwise: another database, one shard, no index, nothing loaded, without rows', async () => {
    const db = `e2e_restore_${process.pid}`;
    const keys = { source_collection: 'fingerprints', dest_db: db, shards: 1, index: 'none', load: false };
    const { report } = await restoreOk({ ...keys, rename: { suffix: '_x' }, verify: 'count' });
    expect(report.targets).toMatchObject([
      { collection: `${db}.fingerprints_x`, rows_written: 500, verified: 'count' },
    ]);
    await restoreOk({ ...keys, rename: { suffix: '_empty' }, meta_only: true });
    const found = await counts({ collection: 'fingerprints_x', db });
    expect(found).toMatchObject({ load_state: 'NotLoad', indexes: [] });
    await withClient(async (client) => {
      await client.useDatabase({ db_name: db });
      const { stats } = await client.getCollectionStatistics({ collection_name: 'fingerprints_empty' });
      expect(stats).toMatchObject([{ key: 'row_count', value: '0' }]);
      for (const name of ['fingerprints_x', 'fingerprints_empty'])
        await client.dropCollection({ collection_name: name });
      await client.useDatabase({ db_name: 'default' });
      await client.dropDatabase({ db_name: db });
    });
  });
});

describe.concurrent('a collection that exists', () => {
  it('is replaced by one that is complete, and stays when the backup is not whole', async () => {
    const collection = unique('existing');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 7 }] });
    const keys = {
      mode: 'overwrite',
      source_collection: 'fingerprints',
      rename: { map: { fingerprints: collection } },
    };
    await changed('short', async (folder) => truncate(await firstLog(folder), 10));
    await changed('gone', async (folder) => rm(await firstLog(folder)));
    await changed('damaged', async (folder) => {
      const path = await firstLog(folder);
      const bytes = readFileSync(path);
      await writeFile(path, bytes.fill(0, 0, 20));
    });
    for (const [name, write, code, said] of [
      ['short', 'auto', 'SRC_TRUNCATED', `${FINGERPRINTS}/`],
      ['gone', 'auto', 'SRC_TRUNCATED', `${FINGERPRINTS}/`],
      ['damaged', 'import', 'DST_REFUSED', 'tried 3 times'],
      ['damaged', 'insert', 'SRC_UNSUPPORTED', `${FINGERPRINTS}/`],
    ] as const) {
      const yaml = await yamlFor({ ...keys, backup_name: name, write });
      const { report } = await runYaml(yaml);
      expect(await isUnfinished(yaml, collection), name).toBe(false);
      expect(report, name).toMatchObject({ status: 'failed', error: { code } });
      expect(report.error?.message, name).toContain(said);
    }
    expect(await counts({ collection })).toMatchObject({ count: 7 });
    const { report } = await restoreOk(keys);
    expect(report.targets).toMatchObject([{ collection, rows_written: 500, target_rows: 500, verified: 'sample' }]);
    await expectContent(collection, 'fingerprints');
  });
});

describe.concurrent('a restore that is cut short', () => {
  it.each([
    ['SIGKILL', 'insert'],
    ['SIGTERM', 'insert'],
    ['SIGKILL', 'import'],
    ['SIGTERM', 'import'],
  ] as const)('by %s leaves nothing that looks whole, and the next run succeeds, write: %s', async (signal, write) => {
    const collection = unique('cut');
    const rename = { map: { fingerprints: collection } };
    const yaml = await yamlFor({ source_collection: 'fingerprints', rename, write });
    const running = await startCli(['--yaml', yaml, '--json']);
    await until(running, () => isUnfinished(yaml, collection));
    running.child.kill(signal);
    const { code } = await running.result;
    if (signal === 'SIGTERM') expect(code).toBe(130);
    expect(await exists(collection)).toBe(false);
    expect(await isUnfinished(yaml, collection)).toBe(signal === 'SIGKILL');
    const { report } = await runYaml(yaml);
    expect(report.error).toBe(null);
    expect(report.targets).toMatchObject([{ rows_written: 500, verified: 'sample' }]);
    expect(await isUnfinished(yaml, collection)).toBe(false);
  });
});

describe.concurrent('what cannot be restored', () => {
  it.each<[string, object, string, number]>([
    ['no such backup', { backup_name: 'nothing' }, 'SRC_NOT_FOUND', 3],
    ['no such collection', { source_collection: 'nothing' }, 'NOTHING_MATCHED', 8],
    ['no such store', { backup_store: { type: 'local', path: '/nowhere/at/all' } }, 'STORE_NOT_FOUND', 2],
    ['no server', { dest_uri: 'http://127.0.0.1:1', retry_for: 0 }, 'NET_UNAVAILABLE', 5],
  ])('%s is said', async (_, keys, code, exit) => {
    const { report } = await restore(keys);
    expect(report).toMatchObject({ status: 'failed', exit_code: exit, error: { code } });
  });
});
