import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { JobView } from '../../src/server/http/views.js';
import { sleep } from '../../src/util/abort.js';
import { runCli } from '../support/cli.js';
import { untilGone } from '../support/processes.js';
import { startServe } from '../support/serve.js';
import { checkDocument, dropCollections, fixture, milvusUri, temporaryFolder, unique, withClient } from './support.js';

afterAll(dropCollections);

/** So many jobs of the test that kills a server with a long queue; 200 in `npm run test:soak`. */
const QUEUED = Number(process.env.SERVE_JOBS ?? 6);

const ENDED = ['done', 'skipped', 'partial', 'failed', 'interrupted', 'cancelled'];

function h2m(collection: string, more: object = {}): object {
  const body = { data_path: fixture('hdf5/quickstart.h5'), dest_uri: milvusUri(), dest_collection_name: collection };
  const parameter = { metric_type: 'L2', index: 'none' };
  return { H2M: { ...body, mode: 'append', collection_parameter: parameter, verify: 'none', ...more } };
}

/** Writes for about ten seconds, a batch in each half of one. */
const SLOW = { max_rate: '500 rows/s', batch_bytes: 65536, parallelism: 1 };

interface Sent {
  readonly id: string;
  readonly event: string;
  readonly data: JobView;
}

/** Every copy of every row that is not deleted. */
async function countRows(collection: string): Promise<number> {
  return withClient(async (client) => {
    const { indexes = [] } = await client.listIndexes({ collection_name: collection });
    if (indexes.length === 0) {
      const index = { index_type: 'FLAT', metric_type: 'L2', field_name: 'embedding' };
      await client.createIndex({ collection_name: collection, ...index });
    }
    await client.loadCollectionSync({ collection_name: collection });
    const answer = await client.count({ collection_name: collection });
    return Number(answer.data);
  });
}

/** The events of a job until its stream ends. */
async function events(url: string, id: string, last?: string): Promise<Sent[]> {
  const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': last };
  const text = await (await fetch(`${url}/api/v1/jobs/${id}/events`, { headers })).text();
  const blocks = text.split('\n\n').filter((block) => block.includes('data: '));
  return blocks.map((block) => {
    const part = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1] ?? '';
    return { id: part('id'), event: part('event'), data: JSON.parse(part('data')) as JobView };
  });
}

