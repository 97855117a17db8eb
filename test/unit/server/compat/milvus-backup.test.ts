import { beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { restoreKeys } from '../../../../src/server/compat/milvus-backup/requests.js';
import { fail } from '../../../../src/util/errors.js';
import { type Bench, openBench, temporaryFolder } from '../support.js';

const CONTENTS = {
  name: 'nightly',
  store: 's',
  strategy: 'storage',
  created: '2026-11-22T01:02:03.000Z',
  milvus_version: 'v2.3.5',
  bytes: 42,
  databases: ['default'],
  users: null,
  base: null,
  linked: false,
  left_out: [],
  collections: [
    {
      db: 'default',
      name: 'articles',
      collection_id: 7n,
      rows: 3,
      bytes: 42,
      segments: 1,
      shards: 2,
      load_state: 'Loaded',
      fields: [],
      partitions: [],
      indexes: [{ field: 'v', type: 'FLAT', metric: 'L2' }],
      aliases: [],
      properties: { 'collection.ttl.seconds': '60' },
    },
  ],
};

let bench: Bench;

beforeEach(async () => {
  bench = await openBench();
  const store = { type: 'local', path: temporaryFolder() };
  bench.context.connections.put('here', { uri: 'http://127.0.0.1:19530', backup_store: store }, new Date());
});

interface Answer {
  readonly requestId: string;
  readonly code: number;
  readonly msg: string;
  readonly data: Record<string, unknown>;
}

async function ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object, headers = {}): Promise<Answer> {
  const payload = body === undefined ? {} : { payload: body };
  const answer = await bench.app.inject({ method, url: `/api/v1/${path}`, headers, ...payload });
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json() as Answer;
}

/** The keys of the task of the latest job. */
function latest(): Record<string, unknown> {
  const [row] = bench.context.jobs.list({ limit: 1 });
  const job = bench.context.jobs.get(row!.id)!;
  return parse(job.text)[job.task] as Record<string, unknown>;
}

const create = (body: object): Promise<Answer> => ask('POST', 'create', { async: true, ...body });
const restore = (body: object): Promise<Answer> =>
  ask('POST', 'restore', { async: true, backup_name: 'nightly', ...body });

