import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fail } from '../../../../src/util/errors.js';
import { type Bench, openBench, temporaryFolder } from '../support.js';

let bench: Bench;
let store: Record<string, unknown>;

beforeEach(async () => {
  bench = await openBench();
  store = { type: 'local', path: temporaryFolder() };
  bench.context.connections.put('in01', { uri: 'http://127.0.0.1:19530', backup_store: store }, new Date());
});

interface Answer {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly data: Record<string, unknown>;
}

async function ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Answer> {
  const payload = body === undefined ? {} : { payload: body };
  const answer = await bench.app.inject({ method, url: `/v2/${path}`, ...payload });
  return { status: answer.statusCode, ...(answer.json() as Omit<Answer, 'status'>) };
}

function latest(): Record<string, unknown> {
  const [row] = bench.context.jobs.list({ limit: 1 });
  const job = bench.context.jobs.get(row!.id)!;
  return parse(job.text)[job.task] as Record<string, unknown>;
}

const create = (body: object): Promise<Answer> => ask('POST', 'clusters/in01/backups/create', body);
const entry = (name: string, more = {}): object => {
  const made = { state: 'complete', strategy: 'storage', created: '2026-11-22T01:02:03.456Z', bytes: 112 };
  return { name, milvus_version: 'v2.3.5', base: null, milvusdm: null, error: null, ...made, ...more };
};

/** Ends the first job as a backup that is there now. */
async function finish(name: string): Promise<void> {
  await expect.poll(() => bench.workers.length).toBeGreaterThan(0);
  const [worker] = bench.workers;
  await worker!.end('done', { backup: { name } as never });
  await expect.poll(() => bench.context.jobs.get(worker!.job.id)!.state).toBe('done');
}

describe("the cloud's create", () => {
  it('of a cluster answers as its documentation shows', async () => {
    const { status, code, data } = await create({ backupType: 'CLUSTER' });
    expect([status, code]).toStrictEqual([200, 0]);
    expect(Object.keys(data)).toStrictEqual(['backupId', 'backupName', 'jobId']);
    expect(data.backupId).toBe(data.backupName);
    expect(latest()).toStrictEqual({
      backup_name: data.backupId,
      ttl: false,
      source_uri: 'http://127.0.0.1:19530',
      backup_store: store,
    });
  });

  it('of collections takes those of the default database where none is named', async () => {
    const dbCollections = [{ collectionNames: ['medium_articles'] }, { dbName: 'shop', collectionNames: [] }];
    expect((await create({ backupType: 'COLLECTION', dbCollections, includeTtl: true })).code).toBe(0);
    expect(latest()).toMatchObject({ source_collection: ['default.medium_articles', 'shop.*'], ttl: true });
  });

  it('is refused while another manual backup waits or runs, and says which', async () => {
    const { data } = await create({ backupType: 'CLUSTER' });
    for (let i = 0; i < 2; i++) {
      const again = await create({ backupType: 'CLUSTER' });
      expect([again.status, again.code]).toStrictEqual([409, 409]);
      expect(again.message).toContain(String(data.jobId));
      await expect.poll(() => bench.workers.length).toBe(1);
    }
    await finish(String(data.backupId));
    expect((await create({ backupType: 'CLUSTER' })).code).toBe(0);
  });

  it('is refused beside an automatic backup, which may start beside a manual one', async () => {
    const text = 'BACKUP: {source_uri: "http://127.0.0.1:19530", backup_store: {type: local, path: b}}';
    const automatic = (key: string) => {
      const job = { text, cwd: '/', key, servers: ['127.0.0.1:19530'], connections: ['in01'], schedule: 's1' };
      return bench.context.queue.submit({ ...job, task: 'BACKUP', kind: 'automatic' });
    };
    const { data } = await create({ backupType: 'CLUSTER' });
    expect(automatic('a').state).toBe('queued');
    await finish(String(data.backupId));
    const refused = await create({ backupType: 'CLUSTER' });
    expect([refused.code, refused.message]).toStrictEqual([409, expect.stringContaining('automatic')]);
  });

  it.each([
    [{ backupType: 'COLLECTION' }, 'dbCollections'],
    [{ backupType: 'COLLECTION', dbCollections: [] }, 'dbCollections'],
    [{ backupType: 'CLUSTER', dbCollections: [{ collectionNames: ['a'] }] }, 'CLUSTER'],
    [{ backupType: 'DATABASE' }, 'backupType'],
    [{}, 'backupType'],
  ])('%j is refused', async (body, what) => {
    const { status, code, message } = await create(body);
    expect([status, code, message]).toStrictEqual([400, 400, expect.stringContaining(what)]);
  });

  it('knows no other cluster', async () => {
    const { status, code } = await ask('POST', 'clusters/in02/backups/create', { backupType: 'CLUSTER' });
    expect([status, code]).toStrictEqual([404, 404]);
  });
});