describe.concurrent('milvusdm serve', () => {
  it('runs a migration, a backup and a restore, watched to the end', async () => {
    const [name, copy] = [unique('serve'), unique('serve_copy')];
    const store = await temporaryFolder();
    await using server = await startServe();
    const connection = { uri: milvusUri(), backup_store: { type: 'local', path: store } };
    expect((await server.ask('PUT', '/connections/here', connection)).status).toBe(201);
    expect((await server.ask('POST', '/connections/here/check')).body).toMatchObject({ checks: expect.any(Array) });

    const body = { data_path: fixture('faiss/flat_ip.index'), dest_collection_name: name };
    const task = { F2M: { ...body, collection_parameter: { metric_type: 'IP' }, verify: 'sample' } };
    const id = await server.submit(task, { connection: 'here' });
    const seen = await events(server.url, id);
    expect(seen[0]!.event).toBe('job');
    expect(seen.at(-1)).toMatchObject({ event: 'end', data: { state: 'done' } });
    expect(seen.some(({ event, data }) => event === 'progress' && JSON.stringify(data).includes(name))).toBe(true);
    const again = await events(server.url, id, seen.filter((one) => one.id !== '').at(-3)!.id);
    expect(again.length).toBeLessThan(seen.length);
    expect(again.at(-1)).toMatchObject({ event: 'end' });
    const done = await server.job(id);
    expect(done).toMatchObject({ state: 'done', attempts: 1, rows_written: 300, error: null });
    checkDocument('report.schema.json', (await server.ask('GET', `/jobs/${id}/report`)).body);
    expect((await server.ask<string>('GET', `/jobs/${id}/log`)).body).toContain('phase write');

    const options = { source_collection: name, strategy: 'logical' };
    const made = await server.ask<JobView>('POST', '/connections/here/backups', { options });
    expect(made.status).toBe(202);
    const backup = await server.until(made.body.id, ENDED);
    expect(backup).toMatchObject({ state: 'done', error: null, backup: expect.stringContaining('backup_') });
    const place = `/connections/here/backups/${backup.backup}`;
    const listed = await server.ask<{ backups: object[] }>('GET', '/connections/here/backups');
    expect(listed.body.backups).toMatchObject([{ name: backup.backup, job: backup.id, kind: 'manual' }]);
    expect((await server.ask('GET', place)).status).toBe(200);
    const rename = { map: { [name]: copy } };
    const restore = await server.ask<JobView>('POST', `${place}/restore`, { options: { rename } });
    expect(await server.until(restore.body.id, ENDED)).toMatchObject({ state: 'done', error: null });
    expect(await countRows(copy)).toBe(300);
    expect((await server.ask('DELETE', place)).body).toMatchObject({ removed: true });
    expect((await server.ask<{ backups: object[] }>('GET', '/connections/here/backups')).body.backups).toEqual([]);
  });

  it('writes into a folder of Milvus Lite, and out of it', async () => {
    const folder = await temporaryFolder();
    const lite = join(folder, 'milvus');
    await using server = await startServe();
    const body = { data_path: fixture('faiss/flat_ip.index'), dest_uri: lite, dest_collection_name: 'articles' };
    const into = await server.submit({ F2M: { ...body, collection_parameter: { metric_type: 'IP' } } });
    expect(await server.until(into, ENDED)).toMatchObject({ state: 'done', rows_written: 300, error: null });
    const archive = { source_uri: lite, source_collection: 'articles', data_dir: join(folder, 'archive') };
    const out = await server.submit({ M2H: archive });
    expect(await server.until(out, ENDED)).toMatchObject({ state: 'done', rows_written: 300, error: null });
  });

  it('makes backups by a schedule, one at a time, and keeps the newest', async () => {
    const name = unique('serve_schedule');
    const store = await temporaryFolder();
    await using server = await startServe();
    const filled = await server.submit(h2m(name, { collection_parameter: { metric_type: 'L2' } }));
    expect(await server.until(filled, ENDED)).toMatchObject({ state: 'done' });
    const backup_store = { type: 'local', path: store };
    await server.ask('PUT', '/connections/here', { uri: milvusUri(), backup_store });
    const schedule = {
      name: 'each second',
      cron: '* * * * * *',
      connection: 'here',
      task: { BACKUP: { source_collection: name, strategy: 'logical' } },
      retention: { keep_last: 1 },
    };
    const made = await server.ask<{ id: string; last: { reason: string } | null }>('POST', '/schedules', schedule);
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const ofSchedule = async (): Promise<readonly JobView[]> => {
      const { body } = await server.ask<{ jobs: readonly JobView[] }>('GET', '/jobs?limit=100');
      return body.jobs.filter((job) => job.schedule === made.body.id);
    };
    const reasons = new Set<string>();
    for (const end = Date.now() + 120_000; ; await sleep(100)) {
      const jobs = await ofSchedule();
      expect(jobs.filter(({ state }) => !ENDED.includes(state)).length).toBeLessThanOrEqual(1);
      const { body } = await server.ask<typeof made.body>('GET', `/schedules/${made.body.id}`);
      if (body.last?.reason) reasons.add(body.last.reason);
      if (reasons.size > 0 && jobs.filter(({ state }) => state === 'done').length >= 2) break;
      if (Date.now() > end) throw new Error(`in vain: ${JSON.stringify([jobs, body])}`);
    }
    expect([...reasons][0]).toMatch(/^SRV_CONFLICT: job \S+ of schedule each second is (queued|running) still$/);
    const off = { ...schedule, enabled: false };
    expect((await server.ask('PUT', `/schedules/${made.body.id}`, off)).body).toMatchObject({ next: null });
    const jobs = await Promise.all((await ofSchedule()).map(({ id }) => server.until(id, ENDED)));
    expect(jobs.map(({ state, kind }) => [state, kind])).toEqual(jobs.map(() => ['done', 'automatic']));
    const listed = async (): Promise<readonly object[]> =>
      (await server.ask<{ backups: object[] }>('GET', '/connections/here/backups')).body.backups;
    await expect.poll(listed, { timeout: 120_000 }).toHaveLength(1);
    const newest = jobs
      .map(({ backup }) => backup)
      .sort()
      .at(-1);
    expect(await listed()).toMatchObject([{ name: newest, kind: 'automatic' }]);
  });

  it('cancels, resumes, survives kill -9 and stops in good order, without a row lost or twice', async () => {
    const name = unique('serve_kill');
    const first = await startServe();
    await using _first = first;
    const id = await first.submit(h2m(name, SLOW));
    const written = ({ progress }: JobView): number => progress.find(({ target }) => target === name)?.done ?? 0;
    await first.when(id, (job) => written(job) >= 500);
    await first.ask('POST', `/jobs/${id}/cancel`);
    expect(await first.until(id, ENDED)).toMatchObject({ state: 'cancelled', resumable: true });
    const { stateFolder } = first;
    const other = await runCli(['serve', '--port', '0', '--json'], { stateFolder });
    expect([other.code, other.json().error]).toEqual([2, expect.objectContaining({ code: 'SRV_RUNNING' })]);
    expect((await first.ask('POST', `/jobs/${id}/resume`)).status).toBe(202);
    await first.when(id, (job) => job.state === 'running' && written(job) >= 1200);
    await first.kill('SIGKILL');

    const second = await startServe({ stateFolder });
    await using _second = second;
    await second.when(id, (job) => job.state === 'running' && job.attempts === 3 && written(job) >= 2400);
    const stopped = await second.kill('SIGTERM');
    expect(stopped.code, stopped.stderr).toBe(0);

    await using third = await startServe({ stateFolder });
    const done = await third.until(id, ENDED);
    expect(done).toMatchObject({ state: 'done', attempts: 4, error: null });
    expect(await countRows(name)).toBe(5000);
  });

  it(
    `has ${QUEUED} jobs in its queue, is killed and started, and runs each to its end once`,
    async () => {
      const name = unique('serve_queue');
      const args = ['--max-jobs', '4', '--max-jobs-per-connection', '4'];
      const seed = { data_path: fixture('faiss/flat_ip.index'), dest_uri: milvusUri(), dest_collection_name: name };
      const parameter = { metric_type: 'IP', index: 'none' };
      const body = { ...seed, mode: 'append', verify: 'none', collection_parameter: parameter };
      const tasks = Array.from({ length: QUEUED }, (_, at) => {
        // Ids of its own for each: what is written twice, or not, shows in the count.
        return { F2M: { ...body, dest_partition_name: `p${at % 50}`, id_start: String(at * 1000) } };
      });
      const limitMs = 600_000 + QUEUED * 6000;
      const first = await startServe({ args, timeoutMs: limitMs });
      await using _first = first;
      const begin = await first.submit({ F2M: { ...body, dest_partition_name: 'begin', id_start: '900000' } });
      expect(await first.until(begin, ENDED)).toMatchObject({ state: 'done' });
      const ids = await Promise.all(tasks.map((task) => first.submit(task)));
      await first.when(ids[1]!, ({ state }) => state === 'done');
      await sleep(500);
      await first.kill('SIGKILL');
      await using second = await startServe({ args, stateFolder: first.stateFolder, timeoutMs: limitMs });
      const ends = await Promise.all(ids.map((id) => second.until(id, ENDED, limitMs)));
      expect(ends.filter(({ state }) => state !== 'done').map(({ state, error }) => [state, error])).toEqual([]);
      expect(ends.filter(({ attempts }) => attempts > 1).length).toBeLessThanOrEqual(4);
      expect(await countRows(name)).toBe(300 * (QUEUED + 1));
    },
    900_000 + QUEUED * 8000,
  );

  it('lets nobody in without a token, and does not listen to others without a file of them', async () => {
    const folder = await temporaryFolder();
    await mkdir(folder, { recursive: true });
    const tokens = join(folder, 'tokens');
    await writeFile(tokens, 'a-token-of-the-test\n');
    const refused = await runCli(['serve', '--host', '0.0.0.0', '--port', '0', '--json']);
    expect([refused.code, refused.json().error]).toEqual([2, expect.objectContaining({ code: 'SRV_LISTEN' })]);
    await using server = await startServe({ args: ['--token-file', tokens], token: 'a-token-of-the-test' });
    expect((await server.ask('GET', '/jobs')).status).toBe(200);
    expect((await fetch(`${server.url}/api/v1/jobs`)).status).toBe(401);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    const stopped = await server.kill('SIGTERM');
    expect(stopped.code).toBe(0);
    await untilGone(server.pid, 60_000);
  });
});
