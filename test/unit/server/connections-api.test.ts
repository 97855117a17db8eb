import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkConnection } from '../../../src/server/tasks/connection-task.js';
import { readConnections } from '../../../src/server/tasks/connections-file.js';
import { type Bench, newJob, openBench, temporaryFolder, until } from './support.js';

/** A reference as it stands in a task. */
const ref = (name: string): string => `$\{${name}}`;

const STORE = { type: 'local', path: '/srv/backups' };
const PROD = { uri: 'http://milvus.example:19530', token: `root:${ref('SERVER_TEST_TOKEN')}`, backup_store: STORE };

beforeEach(() => void vi.stubEnv('SERVER_TEST_TOKEN', 'the-secret-of-prod'));
afterEach(() => void vi.unstubAllEnvs());

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

async function ask(bench: Bench, method: Method, url: string, body?: object) {
  const payload = body === undefined ? {} : { payload: body };
  const answer = await bench.app.inject({ method, url: `/api/v1${url}`, ...payload });
  return { status: answer.statusCode, body: answer.body === '' ? null : answer.json(), text: answer.body };
}

async function withProd(): Promise<Bench> {
  const bench = await openBench();
  expect((await ask(bench, 'PUT', '/connections/prod', PROD)).status).toBe(201);
  return bench;
}

describe('a connection', () => {
  it('is made, shown, changed and forgotten, its secrets references all the time', async () => {
    const bench = await withProd();
    expect(await ask(bench, 'GET', '/connections/prod')).toMatchObject({
      status: 200,
      body: { name: 'prod', ...PROD },
    });
    expect((await ask(bench, 'PUT', '/connections/prod', { ...PROD, db: 'shop' })).status).toBe(200);
    const list = await ask(bench, 'GET', '/connections');
    expect(list.body.connections).toEqual([expect.objectContaining({ name: 'prod', db: 'shop' })]);
    expect(list.text).not.toContain('the-secret-of-prod');
    expect((await ask(bench, 'DELETE', '/connections/prod')).status).toBe(204);
    expect((await ask(bench, 'DELETE', '/connections/prod')).status).toBe(404);
  });

  it.each([
    [{ ...PROD, token: 'in-the-clear' }, 400, 'SRV_SECRET', 'token'],
    [{ ...PROD, token: undefined, user: 'root', password: 'in-the-clear' }, 400, 'SRV_SECRET', 'password'],
    [
      { ...PROD, backup_store: { type: 's3', bucket: 'b', access_key: 'a', secret_key: 'in-the-clear' } },
      400,
      'SRV_SECRET',
      'backup_store.secret_key',
    ],
    [{ ...PROD, uri: 'ftp://x' }, 400, 'CFG_INVALID', 'uri'],
    [{ ...PROD, backup_store: { type: 'tape' } }, 400, 'CFG_INVALID', 'backup_store.type'],
    [{ ...PROD, token: ref('NO_SUCH_VARIABLE') }, 400, 'CFG_REFERENCE', 'NO_SUCH_VARIABLE'],
    [{ token: 'x' }, 400, 'SRV_REQUEST', 'uri'],
    [{ ...PROD, colour: 'red' }, 400, 'SRV_REQUEST', ''],
  ])('of %j is refused', async (body, status, code, named) => {
    const bench = await openBench();
    const answer = await ask(bench, 'PUT', '/connections/prod', body);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(answer.body.error.message).toContain(named);
    expect(answer.body.error.message).not.toContain('source_');
    expect(answer.text).not.toContain('in-the-clear');
    expect((await ask(bench, 'GET', '/connections')).body.connections).toEqual([]);
  });

  it.each(['..%2fx', '%2e%2e', 'a%00b', 'a%20b', '-x', 'x'.repeat(101)])('cannot be called %s', async (name) => {
    const { status } = await ask(await openBench(), 'PUT', `/connections/${name}`, PROD);
    expect([400, 404]).toContain(status);
  });

  it('fills the task of a job, which keeps the reference', async () => {
    const bench = await withProd();
    const task = { H2M: { data_path: '/x.h5', dest_collection_name: 'c' } };
    const { status, body } = await ask(bench, 'POST', '/jobs', { task, connection: 'prod' });
    expect([status, body.servers, body.connections]).toEqual([202, ['milvus.example:19530'], ['prod']]);
    expect(body.yaml).toContain(`dest_token: root:${ref('SERVER_TEST_TOKEN')}`);
    await until(() => bench.workers.length === 1, 'a worker');
    expect(JSON.stringify(bench.workers[0]!.job)).not.toContain('the-secret-of-prod');
  });

  it('gives its login to its own address only', async () => {
    const bench = await withProd();
    const task = { H2M: { data_path: '/x.h5', dest_collection_name: 'c', dest_uri: 'http://evil.example' } };
    const answer = await ask(bench, 'POST', '/jobs', { task, connection: 'prod' });
    expect([answer.status, answer.body.error.code]).toEqual([409, 'SRV_CONFLICT']);
  });

  it('of an M2M says for which side it is', async () => {
    const bench = await withProd();
    const task = { M2M: { source_collection: 'c', dest_uri: 'http://other:19530' } };
    expect((await ask(bench, 'POST', '/jobs', { task, connection: 'prod' })).status).toBe(400);
    const { status, body } = await ask(bench, 'POST', '/jobs', { task, connection: { source: 'prod' } });
    expect([status, body.servers]).toEqual([202, ['milvus.example:19530', 'other:19530']]);
  });

  it('is not forgotten while something needs it', async () => {
    const bench = await withProd();
    const job = bench.context.queue.submit(newJob({ connections: ['prod'] }));
    const first = await ask(bench, 'DELETE', '/connections/prod');
    expect([first.status, first.body.error.message]).toEqual([409, expect.stringContaining(job.id)]);
    await until(() => bench.workers.length === 1, 'a worker');
    await bench.workers[0]!.end('done');
    await until(() => bench.context.jobs.get(job.id)?.state === 'done', 'its end');
    const schedule = { name: 'nightly', cron: '0 3 * * *', task: { BACKUP: {} }, connection: 'prod' };
    expect((await ask(bench, 'POST', '/schedules', schedule)).status).toBe(201);
    const second = await ask(bench, 'DELETE', '/connections/prod');
    expect([second.status, second.body.error.message]).toEqual([409, expect.stringContaining('nightly')]);
  });

  it('is checked by the process that looks things up', async () => {
    const bench = await withProd();
    bench.answer = () => [{ status: 'ok' }, { status: 'warn' }];
    expect((await ask(bench, 'POST', '/connections/prod/check')).body).toMatchObject({ status: 'warn' });
    expect(JSON.stringify(bench.asked)).not.toContain('the-secret-of-prod');
  });
});

