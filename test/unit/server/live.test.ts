import { describe, expect, it } from 'vitest';
import type { JobEvent } from '../../../src/job/events.js';
import { createLive, type LiveEvent } from '../../../src/server/queue/live.js';
import { progressMeter } from '../../../src/server/queue/progress.js';
import { calmly } from '../../../src/server/worker/run-job.js';
import { newJob, openBench, until } from './support.js';

const progress = (done: number, total = 100): JobEvent => ({
  type: 'progress',
  phase: 'write',
  done,
  total,
  bytes: done,
});
const collection = (name: string): JobEvent => ({
  type: 'collection',
  collection: name,
  server: '',
  fields: [],
  units: [],
});
const phase = (name: 'preflight' | 'write' | 'index' | 'copy'): JobEvent => ({ type: 'phase', phase: name });

describe('the progress of a job', () => {
  it('is kept per collection, with the speed of the last seconds', () => {
    let now = 0;
    const meter = progressMeter(() => now);
    for (const event of [phase('preflight'), phase('write'), collection('a')]) meter.take(event);
    for (let second = 1; second <= 10; second++) {
      now = second * 1000;
      meter.take(progress(second * (second > 5 ? 10 : 1)));
    }
    expect(meter.read().targets).toMatchObject([
      { target: 'a', phase: 'write', done: 100, total: 100, rows_per_second: 19 },
    ]);
    meter.take(phase('index'));
    expect(meter.read().targets[0]).toMatchObject({ phase: 'index', done: 0, rows_per_second: null });
    for (const event of [phase('preflight'), progress(5), phase('write'), collection('b'), progress(7)])
      meter.take(event);
    const { targets } = meter.read();
    expect(targets.map(({ target, done }) => [target, done])).toEqual([
      ['a', 0],
      ['b', 7],
    ]);
  });

  it('of files that are copied is that of the job as a whole', () => {
    const meter = progressMeter();
    meter.take(phase('copy'));
    meter.take({ type: 'progress', phase: 'copy', done: 5, total: 9, bytes: 5 });
    expect(meter.read()).toMatchObject({ phase: 'copy', targets: [{ target: null, done: 5, total: 9 }] });
  });
});

describe('the events of a job', () => {
  const collect = (): { live: ReturnType<typeof createLive>; seen: LiveEvent[] } => {
    const live = createLive('e1');
    const seen: LiveEvent[] = [];
    live.on((event) => seen.push(event));
    return { live, seen };
  };

  it('have numbers, behind which a client can go on', () => {
    const { live, seen } = collect();
    live.take({ type: 'log', message: 'one' });
    live.take({ type: 'warning', message: 'two' });
    live.take({ type: 'log', message: 'three' });
    expect(seen.map(({ id }) => id)).toEqual(['e1.1', 'e1.2', 'e1.3']);
    expect(live.since('e1.1')?.map(({ data }) => data)).toEqual([{ message: 'two' }, { message: 'three' }]);
    expect(live.since('e1.3')).toEqual([]);
    for (const id of ['e0.1', 'e1.4', 'e1.x', '', 'e1.']) expect(live.since(id)?.length ?? 'unknown').not.toBe(0);
  });

  it('are kept in bounded memory: of progress the newest alone', () => {
    const { live } = collect();
    for (let at = 0; at < 5000; at++) live.take(progress(at));
    expect(live.since('e1.0')).toHaveLength(1);
    for (let at = 0; at < 5000; at++) live.take({ type: 'warning', message: `${at}` });
    expect(live.since('e1.9000')).toBeUndefined();
    expect(live.since('e1.9990')).toHaveLength(10);
    expect(live.warnings()).toHaveLength(200);
  });

  it('leave a worker calmly: the newest progress now and then, all else at once and in its order', async () => {
    const told: JobEvent[] = [];
    const listen = calmly((event) => told.push(event), 20);
    for (let at = 0; at < 100; at++) listen(progress(at));
    expect(told).toEqual([]);
    listen(phase('index'));
    expect(told).toEqual([progress(99), phase('index')]);
    listen(progress(1));
    await until(() => told.length === 3, 'the last progress');
  });
});

