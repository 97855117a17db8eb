import { readFileSync, statSync } from 'node:fs';
import { cp, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { openBackupCatalog } from '../../src/adapters/backup/index.js';
import { decodeManifest } from '../../src/backup/logical.js';
import { sumDigests } from '../../src/batch/digest.js';
import { lockServer } from '../../src/job/backup/server-lock.js';
import { openStore } from '../../src/store/index.js';
import { sleep } from '../../src/util/abort.js';
import { runCli, until } from '../support/cli.js';
import { type Minio, startMinio } from '../support/minio.js';
import { onlyBackup } from '../support/only-one.js';
import { smallDisk } from '../support/small-disk.js';
import {
  articleRows,
  backUp,
  backUpOk,
  backupCommand,
  backupFailure,
  backupYaml,
  filesBelow,
  makeArticles,
  serverStorage,
  startBackup,
} from './backup-support.js';
import {
  checkOutput,
  dropCollections,
  exists,
  fixture,
  milvusUri,
  ran,
  runYaml,
  temporaryFolder,
  unique,
  withClient,
} from './support.js';

/** The build of MinIO may not be over yet. */
const MINIO_BUILD_MS = 1_200_000;

let store: string;
let articles: string;
let empty: string;
let alone: AsyncDisposable;

beforeAll(async () => {
  alone = await onlyBackup();
  store = await temporaryFolder();
  [articles, empty] = [unique('articles'), unique('empty')];
  await makeArticles(articles);
  await withClient((client) =>
    client.createCollection({
      collection_name: empty,
      fields: [
        { name: 'id', data_type: 'Int64', is_primary_key: true },
        { name: 'bits', data_type: 'BinaryVector', dim: 16 },
      ],
    }),
  );
  await backUpOk(store, { backup_name: 'whole', source_collection: [articles, empty] });
});
afterAll(async () => {
  await alone?.[Symbol.asyncDispose]();
  await dropCollections();
});

/** The keys of a JSON document with the types of their values; lists count as what is in them, whatever the order. */
function shapeOf(value: unknown, path = '', shape = new Set<string>()): Set<string> {
  if (Array.isArray(value)) for (const item of value) shapeOf(item, `${path}[]`, shape);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) shapeOf(child, `${path}.${key}`, shape);
  } else shape.add(`${path}: ${typeof value}`);
  return shape;
}

const readJson = (...path: string[]): unknown => JSON.parse(readFileSync(join(...path), 'utf8'));

/** The rows of a collection as queries show them now: keys and titles. */
async function liveRows(collection: string): Promise<Map<string, string>> {
  const { data } = await withClient(async (client) => {
    await client.loadCollectionSync({ collection_name: collection });
    const query = { collection_name: collection, filter: 'id >= 0', output_fields: ['id', 'title'], limit: 16_384 };
    return await client.query({ ...query, consistency_level: 'Strong' as never });
  });
  return new Map(data.map(({ id, title }) => [String(id), String(title)]));
}

/** The rows that a backup shows without a server. Throws where a key occurs twice. */
async function offlineRows(backup: string, collection: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const source = { adapter: 'backup', storage: { type: 'local', path: join(store, backup) }, name: '' } as const;
  const o = { retryForMs: 0, log: () => {} };
  await using catalog = await openBackupCatalog({ ...source, select: { [collection]: null } }, o);
  await using reader = await catalog.collections[0]!.open();
  for (const split of await reader.splits()) {
    for await (const { batch } of reader.read(split, { maxBytes: 1 << 20 })) {
      const [ids, titles] = [batch.getChild('id')!, batch.getChild('title')!];
      for (let row = 0; row < batch.numRows; row++) {
        const id = String(ids.get(row));
        if (found.has(id)) throw new Error(`${id} is in the backup twice`);
        found.set(id, String(titles.get(row)));
      }
    }
  }
  return found;
}

