import { describe, expect, it } from 'vitest';
import { createClock } from '../../../src/server/schedule/clock.js';
import { fire } from '../../../src/server/schedule/fire.js';
import { afterBackup, outlived } from '../../../src/server/schedule/retention.js';
import { durationMs, nextTime } from '../../../src/server/schedule/times.js';
import type { KnownBackup } from '../../../src/server/state/backups.js';
import type { ScheduleBody } from '../../../src/server/state/schedules.js';
import { type Bench, openBench, task, until } from './support.js';

const MINUTE = 60_000;
const BODY: ScheduleBody = {
  name: 'nightly',
  cron: '0 3 * * *',
  time_zone: 'UTC',
  yaml: task(),
  enabled: true,
  missed: 'skip',
};
const BACKUP = 'BACKUP:\n  source_uri: http://h:1\n  backup_store: {type: local, path: /srv/b}\n';

const at = (text: string): Date => new Date(`2026-${text}Z`);

describe('times', () => {
  it.each([
    ['UTC', '11-22T00:00:00', '2026-11-22T03:00:00.000Z'],
    ['UTC', '11-22T03:00:00', '2026-11-23T03:00:00.000Z'],
    ['Europe/Berlin', '11-22T00:00:00', '2026-11-22T02:00:00.000Z'],
    ['Europe/Berlin', '07-01T00:00:00', '2026-07-01T01:00:00.000Z'],
    ['Asia/Kolkata', '11-22T00:00:00', '2026-11-22T21:30:00.000Z'],
  ])('are those of %s', (time_zone, after, expected) => {
    expect(nextTime({ ...BODY, time_zone }, at(after))?.toISOString()).toBe(expected);
  });

  it('that a change of the clocks leaves out come right behind it, once', () => {
    const plan = { cron: '30 2 * * *', time_zone: 'Europe/Berlin' };
    const first = nextTime(plan, at('03-28T12:00:00'))!;
    expect(first.toISOString()).toBe('2026-03-29T01:00:00.000Z');
    expect(nextTime(plan, first)?.toISOString()).toBe('2026-03-30T00:30:00.000Z');
  });

  it.each([
    ['every day', 'UTC'],
    ['61 * * * *', 'UTC'],
    ['* * * * *', 'Mars/Olympus'],
  ])('of "%s" in %s are refused', (cron, time_zone) => {
    expect(() => nextTime({ cron, time_zone }, new Date())).toThrow(expect.objectContaining({ code: 'SRV_REQUEST' }));
  });

  it('have lengths', () => {
    expect(['12h', '30d', '4w'].map(durationMs)).toEqual([12, 720, 672].map((hours) => hours * 60 * MINUTE));
  });
});

interface ClockBench extends Bench {
  now: Date;
  fired: string[];
  look(): void;
}

async function clockBench(more: Partial<ScheduleBody> = {}, start = at('11-22T00:00:00')): Promise<ClockBench> {
  const bench = await openBench();
  const { schedules } = bench.context;
  schedules.add({ ...BODY, ...more }, start);
  const self = Object.assign(bench, { now: start, fired: [] as string[], look: () => {} });
  self.look = () => {
    using clock = createClock({
      schedules,
      log() {},
      now: () => self.now,
      fire: (schedule) => {
        self.fired.push(schedule.name);
        return { job: `j${self.fired.length}`, reason: '' };
      },
    });
    clock.look();
  };
  return self;
}

const last = ({ context }: Bench) => context.schedules.list()[0]?.last;

describe('the clock', () => {
  it('fires at the time, and once', async () => {
    const bench = await clockBench();
    for (const time of ['11-22T02:59:59', '11-22T03:00:00', '11-22T03:00:01', '11-22T12:00:00']) {
      bench.now = at(time);
      bench.look();
    }
    expect(bench.fired).toEqual(['nightly']);
    expect(last(bench)).toEqual({ due: '2026-11-22T03:00:00.000Z', job: 'j1', reason: '' });
  });

  it('leaves out what was missed, or makes up for it once however long it was', async () => {
    for (const [missed, fired] of [
      ['skip', 0],
      ['run', 1],
    ] as const) {
      const bench = await clockBench({ missed });
      bench.now = at('11-25T12:00:00');
      bench.look();
      bench.look();
      expect(bench.fired).toHaveLength(fired);
      expect(last(bench)?.job).toBe(fired === 0 ? null : 'j1');
      bench.now = at('11-26T03:00:05');
      bench.look();
      expect(bench.fired).toHaveLength(fired + 1);
    }
  });

  it('starts a time of right now also after a long absence', async () => {
    const bench = await clockBench({ cron: '* * * * *', missed: 'skip' });
    bench.now = at('11-29T00:00:10');
    bench.look();
    expect(last(bench)).toEqual({ due: '2026-11-29T00:00:00.000Z', job: 'j1', reason: '' });
  });

  it('leaves alone what is switched off', async () => {
    const bench = await clockBench({ enabled: false });
    bench.now = at('11-22T03:00:00');
    bench.look();
    expect(bench.fired).toEqual([]);
  });

  it('survives a schedule that it cannot read', async () => {
    const bench = await clockBench({ name: 'a', cron: 'nonsense' });
    bench.context.schedules.add({ ...BODY, name: 'b' }, bench.now);
    bench.now = at('11-22T03:00:00');
    bench.look();
    expect(bench.fired).toEqual(['b']);
  });
});

