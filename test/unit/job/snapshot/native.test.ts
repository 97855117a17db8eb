import { describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../../src/job/events.js';
import { createdAt } from '../../../../src/job/snapshot/native/keeper.js';
import { startDouble } from './support.js';

const CREATE = { action: 'create', source_collection: 'articles', snapshot_name: 'daily_20260101' };
const NAMED = { snapshot_name: 'daily_20260101' };

describe('create', () => {
  it('flushes first, and sends what the guide names', async () => {
    await using double = await startDouble();
    const { snapshot, keeper } = await double.ok({ ...CREATE, description: 'daily', compaction_protection: 3600 });
    expect(double.flushes).toEqual(['articles']);
    expect(double.server.asked.find(({ method }) => method === 'CreateSnapshot')?.request).toMatchObject({
      name: 'daily_20260101',
      description: 'daily',
      db_name: 'default',
      collection_name: 'articles',
      compaction_protection_seconds: '3600',
    });
    expect(keeper).toBe('native');
    expect(snapshot).toMatchObject({
      db: 'default',
      collection: 'articles',
      name: 'daily_20260101',
      description: 'daily',
      partitions: ['_default'],
      location: expect.stringMatching(/^files\/snapshots\/1\/metadata\/[0-9]+\.json$/),
      rows: null,
    });
    expect(Math.abs(Date.parse(snapshot?.created ?? '') - Date.now())).toBeLessThan(60_000);
  });

  it('without a flush says what will be missing', async () => {
    await using double = await startDouble();
    const report = await double.run({ ...CREATE, flush: false });
    expect(double.flushes).toEqual([]);
    expect(report).toMatchObject({ status: 'done', exit_code: 0 });
    expect(report.warnings).toEqual([
      'without a flush, rows and deletes that the server holds in memory only are not in the snapshot',
    ]);
  });

  it.each(['test', 'backup1', 'snapshot', 'my_snapshot', 'tmp_2'])(
    'gives a hint about the generic name %s',
    async (name) => {
      await using double = await startDouble();
      const { warnings } = await double.run({ ...CREATE, snapshot_name: name });
      expect(warnings).toEqual([expect.stringContaining(`the name "${name}" is generic`)]);
    },
  );

  it.each(['daily_backup_20240101', 'test_dataset_regression_suite', 'test_dataset_v1'])('takes %s', async (name) => {
    await using double = await startDouble();
    expect((await double.run({ ...CREATE, snapshot_name: name })).warnings).toEqual([]);
  });

  it("says of the guide's own v2.1_production_release that servers refuse the dot", async () => {
    await using double = await startDouble();
    const report = await double.run({ ...CREATE, snapshot_name: 'v2.1_production_release' });
    expect(report.warnings).toEqual([expect.stringContaining('a server with standard settings refuses the name')]);
    expect(report.error).toMatchObject({ code: 'DST_REFUSED', message: expect.stringContaining('can only contain') });
  });

  it('refuses a name that the collection has, and not one that another has', async () => {
    await using double = await startDouble({ default: { articles: {}, users: {} } });
    await double.ok(CREATE);
    await double.ok({ ...CREATE, source_collection: 'users' });
    expect(await double.run(CREATE)).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_EXISTS' } });
  });

  it('does not make it twice when the answer is lost', async () => {
    await using double = await startDouble(undefined, { loseAnswerOf: 'CreateSnapshot' });
    expect(await double.run(CREATE)).toMatchObject({ status: 'done', snapshot: { snapshot: NAMED_ENTRY } });
    expect(double.server.asked.filter(({ method }) => method === 'CreateSnapshot')).toHaveLength(1);
    expect(double.server.state.snapshots).toHaveLength(1);
  });

  it('names a collection that is not there', async () => {
    await using double = await startDouble();
    const report = await double.run({ ...CREATE, source_collection: 'nothing' });
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'DST_REFUSED' } });
    expect(report.error?.message).toContain('collection not found');
  });
});

const NAMED_ENTRY = { name: 'daily_20260101', collection: 'articles' };

