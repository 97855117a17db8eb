import { stringify } from 'yaml';
import { sleep } from '../../util/abort.js';
import type { ServerContext } from '../context.js';
import type { JobRow, JobState, StoredJob } from '../state/types.js';
import { prepareTask, toNewJob } from '../tasks/prepare.js';

/** What the compatible interfaces make of a request: a task of one connection. */
export interface CompatTask {
  readonly task: 'BACKUP' | 'RESTORE';
  readonly connection: string;
  readonly keys: Readonly<Record<string, unknown>>;
}

/** Puts a task into the queue that the other interfaces use, too. Throws what `prepareTask` and `Queue.submit` throw. */
export function submitTask({ queue, around }: ServerContext, { task, connection, keys }: CompatTask): StoredJob {
  const given = Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined));
  const prepared = prepareTask({ yaml: stringify({ [task]: given }), connection }, around);
  return queue.submit(toNewJob(prepared, { cwd: around.cwd, kind: 'manual', schedule: null }));
}

export function hasEnded(state: JobState): boolean {
  return state !== 'queued' && state !== 'running';
}

/** Whole percent of a job, 100 for one that has done what it was to do. */
export function percentOf(job: JobRow, { queue }: Pick<ServerContext, 'queue'>): number {
  if (job.state === 'done' || job.state === 'skipped') return 100;
  if (job.state === 'queued') return 0;
  const targets = (job.state === 'running' ? queue.live(job.id)?.progress() : job.progress)?.targets ?? [];
  const shares = targets.filter(({ total }) => total > 0).map(({ done, total }) => Math.min(1, done / total));
  if (shares.length === 0) return 0;
  return Math.min(99, Math.floor((shares.reduce((sum, share) => sum + share, 0) / shares.length) * 100));
}

/** Why a job has not done what it was to do; '' where it has. */
export function reasonOf({ state, outcome }: JobRow): string {
  if (!hasEnded(state) || state === 'done' || state === 'skipped') return '';
  return outcome?.error ? `${outcome.error.code}: ${outcome.error.message}` : `the job is ${state}`;
}

const POLL_MS = 100;

/** Waits until a job has ended, or the client has gone. */
export async function untilEnded(id: string, { jobs }: ServerContext, signal: AbortSignal): Promise<StoredJob> {
  for (;;) {
    const job = jobs.get(id)!;
    if (hasEnded(job.state) || signal.aborted) return job;
    await sleep(POLL_MS, signal).catch(() => {});
  }
}
