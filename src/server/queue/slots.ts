import type { JobRow } from '../state/types.js';

export interface Limits {
  /** Jobs at a time. */
  readonly jobs: number;
  /** Jobs at a time that use one server. */
  readonly perServer: number;
}

type Candidate = Pick<JobRow, 'key' | 'servers' | 'kind' | 'task'>;

function shares(a: Candidate, b: Candidate): boolean {
  return a.servers.some((server) => b.servers.includes(server));
}

/** Whether a job may start beside those that run. */
export function mayStart(job: Candidate, running: readonly Candidate[], limits: Limits): boolean {
  if (running.length >= limits.jobs) return false;
  if (running.some(({ key }) => key === job.key)) return false;
  // What schedules start is to disturb a server as little as possible.
  if (job.kind === 'automatic' && running.some((one) => one.kind === 'automatic' && shares(one, job))) return false;
  return job.servers.every(
    (server) => running.filter(({ servers }) => servers.includes(server)).length < limits.perServer,
  );
}

/**
 * The job that keeps a new manual backup from being taken in: one of its server that waits or runs. An automatic one may
 * come beside a manual one.
 */
export function backupInTheWay<T extends Candidate>(job: Candidate, active: readonly T[]): T | undefined {
  if (job.task !== 'BACKUP' || job.kind !== 'manual') return undefined;
  return active.find((one) => one.task === 'BACKUP' && shares(one, job));
}
