import { afterAll, describe, expect, test } from 'vitest';
import { dropCollections, untilSaid } from '../e2e/support.js';
import { untilAcks } from '../support/ledger.js';
import { jobOf, killAt, settle } from './harness.js';
import { prepare } from './scenarios.js';

afterAll(dropCollections);

describe.concurrent('two runs of one YAML', () => {
  test('at once: the second is refused, the first is not disturbed', async () => {
    const prepared = await prepare({ task: 'H2M', ids: 'unique' });
    const job = await jobOf(prepared);
    const first = await job.start({ slowly: true });
    await untilAcks(first, 2);
    // It stands still, and is there, however long the second takes.
    first.child.kill('SIGSTOP');
    const second = await job.run();
    first.child.kill('SIGCONT');
    expect(second.code).not.toBe(0);
    expect(second.report.error).toMatchObject({ code: 'JOB_RUNNING' });
    expect((await first.result).code).toBe(0);
    await settle(prepared, 'two runs at once', 'fault', 1);
  });

  test('begun in the same moment: one of them writes', async () => {
    const prepared = await prepare({ task: 'H2M', ids: 'pairs', mode: 'append', foreign: 'other ids', loaded: true });
    const job = await jobOf(prepared);
    const runs = await Promise.all([1, 2, 3].map(() => job.start({ slowly: true })));
    // Whoever comes first waits for those who come late: of a job that is complete they would begin another run.
    const first = await Promise.any(runs.map(async (run) => untilSaid(run, 'phase write').then(() => run)));
    first.child.kill('SIGSTOP');
    await Promise.all(runs.filter((run) => run !== first).map((run) => run.result));
    first.child.kill('SIGCONT');
    const codes = (await Promise.all(runs.map((run) => run.result))).map((result) => result.code);
    expect(codes.filter((code) => code === 0)).toHaveLength(1);
    await settle(prepared, 'three runs begun at once', 'fault', 1);
  });

  test("after a kill the lock of the dead run is in nobody's way", async () => {
    const prepared = await prepare({ task: 'H2M', ids: 'unique' });
    const job = await jobOf(prepared);
    expect(await killAt(job, { acks: 5 }, { slowly: true })).toBe(true);
    expect((await job.run()).code).toBe(0);
    await settle(prepared, 'lock of a dead run', 'kill', 1);
  });
});
