import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataType, MilvusClient } from '@zilliz/milvus2-sdk-node';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { createSnapshot, dropSnapshot, type MilvusdmError, restoreSnapshot } from '../../src/index.js';
import type { PlanReport, Report } from '../../src/job/report.js';
import { runCli } from '../support/cli.js';
import { PROJECT } from '../support/environments.js';
import { realWorld } from '../support/snapshot-real-world.js';
import { type SnapshotServer, startSnapshotServer } from '../support/snapshot-server.js';
import { serverStorage } from './backup-support.js';
import { checkOutput, dropCollections, ran, runYaml, temporaryFolder, unique, withClient } from './support.js';

/** The snapshots of a Milvus 3.0 by protocol: the double keeps them, the collections are those of the real server behind it. */
let server: SnapshotServer;
let client: MilvusClient;
const articles = unique('snapshot');
const ROWS = 300;

beforeAll(async () => {
  client = new MilvusClient({
    address: inject('milvusAddress'),
    maxRetries: 0,
    telemetry: { enabled: false },
    logLevel: 'none',
  });
  server = await startSnapshotServer(realWorld(client), { backend: inject('milvusAddress') });
  await client.createCollection({
    collection_name: articles,
    shards_num: 1,
    fields: [
      { name: 'id', data_type: DataType.Int64, is_primary_key: true },
      { name: 'embedding', data_type: DataType.FloatVector, dim: 4 },
    ],
  });
  const data = Array.from({ length: ROWS }, (_, id) => ({ id, embedding: [id, 1, 2, 3] }));
  await client.insert({ collection_name: articles, data });
  await client.createIndex({
    collection_name: articles,
    field_name: 'embedding',
    index_type: 'FLAT',
    metric_type: 'L2',
  });
  await client.loadCollectionSync({ collection_name: articles });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await client.closeConnection();
  await dropCollections();
});

const where = (): string => `http://${server.address}`;

async function snapshot(...args: string[]): Promise<Report> {
  return ran(await runCli(['snapshot', ...args, '--json'])).report;
}

test('the life of a snapshot: by a YAML file and by the verbs', async () => {
  const yaml = join(await temporaryFolder(), 'snapshot.yaml');
  const keys = { action: 'create', source_uri: where(), source_collection: articles, snapshot_name: 'daily_20260101' };
  await writeFile(yaml, stringify({ SNAPSHOT: { ...keys, description: 'daily' } }));
  // The shipped example, at the server and the collection of the test.
  const example = join(await temporaryFolder(), 'SNAPSHOT.yaml');
  const shipped: { readonly SNAPSHOT: object } = parse(readFileSync(join(PROJECT, 'yamls/SNAPSHOT.yaml'), 'utf8'));
  await writeFile(example, stringify({ SNAPSHOT: { ...shipped.SNAPSHOT, ...keys, description: 'daily' } }));
  const made = await runYaml(example, { env: { S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' } });
  expect(made.report).toMatchObject({
    task: 'SNAPSHOT',
    status: 'done',
    error: null,
    snapshot: { action: 'create', keeper: 'native', snapshot: { name: 'daily_20260101', collection: articles } },
  });

  const described = await snapshot('describe', yaml);
  expect(described.snapshot?.snapshot).toMatchObject({
    description: 'daily',
    partitions: ['_default'],
    location: expect.stringContaining('snapshots/'),
    shape: {
      fields: [
        { name: 'id', type: 'INT64', primaryKey: true },
        { name: 'embedding', type: 'FLOAT_VECTOR(4)', primaryKey: false },
      ],
      indexes: [{ field: 'embedding', type: 'FLAT', metric: 'L2' }],
    },
  });

  const listed = await runCli(['snapshot', 'list', where(), '--collection', articles]);
  expect(listed.code).toBe(0);
  expect(listed.stdout).toContain(`default.${articles}  daily_20260101`);

  // What is written after the snapshot is not in it.
  await client.insert({ collection_name: articles, data: [{ id: 9999, embedding: [0, 0, 0, 0] }] });
  const restored = unique('restored');
  const back = await snapshot('restore', where(), 'daily_20260101', '--to', restored, '--wait');
  expect(back).toMatchObject({
    status: 'done',
    targets: [{ collection: restored, target_rows: ROWS }],
    snapshot: { job: { state: 'completed', progress: 100 } },
  });
  const rows = await withClient(async (real) => {
    await real.loadCollectionSync({ collection_name: restored });
    const filter = 'id >= 0';
    return await real.query({ collection_name: restored, filter, output_fields: ['id', 'embedding'], limit: 1000 });
  });
  expect(rows.data).toHaveLength(ROWS);
  expect(rows.data.at(-1)).toEqual({ id: '299', embedding: [299, 1, 2, 3] });

  const again = await snapshot('restore', yaml, '--to', restored);
  expect(again).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_TARGET_EXISTS' } });

  const jobs = await runCli(['snapshot', 'jobs', where()]);
  expect(jobs.stdout).toContain(`default.${restored}  completed`);

  const plan = await runCli(['snapshot', 'drop', yaml, '--dry-run', '--json']);
  expect((checkOutput(plan) as unknown as PlanReport).actions).toMatchObject([{ kind: 'drop' }]);
  const dropped = await snapshot('drop', yaml);
  expect(dropped).toMatchObject({ status: 'done', snapshot: { snapshot: { name: 'daily_20260101' } } });
  expect(server.state.snapshots).toEqual([]);
});

test('mistakes of the command line are told in its own words', async () => {
  const missing = await snapshot('create', where(), 'daily_20260101');
  expect(missing).toMatchObject({ exit_code: 2, error: { code: 'USAGE' } });
  expect(missing.error?.message).toBe('--collection is missing, needed with action: create');
});

test('what a server makes of a restore is compared with the files of the snapshot, every row', async () => {
  // The files are those that milvusdm itself keeps for the server behind the double.
  const real = { source_uri: `http://${inject('milvusAddress')}`, source_storage: serverStorage() };
  const named = { source_collection: articles, snapshot_name: 'compared_20260101' };
  const kept = await createSnapshot({ ...real, ...named });
  const [, root = '', location = ''] = /^(.*\/)(snapshots\/.*)$/.exec(kept.location) ?? [];
  const restoreBy = async (change?: Parameters<typeof realWorld>[1]) => {
    await using double = await startSnapshotServer(realWorld(client, change), {
      backend: inject('milvusAddress'),
      location: `files/${location}`,
    });
    const keys = {
      ...named,
      source_uri: `http://${double.address}`,
      source_storage: { type: 'local', path: root },
    } as const;
    await createSnapshot(keys);
    const into = { dest_collection_name: unique('compared'), verify: 'full' } as const;
    return await restoreSnapshot({ ...keys, ...into }).catch((thrown: MilvusdmError) => thrown);
  };
  expect(await restoreBy()).toMatchObject({
    targets: [{ verified: 'full', digest: expect.stringMatching(/^[0-9a-f]{32}$/) }],
  });
  const spoiled = await restoreBy((rows) => [
    { id: 7, embedding: [0, 0, 0, 0] },
    ...rows.filter(({ id }) => id !== '7'),
  ]);
  expect(spoiled).toMatchObject({ code: 'VERIFY_MISMATCH', message: expect.stringContaining('7 (different)') });
  const short = await restoreBy((rows) => rows.slice(1));
  expect(short).toMatchObject({ code: 'VERIFY_MISMATCH', hint: expect.stringContaining('skips segments') });
  await dropSnapshot({ ...real, ...named });
});
