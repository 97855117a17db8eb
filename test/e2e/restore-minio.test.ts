import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { S3Storage } from '../../src/config/types.js';
import { openSelfContained } from '../../src/job/snapshot/self-contained/index.js';
import { openStore } from '../../src/store/index.js';
import type { ObjectStore } from '../../src/store/types.js';
import { PROJECT } from '../support/environments.js';
import { type MilvusServer, startMilvus } from '../support/milvus-server.js';
import { type Minio, milvusOn, startMinio } from '../support/minio.js';
import { partitionDigests } from '../support/python.js';
import { faissFlat, fixture, type Ran, runYaml, sourceFile, temporaryFolder } from './support.js';

type Expected = Readonly<
  Record<string, Readonly<Record<string, { rows: number; sha256: string; sha256_ids: string }>>>
>;

const EXPECTED: Expected = JSON.parse(readFileSync(fixture('milvus-backup/expected.json'), 'utf8'));
/** The build of MinIO may not be over yet. */
const BUILD_MS = 1_200_000;
const SAMPLE = fixture('milvus-backup/sample');

let minio: Minio;
let milvus: MilvusServer;
let data: S3Storage;
let other: S3Storage;
const opened: ObjectStore[] = [];

async function open(config: S3Storage): Promise<ObjectStore> {
  const store = await openStore(config);
  opened.push(store);
  return store;
}

async function putSample(store: ObjectStore): Promise<void> {
  const files = readdirSync(SAMPLE, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const file of files) {
    const path = join(file.parentPath, file.name);
    await store.write(`sample/${path.slice(SAMPLE.length + 1)}`, readFileSync(path));
  }
}

beforeAll(async () => {
  minio = await startMinio();
  data = await minio.bucket('a-bucket', 'files');
  other = await minio.bucket('elsewhere', 'backup');
  milvus = await startMilvus({ settings: milvusOn(data) });
  await putSample(await open({ ...data, root: 'backup' }));
  await putSample(await open(other));
}, BUILD_MS);

afterAll(async () => {
  for (const store of opened) await store[Symbol.asyncDispose]();
  await milvus?.[Symbol.asyncDispose]();
  await minio?.[Symbol.asyncDispose]();
});

function env(): Record<string, string> {
  return { S3_ACCESS_KEY: minio.user, S3_SECRET_KEY: minio.password };
}

/** yamls/RESTORE.yaml, or BACKUP.yaml, at the servers of the test. */
async function runExample(task: 'BACKUP' | 'RESTORE', keys: object): Promise<Ran> {
  const text = readFileSync(join(PROJECT, 'yamls', `${task}.yaml`), 'utf8')
    .replaceAll('http://127.0.0.1:9000', `http://127.0.0.1:${minio.port}`)
    .replaceAll('http://127.0.0.1:19530', `http://${milvus.address}`);
  const path = join(await temporaryFolder(), `${task}.yaml`);
  // Of a sample so small the rows would be inserted.
  const way = task === 'RESTORE' ? { write: 'import' } : {};
  await writeFile(path, stringify({ [task]: { ...parse(text)[task], ...way, ...keys } }));
  return await runYaml(path, { env: env() });
}

async function ok(ran: Promise<Ran>): Promise<Ran> {
  const done = await ran;
  expect(done.report.error, done.stderr).toBe(null);
  return done;
}

async function expectSample(suffix: string, sources = Object.keys(EXPECTED)): Promise<void> {
  const names = sources.map((name) => name + suffix);
  const found = await partitionDigests(names, `http://${milvus.address}`);
  for (const source of sources) {
    for (const [name, { rows, sha256, sha256_ids: ids }] of Object.entries(EXPECTED[source]!)) {
      const part = found.get(source + suffix)?.parts[name];
      expect(part, `${source}${suffix}/${name}`).toMatchObject({ rows, sha256, sha256_ids: ids });
    }
  }
}

/** What a restore has in the server's store. */
async function staged({ report }: Ran): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of (await open(data)).list(`milvusdm-restore/${report.job_id}/`)) keys.push(key);
  return keys;
}