describe("milvus-backup's create", () => {
  it('queues a BACKUP of the connection, and answers in its envelope', async () => {
    const answer = await create({ requestId: 'r-1', backup_name: 'nightly' });
    expect(answer).toMatchObject({ requestId: 'r-1', code: 0, msg: 'create backup is executing asynchronously' });
    expect(answer.data).toMatchObject({ name: 'nightly', state_code: 0, progress: 0, start_time: 0 });
    expect(latest()).toMatchObject({ backup_name: 'nightly', source_uri: 'http://127.0.0.1:19530', flush: true });
    const header = await create({ requestId: 'r-2', backup_name: 'b' });
    expect(header.code).toBe(3);
    expect(header.msg).toContain('SRV_CONFLICT');
  });

  it('takes the id of the request from the header, as milvus-backup does, and makes one where there is none', async () => {
    bench.answer = () => ({ store: 's', backups: [] });
    expect((await ask('GET', 'list', undefined, { request_id: 'h' })).requestId).toBe('h');
    expect((await ask('GET', 'list')).requestId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each([
    [{ filter: { db: { colls: ['a', 'b'] }, other: { colls: [] } } }, ['db.a', 'db.b', 'other.*']],
    [{ filter: { '': { colls: ['a'] } } }, ['default.a']],
    [{ db_collections: { db: ['a'], all: [] } }, ['db.a', 'all.*']],
    [{ db_collections: '{"db":["a"]}' }, ['db.a']],
    [{ collection_names: ['a', 'db.b'] }, ['default.a', 'db.b']],
    [{}, undefined],
  ])('%j backs up %j', async (body, names) => {
    expect((await create(body)).code).toBe(0);
    expect(latest().source_collection).toStrictEqual(names);
    expect(latest().backup_name).toMatch(/^backup_\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d_\d{9}$/);
  });

  it.each([
    [{ strategy: 'skip_flush' }, false],
    [{ force: true }, false],
    [{ strategy: 'bulk_flush', force: true }, true],
  ])('%j flushes: %s', async (body, flush) => {
    await create(body);
    expect(latest().flush).toBe(flush);
  });

  it.each([
    [{ meta_only: true }, 1, 'meta_only'],
    [{ strategy: 'meta_only' }, 1, 'meta_only'],
    [{ backup_root_path: 'elsewhere' }, 1, 'backup_root_path'],
    [{ format: 'snapshot' }, 1, 'format'],
    [{ strategy: 'fast' }, 400, 'strategy "fast"'],
    [{ backup_name: '1-night' }, 400, 'no name for a backup'],
    [{ db_collections: '[' }, 400, 'db_collections'],
    [{ filter: { 'a.b': { colls: ['c'] } } }, 400, 'source_collection'],
  ])('%j is refused with %i', async (body, code, message) => {
    const answer = await create(body);
    expect(answer.code, answer.msg).toBe(code);
    expect(answer.msg).toContain(message);
    expect(bench.context.jobs.list({ limit: 1 })).toHaveLength(0);
  });

  it('waits for the end where async is not asked for', async () => {
    const waiting = ask('POST', 'create', { backup_name: 'nightly' });
    await expect.poll(() => bench.workers.length).toBe(1);
    bench.answer = (name) => (name === 'backups.get' ? CONTENTS : undefined);
    await bench.workers[0]!.end('done');
    const { code, msg, data } = await waiting;
    expect({ code, msg }).toStrictEqual({ code: 0, msg: 'success' });
    expect(data).toMatchObject({ name: 'nightly', state_code: 2, progress: 100, size: 42, milvus_version: 'v2.3.5' });
  });

  it('says why a backup could not be made', async () => {
    const waiting = ask('POST', 'create', { requestId: 'mine', backup_name: 'nightly' });
    await expect.poll(() => bench.workers.length).toBe(1);
    await bench.workers[0]!.end('failed');
    expect(await waiting).toMatchObject({ code: 3, msg: 'NET_UNAVAILABLE: gone', data: { state_code: 3 } });
    const later = await ask('GET', 'get_backup?backup_id=mine');
    expect(later).toMatchObject({
      code: 0,
      data: { name: 'nightly', state_code: 3, errorMessage: 'NET_UNAVAILABLE: gone' },
    });
  });

  it('answers in its envelope what is our own fault, too', async () => {
    bench.answer = () => ({});
    expect(await ask('GET', 'list')).toMatchObject({ code: 3, msg: expect.stringContaining('INTERNAL') });
  });

  it('answers 400 to a body that is none', async () => {
    const answer = await bench.app.inject({ method: 'POST', url: '/api/v1/create', payload: { async: [] } });
    expect([answer.statusCode, Object.keys(answer.json())]).toStrictEqual([400, ['error']]);
  });
});

describe("milvus-backup's other routes", () => {
  it('list the complete backups', async () => {
    const entry = { state: 'complete', strategy: 'storage', created: null, bytes: 5, milvus_version: 'v2.3.5' };
    const begun = { ...entry, name: 'begun', state: 'unfinished' };
    bench.answer = () => ({ store: 's', backups: [{ ...entry, name: 'nightly' }, begun] });
    const { code, data } = await ask('GET', 'list');
    expect(code).toBe(0);
    expect(data).toStrictEqual([{ id: 'nightly', name: 'nightly', size: 5, milvus_version: 'v2.3.5' }]);
  });

  it('tell how far a backup is, by its name or an id, and what it holds', async () => {
    const { data } = await create({ requestId: 'mine', backup_name: 'nightly' });
    await expect.poll(() => bench.workers.length).toBe(1);
    bench.workers[0]!.say({ type: 'progress', phase: 'write', done: 1, total: 4, bytes: 1 });
    for (const query of ['backup_name=nightly', 'backup_id=mine', `backup_id=${data.id}`]) {
      expect((await ask('GET', `get_backup?${query}`)).data).toMatchObject({ state_code: 1, progress: 25 });
    }
    bench.answer = () => CONTENTS;
    await bench.workers[0]!.end('done');
    await expect.poll(async () => (await ask('GET', 'get_backup?backup_name=nightly')).data.state_code).toBe(2);
    const found = await ask('GET', 'get_backup?backup_name=nightly');
    expect(found.data.collection_backups).toStrictEqual([
      {
        collection_id: '7',
        db_name: 'default',
        collection_name: 'articles',
        shards_num: 2,
        size: 42,
        has_index: true,
        index_infos: [{ field_name: 'v', index_type: 'FLAT' }],
        load_state: 'Loaded',
        properties: [{ key: 'collection.ttl.seconds', value: '60' }],
      },
    ]);
  });

  it('say that there is no such backup', async () => {
    bench.answer = () => {
      throw fail('SRC_NOT_FOUND', 'no backup "x"');
    };
    expect(await ask('GET', 'get_backup?backup_name=x')).toMatchObject({ code: 404 });
    expect(await ask('DELETE', 'delete?backup_name=x')).toMatchObject({ code: 404 });
    expect(await restore({ backup_name: 'x' })).toMatchObject({ code: 404 });
    expect(await ask('GET', 'get_restore?id=x')).toMatchObject({ code: 404 });
    expect(await ask('GET', 'get_backup')).toMatchObject({ code: 400 });
    expect(await ask('DELETE', 'delete')).toMatchObject({ code: 400 });
    expect(await ask('POST', 'restore', {})).toMatchObject({ code: 400, msg: expect.stringContaining('required') });
  });

  it('delete a backup, unless a job needs it', async () => {
    bench.answer = () => CONTENTS;
    expect(await ask('DELETE', 'delete?backup_name=nightly')).toMatchObject({ code: 0, msg: 'success' });
    expect(bench.asked.at(-1)).toMatchObject({ name: 'backups.delete', input: { backup: 'nightly' } });
    await restore({});
    expect(await ask('DELETE', 'delete?backup_name=nightly')).toMatchObject({ code: 3 });
  });

  it('say hello, check Milvus, and refuse a secondary', async () => {
    const hello = await bench.app.inject({ url: '/api/v1/hello' });
    expect(hello.body).toBe('Hello, This is backup service');
    bench.answer = () => [{ name: 'login', status: 'ok', detail: 'v2.3.5' }];
    const check = await bench.app.inject({ url: '/api/v1/check' });
    expect([check.statusCode, check.body]).toStrictEqual([200, expect.stringContaining('ok: login: v2.3.5')]);
    bench.answer = () => [{ name: 'port', status: 'fail', detail: 'refused' }];
    const bad = await bench.app.inject({ url: '/api/v1/check' });
    expect([bad.statusCode, bad.json()]).toStrictEqual([424, { error: 'port: refused' }]);
    expect(await ask('POST', 'restore_secondary', {})).toMatchObject({ code: 1 });
  });

  it('ask for a connection where there are several', async () => {
    bench.context.connections.put('there', { uri: 'http://127.0.0.1:19531' }, new Date());
    expect(await create({})).toMatchObject({ code: 404, msg: expect.stringContaining('?connection=NAME') });
    expect(await ask('POST', 'create?connection=here', { async: true })).toMatchObject({ code: 0 });
    expect(await ask('GET', 'list?connection=there')).toMatchObject({
      code: 3,
      msg: expect.stringContaining('backup_store'),
    });
  });
});

describe("milvus-backup's restore", () => {
  beforeEach(() => {
    bench.answer = () => CONTENTS;
  });

  it.each([
    [{}, { mode: 'skip', index: 'none', load: false }],
    [
      { collection_suffix: '_copy', restoreIndex: true },
      { rename: { suffix: '_copy' }, index: 'restore' },
    ],
    [
      { restoreIndex: true, useAutoIndex: true, dropExistCollection: true },
      { index: 'auto', mode: 'overwrite' },
    ],
    [{ collection_renames: { 'default.a': 'default.b' } }, { rename: { map: { 'default.a': 'default.b' } } }],
    [
      { collection_names: ['a'], metaOnly: true, rbac: true },
      { source_collection: ['default.a'], meta_only: true, rbac: true },
    ],
    [
      {
        restorePlan: {
          mapping: [
            { source: 'a', target: 'b' },
            { source: 'c', target: 'c', colls: [{ source: 'x', target: 'y' }] },
          ],
          filter: { a: { colls: [] }, c: { colls: ['x'] } },
        },
      },
      { rename: { map: { 'a.*': 'b.*', 'c.x': 'c.y' } }, source_collection: ['a.*', 'c.x'] },
    ],
  ])('%j is a RESTORE with %j', async (body, keys) => {
    expect(await restore(body)).toMatchObject({ code: 0, data: { state_code: 0 } });
    expect(latest()).toMatchObject({ backup_name: 'nightly', dest_uri: 'http://127.0.0.1:19530', ...keys });
  });

  it.each([
    [{ skipCreateCollection: true }, 1],
    [{ maxShardNum: 2 }, 1],
    [{ bucket_name: 'b' }, 1],
    [{ path: 'p' }, 1],
    [{ skipParams: { indexParams: ['x'] } }, 1],
    [{ ezkMapping: { a: 'b' } }, 1],
    [{ db_collections_after_rename: { a: ['b'] } }, 1],
    [
      {
        restorePlan: {
          mapping: [{ source: 'a', target: 'b', colls: [{ source: 'x', target: 'y', override: { shardNum: 2 } }] }],
        },
      },
      1,
    ],
    [{ restorePlan: { mapping: [{ source: 'a' }] } }, 400],
    [{ restorePlan: { mapping: [] }, collection_suffix: '_x' }, 400],
  ])('%j is refused with %i', async (body, code) => {
    expect((await restore(body)).code).toBe(code);
    expect(bench.context.jobs.list({ limit: 1 })).toHaveLength(0);
  });

  it('names all that it cannot do', () => {
    const asked = { backup_name: 'b', path: 'p', maxShardNum: 2 };
    const message = expect.stringMatching(/path, maxShardNum$/);
    expect(() => restoreKeys(asked)).toThrow(expect.objectContaining({ code: 'SRV_UNSUPPORTED', message }));
  });

  it('what is empty is not asked for', async () => {
    const empty = { skipParams: { indexParams: [] }, ezkMapping: {}, bucket_name: '', path: '', maxShardNum: 0 };
    expect((await restore({ ...empty, collection_suffix: '', collection_renames: {} })).code).toBe(0);
    expect(latest().rename).toBeUndefined();
  });

  it('is followed by its own id, with progress per collection', async () => {
    const { data } = await restore({ id: 'restore_1' });
    expect(data.id).toBe('restore_1');
    await expect.poll(() => bench.workers.length).toBe(1);
    const fields = { server: 's', fields: [], units: [] };
    bench.workers[0]!.say({ type: 'phase', phase: 'write' });
    bench.workers[0]!.say({ type: 'collection', collection: 'default.articles', ...fields });
    bench.workers[0]!.say({ type: 'progress', phase: 'write', done: 1, total: 2, bytes: 0 });
    const running = await ask('GET', 'get_restore?id=restore_1');
    expect(running.data).toMatchObject({
      state_code: 1,
      progress: 50,
      collection_restore_tasks: [
        { state_code: 1, progress: 50, target_db_name: 'default', target_collection_name: 'articles' },
      ],
    });
    await bench.workers[0]!.end('done');
    await expect.poll(async () => (await ask('GET', 'get_restore?id=restore_1')).data.state_code).toBe(2);
  });
});