describe("the cloud's jobs", () => {
  it('go from PENDING to SUCCESSFUL', async () => {
    const { data } = await create({ backupType: 'CLUSTER' });
    const job = async (): Promise<Record<string, unknown>> => (await ask('GET', `jobs/${data.jobId}`)).data;
    await expect.poll(() => bench.workers.length).toBe(1);
    bench.workers[0]!.say({ type: 'progress', phase: 'write', done: 1, total: 2, bytes: 1 });
    expect(await job()).toMatchObject({ type: 'BACKUP', status: 'RUNNING', progress: '50', endTime: '', reason: '' });
    await finish(String(data.backupId));
    const done = await job();
    expect(done).toMatchObject({ status: 'SUCCESSFUL', progress: '100' });
    expect(done.endTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(await ask('GET', 'jobs/nothing')).toMatchObject({ status: 404, code: 404 });
  });

  it('say why they failed', async () => {
    const { data } = await create({ backupType: 'CLUSTER' });
    await expect.poll(() => bench.workers.length).toBe(1);
    await bench.workers[0]!.end('failed');
    await expect.poll(async () => (await ask('GET', `jobs/${data.jobId}`)).data.status).toBe('FAILED');
    expect((await ask('GET', `jobs/${data.jobId}`)).data.reason).toBe('NET_UNAVAILABLE: gone');
  });
});

describe("the cloud's backups", () => {
  const contents = {
    name: 'nightly',
    created: '2026-11-22T01:02:03.456Z',
    bytes: 112,
    collections: [
      { db: 'default', name: 'a', load_state: 'Loaded' },
      { db: 'default', name: 'b', load_state: 'NotLoad' },
      { db: 'shop', name: 'c', load_state: 'NotLoad' },
    ],
  };

  it('are listed with those that are being made, page by page', async () => {
    bench.answer = () => ({ store: 's', backups: [entry('a'), entry('b', { state: 'unfinished' }), entry('c')] });
    const { data: job } = await create({ backupType: 'CLUSTER' });
    const { data } = await ask('GET', 'backups?clusterId=in01');
    expect(data).toMatchObject({ count: 3, currentPage: 1, pageSize: 10 });
    const [making, first] = data.backups as Record<string, unknown>[];
    expect(making).toMatchObject({ backupId: job.backupId, status: 'CREATING', creationMethod: 'MANUAL' });
    expect(first).toStrictEqual({
      clusterId: 'in01',
      clusterName: 'in01',
      projectId: '',
      backupId: 'a',
      backupName: 'a',
      creationMethod: 'MANUAL',
      expireTime: '',
      size: 112,
      createTime: '2026-11-22T01:02:03Z',
      status: 'AVAILABLE',
    });
    const second = await ask('GET', 'clusters/in01/backups?pageSize=2&currentPage=2');
    expect((second.data.backups as { backupId: string }[]).map((one) => one.backupId)).toStrictEqual(['c']);
    expect((await ask('GET', 'backups?creationMethod=auto')).data.count).toBe(0);
    expect(await ask('GET', 'backups?clusterId=in09')).toMatchObject({ code: 404 });
    expect(await ask('GET', 'backups?pageSize=0')).toMatchObject({ code: 400 });
  });

  it('are described and deleted', async () => {
    bench.answer = () => contents;
    const { data } = await ask('GET', 'clusters/in01/backups/nightly');
    expect(data).toMatchObject({ backupId: 'nightly', status: 'AVAILABLE', size: 112 });
    expect(data.dbCollections).toStrictEqual([
      {
        dbName: 'default',
        collections: [
          { collectionName: 'a', status: 'LOADED' },
          { collectionName: 'b', status: 'NOT_LOADED' },
        ],
      },
      { dbName: 'shop', collections: [{ collectionName: 'c', status: 'NOT_LOADED' }] },
    ]);
    const deleted = await ask('DELETE', 'clusters/in01/backups/nightly');
    expect(deleted).toMatchObject({ code: 0, data: { backupId: 'nightly', backupName: 'nightly' } });
    bench.answer = () => {
      throw fail('SRC_NOT_FOUND', 'no backup "nightly"');
    };
    expect(await ask('GET', 'clusters/in01/backups/nightly')).toMatchObject({ status: 404, code: 404 });
  });

  it.each([
    [{}, { load: false }],
    [
      {
        dbCollections: [
          { collections: [{ collectionName: 'a', destCollectionName: 'b', destCollectionStatus: 'LOADED' }] },
        ],
      },
      { source_collection: ['default.a'], rename: { map: { 'default.a': 'default.b' } }, load: true },
    ],
    [
      {
        dbCollections: [
          { dbName: 's', destDbName: 't', collections: [{ collectionName: 'a', targetCollectionName: 'b' }] },
        ],
      },
      { source_collection: ['s.a'], rename: { map: { 's.a': 't.b' } }, load: false },
    ],
    [
      { dbCollections: [{ dbName: 's', destDbName: 't' }] },
      { source_collection: ['s.*'], rename: { map: { 's.*': 't.*' } } },
    ],
  ])('restore collections: %j', async (body, keys) => {
    bench.answer = () => contents;
    const { code, data } = await ask('POST', 'clusters/in01/backups/nightly/restoreCollection', body);
    expect([code, Object.keys(data)]).toStrictEqual([0, ['jobId']]);
    expect(latest()).toMatchObject({
      backup_name: 'nightly',
      dest_uri: 'http://127.0.0.1:19530',
      backup_store: store,
      ...keys,
    });
  });

  it('restore into another connection from their own store', async () => {
    bench.answer = () => contents;
    bench.context.connections.put('in02', { uri: 'http://127.0.0.1:19531' }, new Date());
    const at = 'clusters/in01/backups/nightly';
    const one = await ask('POST', `${at}/restoreCollection`, { destClusterId: 'in02' });
    expect(one.code).toBe(0);
    expect(latest()).toMatchObject({ dest_uri: 'http://127.0.0.1:19531', backup_store: store });
    const all = await ask('POST', `${at}/restoreCluster`, { clusterName: 'in02', collectionStatus: 'KEEP', cuSize: 2 });
    expect(all.data).toMatchObject({ clusterId: 'in02', username: '', password: '' });
    expect(latest()).toMatchObject({ dest_uri: 'http://127.0.0.1:19531', load: 'restore' });
    expect(await ask('POST', `${at}/restoreCluster`, {})).toMatchObject({ code: 400 });
    expect(await ask('POST', `${at}/restoreCluster`, { clusterName: 'new' })).toMatchObject({ code: 404 });
  });

  it('refuse collections that are to be loaded in different ways', async () => {
    const collections = [{ collectionName: 'a', destCollectionStatus: 'LOADED' }, { collectionName: 'b' }];
    const body = { dbCollections: [{ collections }] };
    const { code, message } = await ask('POST', 'clusters/in01/backups/nightly/restoreCollection', body);
    expect([code, message]).toStrictEqual([400, expect.stringContaining('status differs')]);
  });
});

describe('a connection that is forgotten', () => {
  async function known(name: string, kind: 'manual' | 'automatic'): Promise<void> {
    const { storeDigest } = await import('../../../../src/server/tasks/store-digest.js');
    const { validateJob } = await import('../../../../src/config/load.js');
    const text = JSON.stringify({ BACKUP: { source_uri: 'http://127.0.0.1:19530', backup_store: store } });
    const digest = storeDigest(validateJob(text))!;
    const rest = { store: digest, connection: 'in01', schedule: null, created: '2026-11-22T00:00:00Z' };
    bench.context.backups.add({ job: name, name, kind, ...rest });
  }

  it('takes its automatic backups with it, and no others', async () => {
    await known('by_hand', 'manual');
    await known('by_clock', 'automatic');
    await known('by_clock_gone', 'automatic');
    bench.answer = (_, input) => {
      if ((input as { backup: string }).backup === 'by_clock_gone') throw fail('SRC_NOT_FOUND', 'gone');
      return {};
    };
    expect(await ask('DELETE', 'clusters/in01/drop')).toMatchObject({ code: 0, data: { clusterId: 'in01' } });
    const removed = bench.asked.map(({ name, input }) => [name, (input as { backup: string }).backup]);
    expect(removed.sort()).toStrictEqual([
      ['backups.delete', 'by_clock'],
      ['backups.delete', 'by_clock_gone'],
    ]);
    expect(bench.context.backups.ofConnection('in01').map(({ name }) => name)).toStrictEqual(['by_hand']);
    expect(bench.context.connections.get('in01')).toBeUndefined();
  });

  it('stays while its backups cannot be removed, or a job uses it', async () => {
    await known('by_clock', 'automatic');
    bench.answer = () => {
      throw fail('STORE_UNAVAILABLE', 'no answer');
    };
    const gone = await bench.app.inject({ method: 'DELETE', url: '/api/v1/connections/in01' });
    expect(gone.statusCode).toBe(424);
    await create({ backupType: 'CLUSTER' });
    expect(await ask('DELETE', 'clusters/in01/drop')).toMatchObject({ code: 409 });
    expect(bench.context.connections.get('in01')).toBeDefined();
    expect(bench.context.backups.ofConnection('in01')).toHaveLength(1);
  });
});
