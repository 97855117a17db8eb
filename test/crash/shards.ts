import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { type Ran, ran, temporaryFolder } from '../e2e/support.js';
import { type RunningCli, startCli } from '../support/cli.js';
import type { Prepared } from './scenarios.js';

/** A job that several processes share. */
export interface SharedJob {
  readonly yaml: string;
  prepare(shards: number, ...args: string[]): Promise<Ran>;
  /** Starts a shard; each process has a state folder of its own, as a pod has. `slowly`: so that it is there to be killed. */
  start(shard: number, shards: number, o?: { readonly slowly: boolean }): Promise<RunningCli>;
  run(shard: number, shards: number): Promise<Ran>;
  finish(): Promise<Ran>;
}

const TIMEOUT_MS = 300_000;

/** @param work the keys of `work_storage` */
export async function sharedJob({ task, keys }: Pick<Prepared, 'task' | 'keys'>, work: object): Promise<SharedJob> {
  const folder = await temporaryFolder();
  const [yaml, slow] = [join(folder, 'task.yaml'), join(folder, 'slow.yaml')];
  await writeFile(yaml, stringify({ [task]: { ...keys, work_storage: work } }));
  await writeFile(slow, stringify({ [task]: { ...keys, work_storage: work, max_rate: '150 KB/s' } }));
  const start = (...args: string[]): Promise<RunningCli> => startCli([...args, '--json'], { timeoutMs: TIMEOUT_MS });
  const toEnd = async (...args: string[]): Promise<Ran> => ran(await (await start(...args)).result);
  const shardArgs = (shard: number, shards: number, file = yaml): string[] => [
    'run',
    file,
    '--shard',
    `${shard}/${shards}`,
  ];
  return {
    yaml,
    prepare: (shards, ...args) => toEnd('prepare', yaml, '--shards', String(shards), ...args),
    start: (shard, shards, o) => start(...shardArgs(shard, shards, o?.slowly ? slow : yaml)),
    run: (shard, shards) => toEnd(...shardArgs(shard, shards)),
    finish: () => toEnd('finish', yaml),
  };
}

/** Acknowledgements in the ledger of a shard in a shared folder. */
export function acksOfShard(folder: string, shard: number): number {
  const ledger = join(folder, 'shards', String(shard), 'ledger');
  try {
    return readdirSync(ledger).reduce(
      (sum, name) => sum + readFileSync(join(ledger, name), 'latin1').split('"t":"ack"').length - 1,
      0,
    );
  } catch {
    return 0; // none so far
  }
}

/** Kills a process (SIGKILL) that is under way. */
export async function kill(running: RunningCli): Promise<void> {
  running.child.kill('SIGKILL');
  expect((await running.result).signal).toBe('SIGKILL');
}
