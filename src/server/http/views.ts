import type { ErrorReport } from '../../job/report.js';
import type { Live } from '../queue/live.js';
import type { JobProgress, JobRow, JobState, StoredJob, TargetProgress } from '../state/types.js';

/** A job as the API shows it. */
export interface JobView {
  readonly id: string;
  readonly task: string;
  readonly state: JobState;
  readonly kind: string;
  readonly created: string;
  readonly started: string | null;
  readonly ended: string | null;
  readonly attempts: number;
  readonly cancel_requested: boolean;
  readonly servers: readonly string[];
  readonly connections: readonly string[];
  readonly schedule: string | null;
  readonly phase: string | null;
  readonly progress: readonly TargetProgress[];
  readonly warnings: readonly string[];
  readonly error: ErrorReport | null;
  readonly exit_code: number | null;
  readonly resumable: boolean;
  readonly rows_written: number | null;
  readonly bytes: number | null;
  readonly seconds: number | null;
  readonly backup: string | null;
}

const NOWHERE: JobProgress = { phase: null, targets: [] };

/** @param live what the job does now, where it does anything */
export function jobView(job: JobRow, live: Live | undefined): JobView {
  const { outcome } = job;
  const running = job.state === 'running';
  const progress = (running ? live?.progress() : job.progress) ?? NOWHERE;
  return {
    id: job.id,
    task: job.task,
    state: job.state,
    kind: job.kind,
    created: job.created,
    started: job.started,
    ended: job.ended,
    attempts: job.attempts,
    cancel_requested: job.cancelled,
    servers: job.servers,
    connections: job.connections,
    schedule: job.schedule,
    phase: running ? progress.phase : null,
    progress: progress.targets,
    warnings: outcome?.warnings ?? (running ? (live?.warnings() ?? []) : []),
    error: outcome?.error ?? null,
    exit_code: outcome?.exit_code ?? null,
    resumable: outcome?.resumable ?? false,
    rows_written: outcome?.rows_written ?? null,
    bytes: outcome?.bytes ?? null,
    seconds: outcome?.seconds ?? null,
    backup: outcome?.backup ?? null,
  };
}

export function jobWithText(job: StoredJob, live: Live | undefined): JobView & { readonly yaml: string } {
  return { ...jobView(job, live), yaml: job.text };
}