describe('a backup', () => {
  it('is laid out as milvus-backup lays it: the same files, keys and types', () => {
    const sample = fixture('milvus-backup/sample');
    const form = (path: string): string => path.replace(/\d{15,}/g, 'ID').replace(/\/(0|1|10\d)\//, '/FIELD/');
    const forms = (folder: string): string[] => [...new Set(filesBelow(folder).map(form))].sort();
    const ours = forms(join(store, 'whole')).filter((name) => name !== 'meta/milvusdm.json');
    expect(ours).toEqual(forms(sample));
    for (const level of ['backup', 'collection', 'partition', 'segment', 'full']) {
      const file = `meta/${level}_meta.json`;
      // Fields of arrays have an element_type, and there are none here; index parameters come as they were given.
      const keys = (path: string): string[] =>
        [...shapeOf(readJson(path, file))]
          .filter((key) => !/element_type/.test(key))
          .map((key) => key.replace(/params\.(nlist|params):/, 'params.GIVEN:'))
          .sort();
      expect(keys(join(store, 'whole')), file).toEqual(keys(sample));
    }
  });

  it('has what its collection is, and every file with its size', async () => {
    const { backup } = (await backupCommand('get', store, 'whole')) as { backup: { collections: object[] } };
    expect(backup).toMatchObject({
      strategy: 'storage',
      milvus_version: expect.stringContaining('2.3.5'),
      users: null,
    });
    expect(backup.collections).toMatchObject([
      {
        db: 'default',
        name: articles,
        rows: 1002,
        shards: 2,
        load_state: 'Loaded',
        fields: ['id INT64', 'embedding FLOAT_VECTOR', 'title VARCHAR'],
        partitions: [
          { name: '_default', rows: 702 },
          { name: 'p_2024', rows: 300 },
          { name: 'p_empty', rows: 0 },
        ],
        indexes: [{ field: 'embedding', type: 'IVF_FLAT', metric: 'IP' }],
        aliases: [`${articles}_alias`],
        properties: { 'collection.ttl.seconds': '864000' },
      },
      { name: empty, rows: 0, segments: 0, load_state: 'NotLoad', indexes: [] },
    ]);
    const check = await backupCommand('verify', store, 'whole', '--full');
    expect(check).toMatchObject({ status: 'whole', problems: [], extra: [], without_checksum: 0 });
    expect(check.checksums).toBe(check.files);
  });

  it('holds the rows that the server shows, without deleted and replaced ones', async () => {
    const rows = await offlineRows('whole', articles);
    expect(rows).toEqual(await liveRows(articles));
    expect([rows.size, rows.get('10'), rows.has('3')]).toEqual([997, 'upserted 10', false]);
  });

  it('does not take a name that is taken, nor a collection that is not there', async () => {
    const again = await backUp(store, { backup_name: 'whole', source_collection: articles });
    expect(again.report).toMatchObject({ exit_code: 4, error: { code: 'DST_REFUSED' } });
    const none = await backUp(store, { backup_name: 'none', source_collection: 'no_such_collection' });
    expect(none.report).toMatchObject({ exit_code: 8, error: { code: 'NOTHING_MATCHED' } });
    expect(filesBelow(store).some((name) => name.startsWith('none/'))).toBe(false);
  });

  it('is planned without a trace', async () => {
    const yaml = await backupYaml(store, { backup_name: 'planned', source_collection: articles });
    const plan = checkOutput(await runCli(['plan', yaml, '--json']));
    expect(plan).toMatchObject({ task: 'BACKUP', status: 'planned', collections: [`default.${articles}`] });
    expect(plan.actions).toMatchObject([{ kind: 'create' }, { kind: 'copy', target: `default.${articles}` }]);
    expect(filesBelow(store).some((name) => name.startsWith('planned/'))).toBe(false);
  });

  it('with hard links shares the files of the server', async () => {
    const { report } = await backUpOk(store, { backup_name: 'linked', source_collection: articles, link: true });
    expect(report.backup).toMatchObject({ linked: true, checksums: 0 });
    const logs = filesBelow(join(store, 'linked/binlogs'));
    expect(logs).toHaveLength(report.backup!.files);
    for (const log of logs) expect(statSync(join(store, 'linked/binlogs', log)).nlink, log).toBeGreaterThan(1);
    expect(await backupCommand('verify', store, 'linked', '--full')).toMatchObject({ status: 'whole', checksums: 0 });
  });

  it('of several databases has each, and stands for the cluster', async () => {
    const db = `bk_${process.pid}`;
    const name = unique('other');
    await withClient(async (client) => {
      await client.createDatabase({ db_name: db });
      await client.createCollection({
        db_name: db,
        collection_name: name,
        fields: [
          { name: 'id', data_type: 'Int64', is_primary_key: true },
          { name: 'v', data_type: 'FloatVector', dim: 2 },
        ],
      });
      await client.insert({ db_name: db, collection_name: name, data: [{ id: 1, v: [1, 2] }] });
    });
    try {
      const { report } = await backUpOk(store, {
        backup_name: 'dbs',
        source_collection: [`${db}.*`, `default.${articles}`],
      });
      expect(report.targets.map((target) => [target.source, target.rows_written])).toEqual([
        [`${db}.${name}`, 1],
        [`default.${articles}`, 1002],
      ]);
      expect(report.backup).toMatchObject({ type: 'COLLECTION', collections: 2 });
      const { backup } = (await backupCommand('get', store, 'dbs')) as { backup: { databases: string[] } };
      expect(backup.databases.sort()).toEqual([db, 'default'].sort());
    } finally {
      await withClient(async (client) => {
        await client.dropCollection({ db_name: db, collection_name: name });
        await client.dropDatabase({ db_name: db });
      });
    }
  });
});

describe('backups on top of each other', () => {
  it('take what is new from the server, stand alone, and bring back what was dropped', async () => {
    const name = unique('grows');
    await makeArticles(name);
    await backUpOk(store, { backup_name: 'monday', source_collection: name });
    await withClient(async (client) => {
      await client.insert({ collection_name: name, data: articleRows(5000, 200) });
      await client.delete({ collection_name: name, filter: 'id in [20, 21]' });
    });
    const { report } = await backUpOk(store, { backup_name: 'tuesday', base: 'monday', source_collection: name });
    const { copied, from_base: old, files } = report.backup!;
    expect(old.files).toBeGreaterThan(20);
    expect(copied.files).toBeGreaterThan(5);
    expect(copied.files + old.files).toBe(files);
    expect(copied.bytes).toBeLessThan(old.bytes);
    expect(await backupCommand('delete', store, 'monday', '--yes')).toMatchObject({ backup: { removed: true } });
    expect(await backupCommand('verify', store, 'tuesday', '--full')).toMatchObject({ status: 'whole' });
    const before = await liveRows(name);
    expect(await offlineRows('tuesday', name)).toEqual(before);
    const lost = await backUp(store, { backup_name: 'wednesday', base: 'monday', source_collection: name });
    expect(lost.report).toMatchObject({ exit_code: 3, error: { code: 'SRC_NOT_FOUND' } });
    await withClient(async (client) => {
      await client.dropAlias({ alias: `${name}_alias` });
      await client.releaseCollection({ collection_name: name });
      await client.dropCollection({ collection_name: name });
    });
    expect(await exists(name)).toBe(false);
    const path = join(await temporaryFolder(), 'RESTORE.yaml');
    const places = {
      backup_store: { type: 'local', path: store },
      dest_storage: serverStorage(),
      dest_uri: milvusUri(),
    };
    await writeFile(path, stringify({ RESTORE: { ...places, backup_name: 'tuesday' } }));
    const restored = await runYaml(path);
    expect(restored.report.error, restored.stderr).toBe(null);
    expect(await liveRows(name)).toEqual(before);
    const described = await withClient((client) => client.describeCollection({ collection_name: `${name}_alias` }));
    expect(described.properties).toMatchObject([{ key: 'collection.ttl.seconds', value: '864000' }]);
  });
});

describe('a damaged backup', () => {
  it('is named with what is lost, cut and changed', async () => {
    await backUpOk(store, { backup_name: 'damaged', source_collection: articles });
    const [lost, cut, changed] = filesBelow(join(store, 'damaged')).filter((name) => name.startsWith('binlogs/insert'));
    await rm(join(store, 'damaged', lost!));
    await truncate(join(store, 'damaged', cut!), 100);
    const bytes = readFileSync(join(store, 'damaged', changed!));
    bytes[bytes.length >> 1]! ^= 16;
    await writeFile(join(store, 'damaged', changed!), bytes);
    const { problems, ...check } = (await backupCommand('verify', store, 'damaged', '--full')) as {
      problems: { key: string; problem: string }[];
    };
    expect(check).toMatchObject({ status: 'damaged', exit_code: 6 });
    expect(Object.fromEntries(problems.map(({ key, problem }) => [key, problem]))).toEqual({
      [lost!]: 'missing',
      [cut!]: 'size',
      [changed!]: 'changed',
    });
    const bySize = (await backupCommand('verify', store, 'damaged')) as { problems: { key: string }[] };
    expect(bySize.problems.map(({ key }) => key).sort()).toEqual([lost, cut].sort());
  });
});

/** A disk on which every name takes its time: whoever is to stop what writes there may be late. */
const SLOW_DISK = `import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
const { rename } = fs;
fs.rename = async (...names) => {
  await new Promise((resolve) => setTimeout(resolve, 300));
  await rename(...names);
};
syncBuiltinESMExports();
`;

/** Starts a slow backup without a name and resolves when the first files are there. */
async function startSlowly(folder: string, stateFolder: string) {
  const yaml = await backupYaml(folder, { source_collection: articles, parallelism: 1 });
  const slowDisk = join(await temporaryFolder(), 'slow-disk.mjs');
  await writeFile(slowDisk, SLOW_DISK);
  const running = await startBackup(yaml, { stateFolder, env: { NODE_OPTIONS: `--import=${slowDisk}` } });
  await until(running, () => filesBelow(folder).filter((name) => name.includes('/insert_log/')).length >= 3);
  return { yaml, running };
}

describe('a backup that is cut short', () => {
  it('by kill -9 looks unfinished, and the next run of the same file goes on with it', async () => {
    const [folder, stateFolder] = [await temporaryFolder(), await temporaryFolder()];
    const { yaml, running } = await startSlowly(folder, stateFolder);
    running.child.kill('SIGKILL');
    expect((await running.result).signal).toBe('SIGKILL');
    const { backups } = (await backupCommand('list', folder)) as { backups: { name: string }[] };
    expect(backups).toMatchObject([{ state: 'unfinished' }]);
    const [{ name } = { name: '' }] = backups;
    expect(await backupFailure('verify', folder, name)).toMatchObject({ error: { code: 'SRC_UNFINISHED' } });
    const again = await runYaml(yaml, { stateFolder });
    expect(again.report.error, again.stderr).toBe(null);
    expect(again.report.backup).toMatchObject({ name });
    expect(again.report.backup!.reused.files).toBeGreaterThan(0);
    expect(await backupCommand('verify', folder, name, '--full')).toMatchObject({ status: 'whole', extra: [] });
    const third = await runYaml(yaml, { stateFolder });
    expect(third.report.backup!.name).not.toBe(name);
  });

  it('by kill -9 while rows are read keeps the files that are complete', async () => {
    const [folder, stateFolder] = [await temporaryFolder(), await temporaryFolder()];
    const keys = { source_collection: articles, strategy: 'logical', source_storage: undefined };
    const rowsOf = (name: string): Map<string, string> => {
      const where = join(folder, name, 'meta/manifest.json');
      const { collections } = decodeManifest(readFileSync(where), where);
      const digests = collections[0]!.partitions.map(({ name: partition, parts }) => {
        const digest = parts.reduce<string | undefined>((sum, part) => sumDigests(sum, part.digest), undefined);
        return [partition, `${parts.reduce((sum, { rows }) => sum + rows, 0)} ${digest}`] as const;
      });
      return new Map(digests);
    };
    const whole = await runYaml(await backupYaml(folder, { ...keys, backup_name: 'whole' }), { stateFolder });
    expect(whole.report.error, whole.stderr).toBe(null);
    const yaml = await backupYaml(folder, { ...keys, backup_name: 'cut' });
    const slowDisk = join(await temporaryFolder(), 'slow-disk.mjs');
    await writeFile(slowDisk, SLOW_DISK);
    const running = await startBackup(yaml, { stateFolder, env: { NODE_OPTIONS: `--import=${slowDisk}` } });
    const notes = (): string[] => filesBelow(folder).filter((name) => /^cut\/data\/.*\.\d+\.json$/.test(name));
    await until(running, () => notes().length > 0);
    running.child.kill('SIGKILL');
    expect((await running.result).signal).toBe('SIGKILL');
    const kept = notes().map((name) => join(folder, name.replace(/json$/, 'arrow')));
    const files = kept.map((path) => statSync(path).ino);
    const again = await runYaml(yaml, { stateFolder });
    expect(again.report.error, again.stderr).toBe(null);
    expect(kept.map((path) => statSync(path).ino)).toEqual(files);
    expect(await backupCommand('verify', folder, 'cut', '--full')).toMatchObject({ status: 'whole', extra: [] });
    expect(rowsOf('cut')).toEqual(rowsOf('whole'));
  });

  it('by a signal says how to go on', async () => {
    const [folder, stateFolder] = [await temporaryFolder(), await temporaryFolder()];
    const { yaml, running } = await startSlowly(folder, stateFolder);
    running.child.kill('SIGINT');
    const { report } = ran(await running.result);
    expect(report).toMatchObject({
      status: 'interrupted',
      exit_code: 130,
      resumable: true,
      error: { hint: expect.stringContaining(yaml) },
    });
    expect(await backupCommand('list', folder)).toMatchObject({ backups: [{ state: 'unfinished' }] });
    expect(filesBelow(serverStorage().path).filter((name) => name.startsWith('milvusdm/locks/'))).toEqual([]);
  });

  it('by a full disk says so, leaves nothing that looks whole, and goes on once there is space', async () => {
    await using disk = await smallDisk(64 * 1024);
    const yaml = await backupYaml(join(disk.path, 'backups'), { backup_name: 'b', source_collection: articles });
    const { report } = await runYaml(yaml);
    expect(report).toMatchObject({
      exit_code: 4,
      error: { code: 'STORE_REFUSED', message: expect.stringMatching(/ENOSPC|no space/i) },
    });
    expect(await backupCommand('list', join(disk.path, 'backups'))).toMatchObject({
      backups: [{ name: 'b', state: 'unfinished' }],
    });
    await disk.resize(8 * 1024 * 1024);
    const again = await runYaml(yaml);
    expect(again.report.error, again.stderr).toBe(null);
    expect(await backupCommand('verify', join(disk.path, 'backups'), 'b', '--full')).toMatchObject({ status: 'whole' });
  });
});

describe('a backup while', () => {
  it('another one runs is refused, and an automatic one is not', async () => {
    await using locks = await openStore(serverStorage());
    const kind = 'manual' as const;
    const o = { kind, backup: 'first', log: () => {}, onLost: () => {} };
    await using _ = await lockServer(locks, o);
    const second = await backUp(store, { backup_name: 'second', source_collection: empty });
    expect(second.report).toMatchObject({
      exit_code: 4,
      error: { code: 'JOB_RUNNING', message: expect.stringContaining('the manual backup "first" of this server') },
    });
    await backUpOk(store, { backup_name: 'automatic', source_collection: empty, kind: 'automatic' });
  });

  it('rows are written, deleted and compacted is whole, and has all that was there before', async () => {
    const name = unique('busy');
    await makeArticles(name);
    let stop = false;
    const writer = withClient(async (client) => {
      for (let at = 0; at < 4 || !stop; at++) {
        await client.insert({ collection_name: name, data: articleRows(10_000 + at * 50, 50) });
        await client.delete({ collection_name: name, filter: `id in [${100 + at}]` });
        await client.flush({ collection_names: [name] });
        if (at % 2 === 0) await client.compact({ collection_name: name });
        await sleep(100);
      }
    });
    try {
      await sleep(500);
      await backUpOk(store, { backup_name: 'busy', source_collection: name });
    } finally {
      stop = true;
      await writer;
    }
    expect(await backupCommand('verify', store, 'busy', '--full')).toMatchObject({ status: 'whole', extra: [] });
    const rows = [...(await offlineRows('busy', name)).keys()].map(Number);
    // Nothing of this was touched meanwhile: 100 less three deleted ones, 300, 100.
    expect(rows.filter((id) => id < 100 || (id >= 1000 && id < 3000))).toHaveLength(97 + 300 + 100);
  });
});

describe('milvusdm backup', () => {
  it('create runs a BACKUP and nothing else', async () => {
    const yaml = await backupYaml(store, { backup_name: 'created', source_collection: empty });
    const { report } = ran(await runCli(['backup', 'create', yaml, '--json']));
    expect(report).toMatchObject({ status: 'done', backup: { name: 'created', files: 0 } });
    const path = join(await temporaryFolder(), 'other.yaml');
    await writeFile(path, stringify({ H2M: { data_path: 'x.h5', dest_collection_name: 'c' } }));
    expect(await backupFailure('create', path)).toMatchObject({ exit_code: 2, error: { code: 'USAGE' } });
    expect(await backupFailure('list', path)).toMatchObject({ exit_code: 2, error: { code: 'USAGE' } });
  });

  it('list, delete and prune say first what they would do', async () => {
    const folder = await temporaryFolder();
    for (const name of ['a', 'b', 'c']) await cp(join(store, 'created'), join(folder, name), { recursive: true });
    const names = async (): Promise<string[]> =>
      ((await backupCommand('list', folder)) as { backups: { name: string }[] }).backups.map(({ name }) => name);
    expect(await backupCommand('delete', folder, 'b')).toMatchObject({ backup: { removed: false, files: 6 } });
    expect(await names()).toEqual(['a', 'b', 'c']);
    await backupCommand('delete', folder, 'b', '--yes');
    const dry = await backupCommand('prune', folder, '--keep-last', '1');
    expect([dry.pruned, dry.kept]).toMatchObject([[{ removed: false }], [{ why: 'it is one of the last 1' }]]);
    await backupCommand('prune', folder, '--keep-last', '1', '--yes');
    expect(await names()).toHaveLength(1);
    expect(await backupFailure('prune', folder)).toMatchObject({ exit_code: 2, error: { code: 'USAGE' } });
  });
});

describe('a bucket of backups', () => {
  let minio: Minio;
  let bucket: object;
  beforeAll(async () => {
    minio = await startMinio();
    await minio.bucket('backups');
    const endpoint = `http://127.0.0.1:${minio.port}`;
    bucket = { type: 's3', endpoint, bucket: 'backups', access_key: minio.user, secret_key: minio.password };
  }, MINIO_BUILD_MS);
  afterAll(async () => {
    await minio?.[Symbol.asyncDispose]();
  });

  it('takes files of local storage, checks them, and takes the unchanged ones from the base', async () => {
    await backUpOk(bucket, { backup_name: 'first', source_collection: articles });
    const yaml = await backupYaml(bucket, {});
    const check = await backupCommand('verify', yaml, 'first', '--full');
    expect(check).toMatchObject({ status: 'whole', without_checksum: 0 });
    expect(check.checksums).toBe(check.files);
    const { report } = await backUpOk(bucket, { backup_name: 'second', base: 'first', source_collection: articles });
    expect(report.backup).toMatchObject({ copied: { files: 0 }, from_base: { files: report.backup!.files } });
    await backupCommand('delete', yaml, 'first', '--yes');
    expect(await backupCommand('list', yaml)).toMatchObject({ backups: [{ name: 'second', base: 'first' }] });
    expect(await backupCommand('verify', yaml, 'second', '--full')).toMatchObject({ status: 'whole' });
  });

  it('is told apart from one that is not there, and from wrong credentials', async () => {
    const keys = { backup_name: 'none', source_collection: empty };
    const missing = await backUp({ ...bucket, bucket: 'no-such-bucket' }, keys);
    expect(missing.report).toMatchObject({ exit_code: 2, error: { code: 'STORE_NOT_FOUND' } });
    const wrong = await backUp({ ...bucket, secret_key: 'not-the-secret' }, keys);
    expect(wrong.report).toMatchObject({ exit_code: 4, error: { code: 'STORE_AUTH' } });
    expect(wrong.stdout + wrong.stderr).not.toContain('not-the-secret');
  });
});
