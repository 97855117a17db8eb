import { describe, expect, it } from 'vitest';
import { type Bench, type BenchOptions, newJob, openBench, task, until } from './support.js';

const JSON_TYPE = { 'content-type': 'application/json' };

async function post(bench: Bench, url: string, body: unknown) {
  const payload = typeof body === 'string' ? body : JSON.stringify(body);
  return await bench.app.inject({ method: 'POST', url: `/api/v1${url}`, payload, headers: JSON_TYPE });
}

const get = (bench: Bench, url: string) => bench.app.inject(`/api/v1${url}`);

async function expectError(
  answer: Promise<{ statusCode: number; json(): unknown }>,
  { status, code }: { readonly status: number; readonly code: string },
) {
  const got = await answer;
  expect(got.json()).toMatchObject({ error: { code, message: expect.any(String), hint: expect.any(String) } });
  expect(got.statusCode).toBe(status);
}

describe('a job', () => {
  it('is taken in, runs, and is shown with its progress', async () => {
    const bench = await openBench();
    const answer = await post(bench, '/jobs', { yaml: task() });
    expect(answer.statusCode).toBe(202);
    const { id, ...rest } = answer.json();
    expect(answer.headers.location).toBe(`/api/v1/jobs/${id}`);
    expect(rest).toMatchObject({ state: 'queued', task: 'H2M', servers: ['127.0.0.1:19530'], yaml: task() });
    await until(() => bench.workers.length === 1, 'a worker');
    const [worker] = bench.workers;
    worker!.say({ type: 'phase', phase: 'write' });
    worker!.say({ type: 'collection', collection: 'c', server: 's', fields: [], units: [] });
    worker!.say({ type: 'progress', phase: 'write', done: 50, total: 200, bytes: 9 });
    worker!.say({ type: 'warning', message: 'careful' });
    expect((await get(bench, `/jobs/${id}`)).json()).toMatchObject({
      state: 'running',
      phase: 'write',
      attempts: 1,
      progress: [{ target: 'c', phase: 'write', done: 50, total: 200, bytes: 9 }],
      warnings: ['careful'],
    });
    await worker!.end('partial', { warnings: ['careful'], exit_code: 7, seconds: 2 });
    await until(() => bench.context.jobs.get(id)?.state === 'partial', 'its end');
    expect((await get(bench, `/jobs/${id}`)).json()).toMatchObject({
      state: 'partial',
      phase: null,
      exit_code: 7,
      seconds: 2,
      progress: [{ target: 'c', done: 50 }],
    });
    expect((await get(bench, `/jobs/${id}/report`)).json()).toMatchObject({ status: 'partial', exit_code: 7 });
    const page = await get(bench, `/jobs/${id}/report?format=html`);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain('sandbox');
    expect(page.body).toContain('<!doctype html>');
  });

  it('can be given as an object, and is a plan with dry_run', async () => {
    const bench = await openBench();
    bench.answer = () => ({ status: 'planned' });
    const object = { H2M: { data_path: 'x.h5', dest_collection_name: 'c', dest_uri: 'http://h:1' } };
    expect((await post(bench, '/jobs', { task: object })).statusCode).toBe(202);
    const plan = await post(bench, '/jobs', { task: object, dry_run: true });
    expect([plan.statusCode, plan.json()]).toEqual([200, { status: 'planned' }]);
    expect((await post(bench, '/plan', { task: object })).json()).toEqual({ status: 'planned' });
    expect(bench.asked.map(({ name }) => name)).toEqual(['plan', 'plan']);
    expect((await get(bench, '/jobs')).json().jobs).toHaveLength(1);
  });

  it.each([
    [{}, 400, 'SRV_REQUEST'],
    [{ yaml: task(), task: {} }, 400, 'SRV_REQUEST'],
    [{ yaml: task(), surprise: 1 }, 400, 'SRV_REQUEST'],
    [[], 400, 'SRV_REQUEST'],
    ['{"yaml": ', 400, 'SRV_REQUEST'],
    ['', 400, 'SRV_REQUEST'],
    [{ yaml: 'F2M: [' }, 400, 'CFG_SYNTAX'],
    [{ yaml: 'nothing' }, 400, 'CFG_INVALID'],
    [{ yaml: `${task()}  modus: x\n` }, 400, 'CFG_INVALID'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a reference
    [{ yaml: task('c', 'http://h:1', '  dest_token: ${NO_SUCH_VARIABLE}\n') }, 400, 'CFG_REFERENCE'],
    [{ yaml: task('c', 'http://h:1', '  dest_token: hunter2hunter2\n') }, 400, 'SRV_SECRET'],
    [{ yaml: task(), connection: 'nobody' }, 404, 'SRV_NOT_FOUND'],
    [{ yaml: task(), connection: '../x' }, 400, 'SRV_REQUEST'],
    [{ task: { H2M: { a: 'x'.repeat(1_045_000) } } }, 400, 'CFG_INVALID'],
  ])('of %.60j is refused', async (body, status, code) => {
    await expectError(post(await openBench(), '/jobs', body), { status, code });
  });

  it('is not taken in beyond a MiB', async () => {
    const long = post(await openBench(), '/jobs', { yaml: 'x'.repeat(1_100_000) });
    await expectError(long, { status: 413, code: 'SRV_TOO_LARGE' });
  });

  it('is not taken in as anything but JSON', async () => {
    const { app } = await openBench();
    const headers = { 'content-type': 'text/plain' };
    const answer = await app.inject({ method: 'POST', url: '/api/v1/jobs', payload: '{}', headers });
    expect([answer.statusCode, answer.json().error.code]).toEqual([415, 'SRV_REQUEST']);
  });

  it('is not found by a name that leads elsewhere', async () => {
    const bench = await openBench();
    for (const id of ['..', '%2e%2e%2fserver.db', '..%2f..%2fetc%2fpasswd', 'A', 'x%00', 'x'.repeat(300)]) {
      for (const path of ['', '/report', '/log', '/events']) {
        const { statusCode } = await get(bench, `/jobs/${id}${path}`);
        expect([400, 404], `${id}${path}`).toContain(statusCode);
      }
    }
  });
});

describe('the list of jobs', () => {
  it('goes by pages, latest first', async () => {
    const bench = await openBench({ limits: { jobs: 1, perServer: 1 } });
    const ids = Array.from({ length: 5 }, () => bench.context.queue.submit(newJob()).id);
    const seen: string[] = [];
    for (let cursor = ''; ; ) {
      const page = (await get(bench, `/jobs?limit=2${cursor}`)).json();
      seen.push(...page.jobs.map((job: { id: string }) => job.id));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    expect(seen).toEqual(ids.reverse());
  });

  it('can be of one state or task', async () => {
    const bench = await openBench({ limits: { jobs: 1, perServer: 1 } });
    const backup = bench.context.queue.submit(newJob({ task: 'BACKUP' }));
    bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    const of = async (query: string) =>
      (await get(bench, `/jobs?${query}`)).json().jobs.map((job: { id: string }) => job.id);
    expect(await of('task=BACKUP')).toEqual([backup.id]);
    expect(await of('state=running')).toEqual([backup.id]);
    expect(await of('state=done')).toEqual([]);
  });

  it.each(['limit=0', 'limit=501', 'limit=x', 'state=lost', 'task=X', 'cursor=-1', 'cursor=1;DROP', 'x=1'])(
    'is refused with %s',
    async (query) => {
      await expectError(get(await openBench(), `/jobs?${query}`) as never, { status: 400, code: 'SRV_REQUEST' });
    },
  );
});

describe('actions', () => {
  it('say what stands in their way', async () => {
    const bench = await openBench();
    const { id } = bench.context.queue.submit(newJob());
    await expectError(post(bench, `/jobs/${id}/resume`, {}), { status: 409, code: 'SRV_CONFLICT' });
    await expectError(post(bench, '/jobs/nobody/resume', {}), { status: 404, code: 'SRV_NOT_FOUND' });
    await expectError(post(bench, '/jobs/nobody/cancel', {}), { status: 404, code: 'SRV_NOT_FOUND' });
    await expectError(get(bench, `/jobs/${id}/report`) as never, { status: 404, code: 'SRV_NOT_FOUND' });
    const cancel = await bench.app.inject({ method: 'POST', url: `/api/v1/jobs/${id}/cancel` });
    expect(cancel.statusCode).toBe(202);
  });
});

describe('validation', () => {
  const issues = async (body: unknown, o: BenchOptions = {}) =>
    (await post(await openBench(o), '/validate', body)).json();

  it('finds nothing wrong with a task that is right', async () => {
    expect(await issues({ yaml: task() })).toEqual({ valid: true, task: 'H2M', notes: [], issues: [] });
  });

  it('names every mistake with its place', async () => {
    const yaml = 'H2M:\n  data_path: x.h5\n  dest_port: many\n  modus: skip\n';
    const { valid, issues: found } = await issues({ yaml });
    expect(valid).toBe(false);
    expect(found).toContainEqual(expect.objectContaining({ line: 3, path: 'dest_port', code: 'CFG_INVALID' }));
    expect(found).toContainEqual(expect.objectContaining({ line: 4, column: 3, path: 'modus' }));
  });

  it('finds secrets as they are, and repeats none of them', async () => {
    const answer = await issues({ yaml: task('c', 'http://h:1', '  dest_token: hunter2hunter2\n') });
    expect(answer).toMatchObject({ valid: false, issues: [{ code: 'SRV_SECRET' }] });
    expect(JSON.stringify(answer)).not.toContain('hunter2');
  });

  it('keeps to the folders that are allowed', async () => {
    const bench = await openBench({ allow: ['/srv/data'] });
    await expectError(post(bench, '/validate', { yaml: task() }), { status: 403, code: 'SRV_FORBIDDEN' });
    await expectError(post(bench, '/inspect', { path: '/etc/passwd' }), { status: 403, code: 'SRV_FORBIDDEN' });
    await expectError(post(bench, '/inspect', { path: '/srv/data/../../etc' }), { status: 403, code: 'SRV_FORBIDDEN' });
    expect((await post(bench, '/inspect', { path: '/srv/data/x.h5' })).statusCode).toBe(200);
  });
});
