import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** What stands before a command that is to run on other cores than the server. */
export type OnOtherCores = readonly [command: string, ...args: string[]];

function taskset(...args: string[]): boolean {
  try {
    execFileSync('taskset', args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Does `work` while the server has the first half of the cores for itself, as one on another machine has all of its own.
 * Undefined where that cannot be had: one core, no `taskset`, or a server whose process is not known.
 */
export async function apart<T>(
  server: number | undefined,
  work: (client: OnOtherCores) => Promise<T>,
): Promise<T | undefined> {
  const cores = availableParallelism();
  const half = cores >> 1;
  if (server === undefined || half === 0 || !taskset('-apc', `0-${half - 1}`, String(server))) return undefined;
  try {
    return await work(['taskset', '-c', `${half}-${cores - 1}`]);
  } finally {
    taskset('-apc', `0-${cores - 1}`, String(server));
  }
}