describe('backups of a connection', () => {
  it('are listed with what is known of their jobs', async () => {
    const bench = await withProd();
    bench.answer = () => ({ store: '/srv/backups', backups: [{ name: 'one' }, { name: 'two' }] });
    const job = { task: { BACKUP: {} }, connection: 'prod' };
    const { body } = await ask(bench, 'POST', '/jobs', job);
    expect(body.yaml).toContain('/srv/backups');
    const made = { job: body.id, name: 'two', connection: 'prod', kind: 'manual', schedule: null } as const;
    const { storeDigest } = await import('../../../src/server/tasks/store-digest.js');
    const store = storeDigest(checkConnection(PROD, bench.context.around))!;
    bench.context.backups.add({ ...made, store, created: '2026-11-22T00:00:00.000Z' });
    const listed = await ask(bench, 'GET', '/connections/prod/backups');
    expect(listed.body.backups).toMatchObject([
      { name: 'one', job: null },
      { name: 'two', job: body.id, kind: 'manual' },
    ]);
  });

  it('are restored into their connection, or another', async () => {
    const bench = await withProd();
    await ask(bench, 'PUT', '/connections/spare', { uri: 'http://spare:19530' });
    const restore = (body: object) => ask(bench, 'POST', '/connections/prod/backups/nightly/restore', body);
    const same = await restore({ options: { mode: 'overwrite' } });
    expect(same).toMatchObject({ status: 202, body: { task: 'RESTORE', servers: ['milvus.example:19530'] } });
    expect(same.body.yaml).toContain('backup_name: nightly');
    expect((await restore({ connection: 'spare' })).body.servers).toEqual(['spare:19530']);
    for (const key of ['dest_uri', 'dest_token', 'backup_store', 'backup_name', 'dest_storage']) {
      expect((await restore({ options: { [key]: 'x' } })).status, key).toBe(400);
    }
    const removed = await ask(bench, 'DELETE', '/connections/prod/backups/nightly');
    expect([removed.status, removed.body.error.message]).toEqual([409, expect.stringContaining(same.body.id)]);
    expect((await ask(bench, 'DELETE', '/connections/prod/backups/other')).status).toBe(200);
    expect(bench.asked.at(-1)).toMatchObject({ name: 'backups.delete', input: { backup: 'other' } });
  });

  it('need a store', async () => {
    const bench = await openBench();
    await ask(bench, 'PUT', '/connections/bare', { uri: 'http://bare:19530' });
    expect((await ask(bench, 'GET', '/connections/bare/backups')).body.error.code).toBe('SRV_CONFLICT');
    expect((await ask(bench, 'POST', '/connections/bare/backups', {})).status).toBe(409);
  });

  it.each(['..%2f..%2fetc', 'a%5cb', '%00', '..%2f'])('cannot be called %s', async (name) => {
    const bench = await withProd();
    for (const method of ['GET', 'DELETE'] as const) {
      expect([400, 404]).toContain((await ask(bench, method, `/connections/prod/backups/${name}`)).status);
    }
    expect(bench.asked).toEqual([]);
  });
});

describe('a file of connections', () => {
  const read = (text: string) => {
    const path = join(temporaryFolder(), 'connections.yaml');
    writeFileSync(path, text);
    return readConnections(path, () => {});
  };

  it('holds them by name', () => {
    expect([...read('prod:\n  uri: http://a:1\n  db: x\nspare: {uri: http://b:2}\n').keys()]).toEqual([
      'prod',
      'spare',
    ]);
    expect(read('').size).toBe(0);
  });

  it.each([
    ['- a\n', 'by their names'],
    ['../x: {uri: http://a}\n', 'a name has'],
    ['prod: http://a\n', 'a group of keys'],
    ['prod: {uri: http://a, colour: red}\n', 'colour'],
    ['prod: {db: x}\n', 'uri is missing'],
  ])('of %j is refused', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });
});