describe('list, describe and drop', () => {
  it('go over all collections of all databases, or over those that are named', async () => {
    await using double = await startDouble({ default: { articles: {}, users: {} }, shop: { orders: {} } });
    for (const [db, name] of [
      ['default', 'articles'],
      ['default', 'users'],
      ['shop', 'orders'],
    ]) {
      await double.ok({ ...CREATE, source_db: db!, source_collection: name!, snapshot_name: `${name}_20260101` });
    }
    const names = async (keys: object): Promise<string[]> =>
      ((await double.ok({ action: 'list', ...keys })).snapshots ?? []).map((s) => `${s.db}.${s.collection}.${s.name}`);
    expect(await names({})).toEqual([
      'default.articles.articles_20260101',
      'default.users.users_20260101',
      'shop.orders.orders_20260101',
    ]);
    expect(await names({ source_db: 'shop' })).toEqual(['shop.orders.orders_20260101']);
    expect(await names({ source_collection: 'users' })).toEqual(['default.users.users_20260101']);
    expect(await double.run({ action: 'list', source_collection: 'none' })).toMatchObject({ exit_code: 4 });
  });

  it('describe with schema and indexes', async () => {
    await using double = await startDouble({ default: { articles: { partitions: ['_default', 'p1'] } } });
    await double.ok(CREATE);
    const { snapshot } = await double.ok({ action: 'describe', ...NAMED });
    expect(snapshot).toMatchObject({
      partitions: ['_default', 'p1'],
      shape: {
        source: 'collection',
        fields: [
          { name: 'id', type: 'INT64', primaryKey: true },
          { name: 'embedding', type: 'FLOAT_VECTOR(8)', primaryKey: false },
        ],
        indexes: [{ field: 'embedding', type: 'HNSW', metric: 'COSINE' }],
        shards: 2,
      },
    });
  });

  it('refuse a name that several collections have, until one is named', async () => {
    await using double = await startDouble({ default: { articles: {} }, shop: { articles: {} } });
    await double.ok(CREATE);
    await double.ok({ ...CREATE, source_db: 'shop' });
    const report = await double.run({ action: 'drop', ...NAMED });
    expect(report).toMatchObject({ exit_code: 2, error: { code: 'USAGE' } });
    expect(report.error?.message).toBe('2 collections have a snapshot "daily_20260101": articles, shop.articles');
    await double.ok({ action: 'drop', ...NAMED, source_db: 'shop' });
    expect(double.server.state.snapshots.map(({ db }) => db)).toEqual(['default']);
  });

  it('say that a snapshot is not there, though the server finds nothing wrong with dropping it', async () => {
    await using double = await startDouble();
    for (const action of ['describe', 'drop']) {
      for (const keys of [{}, { source_collection: 'articles' }]) {
        const report = await double.run({ action, ...NAMED, ...keys });
        expect(report).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_NOT_FOUND' } });
        expect(report.error?.hint).toContain('was dropped');
      }
    }
  });

  it('do not drop what is pinned', async () => {
    await using double = await startDouble();
    await double.ok(CREATE);
    double.server.state.snapshots[0]!.pins = 1;
    const report = await double.run({ action: 'drop', ...NAMED });
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_PINNED' } });
    expect(double.server.state.snapshots).toHaveLength(1);
  });
});

const RESTORE = { action: 'restore', ...NAMED, dest_collection_name: 'restored' };

describe('restore', () => {
  it('is waited for, with progress and all states, while the server first does not know the job', async () => {
    await using double = await startDouble(undefined, { lateBy: 2 });
    await double.ok(CREATE);
    const events: JobEvent[] = [];
    const report = await double.run(RESTORE, (event) => events.push(event));
    expect(report.error).toBe(null);
    expect(report).toMatchObject({
      status: 'done',
      snapshot: { job: { state: 'completed', progress: 100, snapshot: 'daily_20260101', collection: 'restored' } },
      targets: [{ collection: 'restored', target_rows: 300, verified: 'none' }],
    });
    expect(report.snapshot?.job?.time_cost_ms).toBeGreaterThan(0);
    const progress = events.flatMap((event) => (event.type === 'progress' ? [event.done] : []));
    expect(progress).toEqual([0, 50, 100]);
    expect(double.world.get('default')?.get('restored')).toMatchObject({ rows: 300 });
    expect(report.warnings).toEqual([expect.stringContaining('not verified')]);
    expect(report.snapshot?.notes[0]).toContain('2 shards, 1 partition (_default), the same as the snapshot has');
    const { request } = double.server.asked.find(({ method }) => method === 'RestoreSnapshot')!;
    expect(request).toMatchObject({
      name: 'daily_20260101',
      db_name: 'default',
      collection_name: 'articles',
      target_db_name: 'default',
      target_collection_name: 'restored',
      rewrite_data: false,
    });
  });

  it('goes on in the server without wait, and is found by its id and by its collection', async () => {
    await using double = await startDouble({ default: { articles: {} }, shop: {} });
    await double.ok(CREATE);
    const { job, notes } = await double.ok({ ...RESTORE, dest_db: 'shop', wait: false });
    expect(job).toMatchObject({ state: 'pending', db: 'shop', collection: 'restored' });
    expect(notes.at(-1)).toContain(`milvusdm snapshot job WHERE ${job?.job_id}`);
    const id = job!.job_id;
    expect((await double.ok({ action: 'job', job_id: id, wait: false })).job).toMatchObject({
      state: 'executing',
      progress: 50,
    });
    expect((await double.ok({ action: 'job', job_id: id })).job).toMatchObject({ state: 'completed', progress: 100 });
    const jobs = async (keys: object): Promise<unknown> =>
      (await double.ok({ action: 'jobs', ...keys })).jobs?.map((one) => one.job_id);
    expect(await jobs({})).toEqual([id]);
    expect(await jobs({ source_db: 'shop', source_collection: 'restored' })).toEqual([id]);
    expect(await jobs({ source_collection: 'articles' })).toEqual([]);
  });

  it('is refused where the collection exists', async () => {
    await using double = await startDouble();
    await double.ok(CREATE);
    const report = await double.run({ ...RESTORE, dest_collection_name: 'articles' });
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_TARGET_EXISTS' } });
    expect(report.error?.hint).toContain('Use a different name');
    expect(double.server.asked.some(({ method }) => method === 'RestoreSnapshot')).toBe(false);
  });

  it('that fails ends with the reason of the server', async () => {
    await using double = await startDouble(undefined, { failRestores: 'copy of segment 7 failed 3 times' });
    await double.ok(CREATE);
    const report = await double.run(RESTORE);
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_RESTORE_FAILED' } });
    expect(report.error?.message).toContain('copy of segment 7 failed 3 times');
  });

  it('is not begun twice when the answer is lost', async () => {
    await using double = await startDouble(undefined, { loseAnswerOf: 'RestoreSnapshot' });
    await double.ok(CREATE);
    const report = await double.run(RESTORE);
    expect(double.server.state.jobs).toHaveLength(1);
    expect(report.status).toBe('done');
  });

  it('of a job that nobody knows', async () => {
    await using double = await startDouble();
    for (const wait of [true, false]) {
      const report = await double.run({ action: 'job', job_id: '12345', wait });
      expect(report).toMatchObject({ exit_code: 4, error: { code: 'SNAPSHOT_JOB_NOT_FOUND' } });
    }
    expect(await double.run({ action: 'job', job_id: 'abc' })).toMatchObject({
      exit_code: 2,
      error: { code: 'USAGE' },
    });
  });

  it('says of TTL that restored rows keep their age', async () => {
    await using double = await startDouble({
      default: { articles: { properties: { 'collection.ttl.seconds': '3600' } } },
    });
    await double.ok(CREATE);
    const plan = await double.plan(RESTORE);
    expect(plan).toMatchObject({ task: 'SNAPSHOT', actions: [{ kind: 'create', target: 'restored' }] });
    expect(plan.warnings).toEqual([expect.stringContaining('"articles" has collection.ttl.seconds = 3,600')]);
    expect(double.server.state.jobs).toEqual([]);
  });
});

