import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { takeLock } from '../../../src/job/ledger/lock.js';
import { mayStart } from '../../../src/server/queue/slots.js';
import { jobFiles } from '../../../src/server/state/folders.js';
import { type Bench, newJob, openBench, savedReport, temporaryFolder, until } from './support.js';

const state = (bench: Bench, id: string): string | undefined => bench.context.jobs.get(id)?.state;

async function reopen(bench: Bench): Promise<Bench> {
  await bench.leave();
  return openBench({ folder: bench.folder, limits: { jobs: 9, perServer: 9 } });
}

describe('what may start', () => {
  const job = { key: 'k', servers: ['a'], kind: 'manual', task: 'H2M' } as const;
  const limits = { jobs: 3, perServer: 2 };

  it.each([
    ['nothing runs', [], true],
    ['another server is busy', [{ ...job, key: 'x', servers: ['b'] }], true],
    ['its server has one more', [{ ...job, key: 'x' }], true],
    ['its server has enough', [job, job].map((one, at) => ({ ...one, key: `${at}` })), false],
    ['the same job runs', [{ ...job, servers: ['b'] }], false],
    ['there are as many as there may be', [1, 2, 3].map((at) => ({ ...job, key: `${at}`, servers: [] })), false],
  ])('when %s', (_, running, expected) => {
    expect(mayStart(job, running, limits)).toBe(expected);
  });

  it('of schedules is one job of a server at a time', () => {
    const automatic = { ...job, kind: 'automatic' } as const;
    expect(mayStart(automatic, [{ ...automatic, key: 'x' }], limits)).toBe(false);
    expect(mayStart(automatic, [{ ...automatic, key: 'x', servers: ['b'] }], limits)).toBe(true);
    expect(mayStart(automatic, [{ ...job, key: 'x' }], limits)).toBe(true);
  });
});

describe('the queue', () => {
  it('runs as many jobs as there may be, in their order, each once', async () => {
    const bench = await openBench({ limits: { jobs: 2, perServer: 9 } });
    const ids = Array.from({ length: 5 }, () => bench.context.queue.submit(newJob()).id);
    await until(() => bench.workers.length === 2, 'two workers');
    for (let at = 0; at < 5; at++) {
      await until(() => bench.workers.length > at, `worker ${at}`);
      await bench.workers[at]!.end('done');
    }
    await until(() => ids.every((id) => state(bench, id) === 'done'), 'all jobs');
    expect(bench.workers.map(({ job }) => job.id)).toEqual(ids);
  });

  it('calls a job whose process died interrupted, and resumes it', async () => {
    const bench = await openBench();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    bench.workers[0]!.say({ type: 'warning', message: 'careful' });
    bench.workers[0]!.die();
    await until(() => state(bench, id) === 'interrupted', 'its end');
    const outcome = bench.context.jobs.get(id)?.outcome;
    expect(outcome?.error).toMatchObject({ code: 'SRV_WORKER' });
    expect(outcome?.error?.message).toContain('SIGKILL');
    expect(outcome?.warnings).toEqual(['careful']);
    bench.context.queue.resume(id);
    await until(() => bench.workers.length === 2, 'a second worker');
    expect(bench.workers[1]!.job).toMatchObject({ id, attempts: 2 });
    await bench.workers[1]!.end('done');
    await until(() => state(bench, id) === 'done', 'the end');
  });

  it('gives the place of a job back whose report cannot be read', async () => {
    const bench = await openBench({ limits: { jobs: 1, perServer: 1 } });
    const [first, second] = [bench.context.queue.submit(newJob()), bench.context.queue.submit(newJob())];
    await until(() => bench.workers.length === 1, 'a worker');
    const files = jobFiles(bench.folder, first.id);
    await mkdir(files.folder, { recursive: true });
    await writeFile(files.report(1), '{"status": "do');
    bench.workers[0]!.die();
    await until(() => bench.workers.length === 2, 'the next');
    expect(bench.workers[1]!.job.id).toBe(second.id);
    expect(state(bench, first.id)).toBe('interrupted');
  });

  it('cancels jobs that wait at once, and those that run when they have stopped', async () => {
    const bench = await openBench({ limits: { jobs: 1, perServer: 1 } });
    const { queue } = bench.context;
    const [runs, waits] = [queue.submit(newJob()), queue.submit(newJob())];
    await until(() => bench.workers.length === 1, 'a worker');
    expect(queue.cancel(waits.id).state).toBe('cancelled');
    expect(queue.cancel(runs.id)).toMatchObject({ state: 'running', cancelled: true });
    queue.cancel(runs.id);
    expect(bench.workers[0]!.stops).toEqual([false, true]);
    await bench.workers[0]!.end('interrupted', { resumable: true });
    await until(() => state(bench, runs.id) === 'cancelled', 'its end');
    expect(() => queue.cancel(runs.id)).toThrow(expect.objectContaining({ code: 'SRV_CONFLICT' }));
    expect(bench.workers).toHaveLength(1);
    queue.resume(runs.id);
    await until(() => bench.workers.length === 2, 'a second worker');
    expect(bench.context.jobs.get(runs.id)?.cancelled).toBe(false);
  });

  it('keeps a result that came before the wish to cancel was seen', async () => {
    const bench = await openBench();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    bench.context.queue.cancel(id);
    await bench.workers[0]!.end('done');
    await until(() => state(bench, id) === 'done', 'its end');
    expect(() => bench.context.queue.resume(id)).toThrow(expect.objectContaining({ code: 'SRV_CONFLICT' }));
  });

  it('takes one manual backup of a server at a time, and an automatic one beside it', async () => {
    const { queue } = (await openBench()).context;
    const manual = newJob({ task: 'BACKUP' });
    const first = queue.submit(manual);
    const again = (): unknown => queue.submit({ ...manual, key: 'other' });
    expect(again).toThrow(expect.objectContaining({ code: 'SRV_CONFLICT' }));
    expect(again).toThrow(first.id);
    queue.submit({ ...manual, key: 'elsewhere', servers: ['b:1'] });
    queue.submit({ ...manual, key: 'timer', kind: 'automatic', schedule: 's1' });
    queue.cancel(first.id);
    expect(again).toThrow('automatic');
  });

  it('forgets the oldest jobs that have ended', async () => {
    const bench = await openBench({ keep: 2, limits: { jobs: 1, perServer: 1 } });
    const ids = Array.from({ length: 4 }, () => bench.context.queue.submit(newJob()).id);
    for (let at = 0; at < 4; at++) {
      await until(() => bench.workers.length > at, `worker ${at}`);
      await bench.workers[at]!.end('done');
    }
    await until(() => state(bench, ids[3]!) === 'done', 'the last');
    expect(ids.map((id) => state(bench, id))).toEqual([undefined, undefined, 'done', 'done']);
  });
});