describe('the job of a schedule', () => {
  it('is automatic, and there is one at a time', async () => {
    const { context } = await openBench();
    const schedule = context.schedules.add({ ...BODY, yaml: BACKUP }, new Date());
    const { job } = fire(schedule, context);
    expect(context.jobs.get(job!)).toMatchObject({ kind: 'automatic', schedule: schedule.id, task: 'BACKUP' });
    expect(context.jobs.get(job!)?.text).toContain('kind: automatic');
    expect(fire(schedule, context)).toEqual({ job: null, reason: expect.stringContaining(job!) });
  });

  it('that cannot be made is told, not thrown', async () => {
    const { context } = await openBench();
    const schedule = context.schedules.add({ ...BODY, yaml: 'F2M: {}' }, new Date());
    expect(fire(schedule, context)).toEqual({ job: null, reason: expect.stringContaining('CFG_INVALID') });
  });
});

describe('retention', () => {
  const backups = [0, 1, 2, 3].map((age): KnownBackup => {
    const created = new Date(Date.UTC(2026, 10, 22) - age * 86_400_000).toISOString();
    return { job: `j${age}`, name: `b${age}`, store: 's', connection: null, kind: 'automatic', schedule: 'x', created };
  });
  const now = Date.UTC(2026, 10, 22, 1);

  it.each([
    [{ keep_last: 2 }, ['b2', 'b3']],
    [{ older_than: '2d' }, ['b2', 'b3']],
    [{ keep_last: 3, older_than: '1d' }, ['b3']],
    [{ keep_last: 1, older_than: '4w' }, []],
    [{}, []],
  ])('of %j lets the others go', (retention, expected) => {
    expect(outlived(backups, retention, now).map(({ name }) => name)).toEqual(expected);
  });

  it('removes old backups of its schedule, and of nobody else', async () => {
    const bench = await openBench();
    const { context } = bench;
    const { id } = context.schedules.add({ ...BODY, yaml: BACKUP, retention: { keep_last: 1 } }, new Date());
    const other = context.schedules.add({ ...BODY, name: 'other', yaml: BACKUP }, new Date());
    const run = async (schedule: string | null, name: string): Promise<void> => {
      const made = await bench.app.inject({ method: 'POST', url: '/api/v1/jobs', payload: { yaml: BACKUP } });
      const job = context.jobs.get(made.json().id)!;
      const outcome = { backup: name } as never;
      await afterBackup(context, { ...job, schedule, outcome, ended: new Date().toISOString() });
      context.queue.cancel(job.id);
    };
    await run(id, 'first');
    await run(null, 'by-hand');
    await run(other.id, 'of-another');
    expect(bench.asked).toEqual([]);
    await run(id, 'second');
    expect(bench.asked.map(({ name, input }) => [name, (input as { backup: string }).backup])).toEqual([
      ['backups.delete', 'first'],
    ]);
    expect(context.backups.ofSchedule(id).map(({ name }) => name)).toEqual(['second']);
  });
});

describe('schedules', () => {
  const ask = async (bench: Bench, method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) => {
    const answer = await bench.app.inject({ method, url: `/api/v1/schedules${url}`, ...(payload ? { payload } : {}) });
    return { status: answer.statusCode, body: answer.body === '' ? null : answer.json() };
  };

  it('are made, shown with their next time, changed, run and forgotten', async () => {
    const bench = await openBench();
    const made = await ask(bench, 'POST', '', {
      name: 'n',
      cron: '0 3 * * *',
      yaml: BACKUP,
      retention: { keep_last: 2 },
    });
    expect(made).toMatchObject({ status: 201, body: { time_zone: 'UTC', enabled: true, missed: 'skip', last: null } });
    expect(made.body.next).toMatch(/T03:00:00\.000Z$/);
    const { id } = made.body;
    const off = { name: 'n', cron: '0 4 * * *', yaml: task(), enabled: false };
    expect(await ask(bench, 'PUT', `/${id}`, off)).toMatchObject({ status: 200, body: { next: null, id } });
    expect((await ask(bench, 'GET', '')).body.schedules).toHaveLength(1);
    expect((await ask(bench, 'GET', `/${id}`)).body.cron).toBe('0 4 * * *');
    const run = await ask(bench, 'POST', `/${id}/run`);
    expect(run).toMatchObject({ status: 202, body: { kind: 'automatic', schedule: id } });
    expect((await ask(bench, 'POST', `/${id}/run`)).status).toBe(409);
    await until(() => bench.workers.length === 1, 'a worker');
    expect((await ask(bench, 'DELETE', `/${id}`)).status).toBe(204);
    expect((await ask(bench, 'GET', `/${id}`)).status).toBe(404);
  });

  it.each([
    [{ name: 'n', cron: 'x', yaml: task() }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '0 0 30 2 *', yaml: task() }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '* * * * *', time_zone: 'Nowhere', yaml: task() }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '* * * * *' }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '* * * * *', yaml: 'F2M: {}' }, 'CFG_INVALID'],
    [{ name: 'n', cron: '* * * * *', yaml: `${BACKUP}  backup_name: same\n` }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '* * * * *', yaml: task(), retention: { keep_last: 1 } }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '* * * * *', yaml: BACKUP, retention: {} }, 'SRV_REQUEST'],
    [{ name: 'n', cron: '* * * * *', yaml: `${BACKUP}  source_token: in-the-clear\n` }, 'SRV_SECRET'],
    [{ name: 'n', cron: '* * * * *', yaml: task(), connection: 'nobody' }, 'SRV_NOT_FOUND'],
  ])('of %j are refused', async (body, code) => {
    const bench = await openBench();
    expect((await ask(bench, 'POST', '', body)).body).toMatchObject({ error: { code } });
    expect(bench.context.schedules.list()).toEqual([]);
  });

  it('have names of their own', async () => {
    const bench = await openBench();
    const body = { name: 'n', cron: '0 3 * * *', yaml: task() };
    expect((await ask(bench, 'POST', '', body)).status).toBe(201);
    expect((await ask(bench, 'POST', '', body)).status).toBe(409);
  });
});