describe('errors of the server', () => {
  it.each([
    [1100, 'snapshot not found[snapshot=x]', 'SNAPSHOT_NOT_FOUND'],
    [1100, 'collection already exists', 'SNAPSHOT_TARGET_EXISTS'],
    [5, 'insufficient storage', 'SNAPSHOT_STORAGE'],
    [7, 'disk limit exceeded', 'SNAPSHOT_STORAGE'],
    [1001, 'permission denied', 'DST_AUTH'],
    [2100, 'restore snapshot failed', 'SNAPSHOT_RESTORE_FAILED'],
    [1401, 'privilege not permitted', 'DST_AUTH'],
    [65535, 'something else', 'DST_REFUSED'],
  ])('%i %s is %s', async (code, reason, expected) => {
    await using double = await startDouble(undefined, { refuse: { RestoreSnapshot: { code, reason } } });
    await double.ok(CREATE);
    const report = await double.run({ ...RESTORE, retry_for: 0 });
    expect(report.error).toMatchObject({ code: expected });
    expect(report.error?.message).toContain(reason);
  });

  it.each([
    [1401, 'privilege not permitted', 'source_token'],
    [1001, 'permission denied', 'object storage'],
  ])('%i %s says whose rights are meant', async (code, reason, hint) => {
    await using double = await startDouble(undefined, { refuse: { RestoreSnapshot: { code, reason } } });
    await double.ok(CREATE);
    expect((await double.run(RESTORE)).error).toMatchObject({ code: 'DST_AUTH', hint: expect.stringContaining(hint) });
  });

  it('of missing space says what frees some', async () => {
    const refuse = { RestoreSnapshot: { code: 5, reason: 'insufficient storage' } };
    await using double = await startDouble(undefined, { refuse });
    await double.ok(CREATE);
    const { error } = await double.run(RESTORE);
    expect(error).toMatchObject({ code: 'SNAPSHOT_STORAGE', hint: expect.stringContaining('snapshot prune') });
  });

  it('a server before 3.0 without its storage is refused, naming the keys', async () => {
    await using double = await startDouble(undefined, { version: 'v2.6.4' });
    const report = await double.run(CREATE);
    expect(report).toMatchObject({ exit_code: 4, error: { code: 'DST_UNSUPPORTED' } });
    expect(report.error?.message).toContain('Milvus v2.6.4');
    expect(report.error?.hint).toContain('source_storage (--storage)');
    expect(double.server.asked).toEqual([]);
  });

  it('nor has a Milvus Lite any', async () => {
    await using double = await startDouble(undefined, { version: 'milvus_lite-3.2.2' });
    expect(await double.run(CREATE)).toMatchObject({ exit_code: 4, error: { code: 'DST_UNSUPPORTED' } });
  });
});

describe('the time of a snapshot', () => {
  it.each([
    [1_767_225_600_000n << 18n, 1_767_225_600_000],
    [1_767_225_600_000n, 1_767_225_600_000],
    [0n, 0],
  ])('%s is %i ms', (timestamp, ms) => {
    expect(createdAt(timestamp)).toBe(ms);
  });
});