describe.concurrent('a Milvus with a bucket', () => {
  it('gets a backup of milvus-backup from its own bucket, which ours of it brings back again', async () => {
    const { report } = await ok(runExample('RESTORE', { backup_name: 'sample', rename: { suffix: '_a' } }));
    expect(report.targets).toMatchObject([{ rows_written: 500 }, { rows_written: 1875, verified: 'sample' }]);
    await expectSample('_a');
    await ok(runExample('BACKUP', { backup_name: 'ours', source_collection: ['articles_a', 'fingerprints_a'] }));
    const again = { backup_name: 'ours', mode: 'overwrite', verify: 'full', write: 'auto' };
    const { report: second } = await ok(runExample('RESTORE', again));
    expect(second.targets.map(({ verified, rows_written: rows }) => [verified, rows]).sort()).toEqual([
      ['full', 1875],
      ['full', 500],
    ]);
    await expectSample('_a');
  });

  it('gets one from another bucket, and nothing of it is left in its own', async () => {
    const { endpoint } = other;
    const store = { type: 's3', endpoint: `http://${endpoint?.host}:${endpoint?.port}`, bucket: 'elsewhere' };
    const keys = { backup_store: { ...store, access_key: minio.user, secret_key: minio.password } };
    const done = await ok(runExample('RESTORE', { ...keys, backup_name: 'sample', rename: { suffix: '_b' } }));
    expect(done.stderr).toContain('files are copied to bucket a-bucket');
    await expectSample('_b');
    expect(await staged(done)).toEqual([]);
  });

  it('is read from its bucket, flushed segments with their deletes, without loading anything', async () => {
    const one = { backup_name: 'sample', source_collection: 'articles', rename: { suffix: '_f' }, load: false };
    await ok(runExample('RESTORE', { ...one, verify: 'count' }));
    const { endpoint, bucket, root, accessKey, secretKey } = data;
    const at = { endpoint: `http://${endpoint?.host}:${endpoint?.port}`, bucket, root_path: root };
    const source_storage = { type: 's3', ...at, access_key: accessKey, secret_key: secretKey };
    const source = { source_uri: `http://${milvus.address}`, source_storage, source_collection: 'articles_f' };
    const run = async (task: string, keys: object): Promise<Ran> => {
      const path = join(await temporaryFolder(), `${task}.yaml`);
      await writeFile(path, stringify({ [task]: { ...source, ...keys } }));
      return await ok(runYaml(path));
    };
    const to = { dest_uri: source.source_uri, collection_map: { articles_f: 'articles_g' }, verify: 'full' };
    const moved = await run('M2M', to);
    const archived = await run('M2H', { flush: false, data_dir: await temporaryFolder() });
    const digests = ({ report }: Ran): unknown[] => report.targets.map((t) => [t.partition, t.rows_written, t.digest]);
    expect(digests(archived)).toEqual(digests(moved));
    const client = new MilvusClient({ address: milvus.address, telemetry: { enabled: false } });
    const { state } = await client.getLoadState({ collection_name: 'articles_f' });
    await client.closeConnection();
    expect(state).toBe('LoadStateNotLoad');
    await expectSample('_g', ['articles']);
  });

  it('imports numpy files that were uploaded in several parts, and nothing of them is left', async () => {
    const rows = 50_000;
    const data_path = await sourceFile(
      'parts.index',
      faissFlat(rows, 64, (row, column) => row + column / 64),
    );
    const { endpoint, bucket, accessKey, secretKey } = data;
    const at = `http://${endpoint?.host}:${endpoint?.port}`;
    const storage = { type: 's3', endpoint: at, bucket, access_key: accessKey, secret_key: secretKey };
    const task = { data_path, dest_uri: `http://${milvus.address}`, dest_collection_name: 'bulk_from_bucket' };
    const path = join(await temporaryFolder(), 'F2M.yaml');
    await writeFile(path, stringify({ F2M: { ...task, write: 'bulk', verify: 'full', bulk: { storage } } }));
    const { report } = await ok(runYaml(path));
    expect(report.targets).toMatchObject([{ rows_written: rows, target_rows: rows, verified: 'full' }]);
    const left: string[] = [];
    for await (const { key } of (await open(data)).list('milvusdm-bulk/')) left.push(key);
    expect(left).toEqual([]);
  });

  it('keeps snapshots in its bucket, which go back and are read without it', async () => {
    const name = 'snapped';
    const rows = (from: number, count: number) =>
      Array.from({ length: count }, (_, at) => ({ id: from + at, v: [from + at, at, 1, 2], extra: `row ${at}` }));
    const client = new MilvusClient({ address: milvus.address, telemetry: { enabled: false }, logLevel: 'none' });
    try {
      await client.createCollection({
        collection_name: name,
        enable_dynamic_field: true,
        fields: [
          { name: 'id', data_type: DataType.Int64, is_primary_key: true },
          { name: 'v', data_type: DataType.FloatVector, dim: 4 },
        ],
      });
      await client.insert({ collection_name: name, data: rows(0, 300) });
      await client.flushSync({ collection_names: [name] });
      await client.upsert({ collection_name: name, data: rows(10, 20) });
      await client.createIndex({ collection_name: name, field_name: 'v', index_type: 'FLAT', metric_type: 'L2' });
    } finally {
      await client.closeConnection();
    }
    const { endpoint, bucket, accessKey, secretKey } = data;
    const at = `http://${endpoint?.host}:${endpoint?.port}`;
    const storage = { type: 's3', endpoint: at, bucket, access_key: accessKey, secret_key: secretKey };
    const digests = async (source: object): Promise<unknown[]> => {
      const path = join(await temporaryFolder(), 'M2H.yaml');
      await writeFile(path, stringify({ M2H: { ...source, data_dir: await temporaryFolder(), verify: 'full' } }));
      const { report } = await ok(runYaml(path));
      return report.targets.map((one) => [one.partition, one.rows_written, one.digest]);
    };
    const live = { source_uri: `http://${milvus.address}`, source_storage: storage };
    const from = { db: 'default', collection: name, name: 'nightly' };
    const o = { log() {}, warn() {}, signal: new AbortController().signal, retryForMs: 10_000 };
    const place = { endpoint: { at: { kind: 'server', address: milvus.address, tls: false } }, storage: data } as const;
    await using keeper = await openSelfContained(place, o);
    const created = await keeper.create({ ...from, description: '', flush: true });
    expect(created).toMatchObject({ rows: 320n, location: expect.stringMatching(/^files\/milvusdm_snapshots\//) });
    expect(await keeper.freedBy(from)).toBe(created.bytes);
    const expected = await digests({ ...live, source_collection: name });
    expect(expected).toEqual([['_default', 300, expect.stringMatching(/^[0-9a-f]+$/)]]);
    const offline = { source_snapshot: { store: storage, path: created.location }, source_collection: name };
    expect(await digests(offline)).toEqual(expected);
    await keeper.restore({ from, to: { db: 'default', collection: 'snapped_back' } });
    expect(await digests({ ...live, source_collection: 'snapped_back' })).toEqual(expected);
    await keeper.drop(from);
    expect(await keeper.list({})).toEqual([]);
    const left: string[] = [];
    for await (const { key } of (await open(data)).list('milvusdm_snapshots/')) left.push(key);
    expect(left).toEqual([]);
  });

  it('gets one from a folder, and after a failure nothing of it is left either', async () => {
    const keys = { backup_store: { type: 'local', path: fixture('milvus-backup') }, backup_name: 'sample' };
    const only = { ...keys, source_collection: 'fingerprints' };
    expect(await staged(await ok(runExample('RESTORE', { ...only, rename: { suffix: '_c' } })))).toEqual([]);
    const failed = await runExample('RESTORE', { ...only, rename: { suffix: '_d' }, index: 'none', shards: 64 });
    expect(failed.report).toMatchObject({ status: 'failed', error: { code: 'DST_REFUSED' } });
    expect(await staged(failed)).toEqual([]);
  });

  it('is told apart from one that the credentials do not open', async () => {
    const keys = { backup_name: 'sample', source_collection: 'fingerprints', rename: { suffix: '_e' } };
    const store = { type: 's3', endpoint: `http://127.0.0.1:${minio.port}`, bucket: 'elsewhere' };
    const wrong = { ...store, access_key: minio.user, secret_key: 'not-the-secret' };
    const { report, stdout, stderr } = await runExample('RESTORE', { ...keys, backup_store: wrong });
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'STORE_AUTH' } });
    expect(stdout + stderr).not.toContain('not-the-secret');
    const missing = { ...store, bucket: 'no-such-bucket', access_key: minio.user, secret_key: minio.password };
    const { report: second } = await runExample('RESTORE', { ...keys, backup_store: missing });
    expect(second).toMatchObject({ exit_code: 2, error: { code: 'STORE_NOT_FOUND' } });
  });
});