describe('the stream of a job', () => {
  async function listening() {
    const bench = await openBench({ limits: { jobs: 1, perServer: 1 } });
    const url = await bench.app.listen({ port: 0, host: '127.0.0.1' });
    /** Resolves when the stream has begun. */
    const watch = async (id: string, headers: Record<string, string> = {}) => {
      const { body } = await fetch(`${url}/api/v1/jobs/${id}/events`, { headers });
      let said = '';
      const text = (async () => {
        for await (const piece of body!.pipeThrough(new TextDecoderStream())) said += piece;
        return said;
      })();
      return { text, until: (part: string) => until(() => said.includes(part), part) };
    };
    const read = async (id: string) => (await watch(id)).text;
    return { bench, read, watch };
  }

  it('begins while it waits, and ends with it', async () => {
    const { bench, read, watch } = await listening();
    const [first, second] = [bench.context.queue.submit(newJob()), bench.context.queue.submit(newJob())];
    const stream = await watch(second.id);
    await until(() => bench.workers.length === 1, 'a worker');
    await bench.workers[0]!.end('done');
    await until(() => bench.workers.length === 2, 'the next');
    await stream.until('"state":"running"');
    bench.workers[1]!.say({ type: 'warning', message: 'careful' });
    await bench.workers[1]!.end('done');
    const events = [...(await stream.text).matchAll(/^event: (\w+)$/gm)].map(([, name]) => name);
    expect(events.filter((name) => name !== 'job')).toEqual(expect.arrayContaining(['warning', 'state', 'end']));
    expect(events.at(-1)).toBe('end');
    expect(await read(first.id)).toMatch(/event: job\n.*\n\nevent: end\ndata: \{"state":"done"\}\n\n$/);
  });

  it('ends for a job that is cancelled while it waits', async () => {
    const { bench, watch } = await listening();
    bench.context.queue.submit(newJob());
    const { id } = bench.context.queue.submit(newJob());
    const stream = await watch(id);
    await stream.until('"state":"queued"');
    bench.context.queue.cancel(id);
    expect(await stream.text).toContain('event: end\ndata: {"state":"cancelled"}');
  });

  it('takes no harm from a job that is resumed in the moment of its end', async () => {
    const { bench, watch } = await listening();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    const stream = await watch(id);
    await stream.until('"state":"running"');
    const failures: unknown[] = [];
    bench.app.server.prependListener('request', (_, response) =>
      response.on('error', (thrown) => failures.push(thrown)),
    );
    const other = await watch(id);
    await other.until('"state":"running"');
    bench.context.queue.live(id)!.on(({ event, data }) => {
      if (event === 'state' && (data as { state: string }).state === 'failed') bench.context.queue.resume(id);
    });
    await bench.workers[0]!.end('failed');
    expect(await other.text).toMatch(/event: end\ndata: \{"state":"failed"\}\n\n$/);
    expect(await stream.text).toMatch(/event: end\ndata: \{"state":"failed"\}\n\n$/);
    expect(failures).toEqual([]);
    await until(() => bench.workers.length === 2, 'the next attempt');
  });

  it('goes on behind the last event', async () => {
    const { bench, watch } = await listening();
    const { id } = bench.context.queue.submit(newJob());
    await until(() => bench.workers.length === 1, 'a worker');
    for (const message of ['one', 'two']) bench.workers[0]!.say({ type: 'log', message });
    const place = bench.context.queue.live(id)!.since('')?.at(-1)?.id;
    expect(place).toBeUndefined();
    const seen: string[] = [];
    bench.context.queue.live(id)!.on((event) => seen.push(event.id));
    bench.workers[0]!.say({ type: 'log', message: 'three' });
    const before = seen[0]!.replace(/\d+$/, (number) => String(Number(number) - 1));
    const stream = await watch(id, { 'last-event-id': before });
    await stream.until('three');
    await bench.workers[0]!.end('done');
    expect(await stream.text).not.toContain('"two"');
  });
});
