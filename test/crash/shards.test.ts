import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { checkOutput, dropCollections, ran, temporaryFolder } from '../e2e/support.js';
import { runCli, until } from '../support/cli.js';
import { PROJECT } from '../support/environments.js';
import { settle } from './harness.js';
import { prepare, ROWS, type Scenario } from './scenarios.js';
import { acksOfShard, kill, sharedJob } from './shards.js';

afterAll(dropCollections);

const done = { code: 0, report: { status: 'done', error: null } };

describe.concurrent('shards of one job', () => {
  test.each<[string, Scenario]>([
    ['F2M into a new collection', { task: 'F2M', ids: 'unique', mode: 'overwrite' }],
    ['H2M beside rows with our ids', { task: 'H2M', ids: 'unique', mode: 'append', foreign: 'our ids', loaded: true }],
  ])('%s: killed, continued, finished', async (what, scenario) => {
    const prepared = await prepare(scenario);
    const folder = await temporaryFolder();
    const job = await sharedJob(prepared, { type: 'local', path: folder });
    // One that comes before the plan waits for it.
    const early = await job.start(2, 3);
    await until(early, () => early.stderr().includes('waiting for'));
    expect(await job.prepare(3)).toMatchObject(done);
    const victim = await job.start(1, 3, { slowly: true });
    await until(victim, () => acksOfShard(folder, 1) >= 3);
    // It stands still, and is there, however long the other takes.
    victim.child.kill('SIGSTOP');
    expect((await job.run(1, 3)).report).toMatchObject({ exit_code: 4, error: { code: 'JOB_RUNNING' } });
    await kill(victim);
    expect((await job.finish()).report.error).toMatchObject({ code: 'SHARDS_UNFINISHED' });
    const [first, second] = await Promise.all([job.run(0, 3), job.run(1, 3)]);
    const third = ran(await early.result);
    for (const shard of [first, second, third]) expect(shard).toMatchObject(done);
    const rows = [first, second, third].map((s) => s.target.rows_written);
    expect(rows.reduce((a, b) => a + b)).toBe(ROWS);
    const finished = await job.finish();
    expect(finished).toMatchObject(done);
    expect(finished.target).toMatchObject({ rows_read: ROWS, rows_written: ROWS });
    expect((await job.finish()).report).toEqual(finished.report);
    await settle(prepared, `shards, ${what}`, 'kill', 1);
  });

  test('the manifest for Kubernetes has commands that the command line knows', async () => {
    const documents = parseAllDocuments(readFileSync(join(PROJECT, 'deploy/kubernetes.yaml'), 'utf8'));
    const jobs = documents.map((d) => d.toJS() as Record<string, never>).filter((d) => d.kind === 'Job');
    const commands = jobs.map((job) => (job as never as Manifest).spec.template.spec.containers[0]!.args);
    expect(commands.map(([name]) => name)).toEqual(['prepare', 'run', 'finish']);
    for (const args of commands) {
      // Understood as far as the file, which is not on this machine.
      const result = await runCli([...args, '--json'], { env: { JOB_COMPLETION_INDEX: '7' } });
      expect(checkOutput(result)).toMatchObject({ error: { code: 'CFG_FILE' } });
    }
  });
});

interface Manifest {
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly args: string[] }[] } };
  };
}
