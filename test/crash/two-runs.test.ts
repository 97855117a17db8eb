import { afterAll, describe, expect, test } from 'vitest';
import { sleep } from '../../src/util/abort.js';
import { dropCollections, untilSaid } from '../e2e/support.js';
import { acksOf, jobOf, killAt, settle } from './harness.js';
import { prepare } from './scenarios.js';

afterAll(dropCollections);

describe.concurrent('two runs of one YAML', () => {
  test('at once: the second is refused, the first is not disturbed', { timeout: 300_000 }, async () => {
    const prepared = await prepare({ task: 'H2M', ids: 'unique' });
    const job = await jobOf(prepared);
    const first = await job.start();
    await untilSaid(first, 'phase write');
    while (acksOf(job) < 2) await sleep(2);
    const second = await job.run();
    expect(second.code).not.toBe(0);
    expect(second.report.error).toMatchObject({ code: 'JOB_RUNNING' });
    expect((await first.result).code).toBe(0);
    await settle(prepared, 'two runs at once', 'fault', 1);
  });

  test('begun in the same moment: one of them writes', { timeout: 300_000 }, async () => {
    const prepared = await prepare({ task: 'H2M', ids: 'pairs', mode: 'append', foreign: 'other ids', loaded: true });
    const job = await jobOf(prepared);
    const runs = await Promise.all([job.start(), job.start(), job.start()]);
    const codes = (await Promise.all(runs.map((run) => run.result))).map((result) => result.code);
    expect(codes.filter((code) => code === 0)).toHaveLength(1);
    await settle(prepared, 'three runs begun at once', 'fault', 1);
  });

  test("after a kill the lock of the dead run is in nobody's way", { timeout: 300_000 }, async () => {
    const prepared = await prepare({ task: 'H2M', ids: 'unique' });
    const job = await jobOf(prepared);
    expect(await killAt(job, { acks: 5 })).toBe(true);
    expect((await job.run()).code).toBe(0);
    await settle(prepared, 'lock of a dead run', 'kill', 1);
  });
});