describe('a server that is stopped', () => {
  it('lets jobs end their batches and leaves them to the next one', async () => {
    const bench = await openBench({ limits: { jobs: 1, perServer: 1 } });
    const { queue } = bench.context;
    const [one, two] = [queue.submit(newJob()), queue.submit(newJob())];
    await until(() => bench.workers.length === 1, 'a worker');
    const closed = queue.close(10_000);
    expect(() => queue.submit(newJob())).toThrow(expect.objectContaining({ code: 'SRV_BUSY' }));
    expect(bench.workers[0]!.stops).toEqual([false]);
    await bench.workers[0]!.end('interrupted');
    await closed;
    expect([state(bench, one.id), state(bench, two.id)]).toEqual(['queued', 'queued']);
    const next = await reopen(bench);
    next.context.queue.open();
    await until(() => next.workers.length === 2, 'both');
    expect(next.workers[0]!.job).toMatchObject({ id: one.id, attempts: 2 });
  });

  it('kills what does not end in time', async () => {
    const bench = await openBench();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    await bench.context.queue.close(20);
    expect(bench.workers[0]!.killed).toBe(true);
    expect(state(bench, id)).toBe('queued');
  });
});

describe('a server after one that was killed', () => {
  it('queues again what ran, takes over what had ended, and loses nothing', async () => {
    const bench = await openBench({ limits: { jobs: 2, perServer: 9 } });
    const ids = Array.from({ length: 4 }, () => bench.context.queue.submit(newJob()).id);
    await until(() => bench.workers.length === 2, 'two workers');
    // Its report is written; nobody has heard of it.
    const files = jobFiles(bench.folder, ids[0]!);
    await mkdir(files.folder, { recursive: true });
    await writeFile(files.report(1), JSON.stringify(savedReport('done')));
    const next = await reopen(bench);
    next.context.queue.open();
    await until(() => next.workers.length === 3, 'the other three');
    expect(next.workers.map(({ job }) => job.id).sort()).toEqual(ids.slice(1).sort());
    await until(() => state(next, ids[0]!) === 'done', 'the one that had ended');
    expect(next.workers.find(({ job }) => job.id === ids[1])?.job.attempts).toBe(2);
  });

  it('waits for the process that still runs a job', async () => {
    const bench = await openBench();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    const next = await reopen(bench);
    const lock = await takeLock(jobFiles(bench.folder, id).lock);
    next.context.queue.open();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(next.workers).toHaveLength(0);
    await lock[Symbol.asyncDispose]();
    await until(() => next.workers.length === 1, 'its next attempt');
  });

  it('tries again when a worker finds the job taken', async () => {
    const bench = await openBench();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    bench.workers[0]!.die({ busy: true });
    await until(() => bench.workers.length === 2, 'a second worker');
    expect(state(bench, id)).toBe('running');
  });
});

describe('the state folder', () => {
  it('belongs to one server at a time', async () => {
    const { folder } = await openBench({ folder: temporaryFolder() });
    await expect(openBench({ folder })).rejects.toMatchObject({ code: 'SRV_RUNNING' });
  });
});
