import type { TaskName } from '../../config/types.js';
import type { ErrorReport, TargetReport } from '../../job/report.js';

export const JOB_STATES = [
  'queued',
  'running',
  'done',
  'skipped',
  'partial',
  'failed',
  'interrupted',
  'cancelled',
] as const;

/**
 * interrupted: its process died, or was told to stop by somebody else than the server; cancelled: by a request. Both, and
 * failed and partial ones, can be resumed.
 */
export type JobState = (typeof JOB_STATES)[number];

/** Who wants a job: a request, or a schedule. */
export type JobKind = 'manual' | 'automatic';

/** How far a part of a job is. */
export interface TargetProgress {
  /** The collection that is written; null for what a job does as a whole. */
  readonly target: string | null;
  readonly phase: string;
  /** Rows, or bytes where files are copied, or percent of what a server does. */
  readonly done: number;
  readonly total: number;
  readonly bytes: number;
  /** Of the last seconds; null where nothing moves. */
  readonly rows_per_second: number | null;
}

export interface JobProgress {
  readonly phase: string | null;
  readonly targets: readonly TargetProgress[];
}

/** What is known of a job that has ended. */
export interface JobOutcome {
  readonly error: ErrorReport | null;
  readonly warnings: readonly string[];
  readonly exit_code: number;
  readonly resumable: boolean;
  readonly seconds: number;
  readonly rows_written: number;
  readonly bytes: number;
  readonly targets: readonly Pick<TargetReport, 'collection' | 'partition' | 'rows_read' | 'rows_written'>[];
  /** Of a BACKUP. */
  readonly backup: string | null;
}

/** What a job is made of. */
export interface NewJob {
  readonly task: TaskName;
  /** YAML with references in it, never secrets. */
  readonly text: string;
  /** Where relative paths start. */
  readonly cwd: string;
  /** Two jobs of one key are the same for the ledger and never run at the same time. */
  readonly key: string;
  /** Addresses of the servers that it uses. */
  readonly servers: readonly string[];
  readonly connections: readonly string[];
  readonly kind: JobKind;
  readonly schedule: string | null;
}

export interface StoredJob extends NewJob {
  readonly seq: number;
  readonly id: string;
  readonly state: JobState;
  /** UTC, ISO 8601. */
  readonly created: string;
  readonly started: string | null;
  readonly ended: string | null;
  readonly attempts: number;
  /** Somebody has asked for its end. */
  readonly cancelled: boolean;
  /** Of its last run, once that has ended. */
  readonly progress: JobProgress | null;
  readonly outcome: JobOutcome | null;
}

/** A job without its text, which can be long. */
export type JobRow = Omit<StoredJob, 'text'>;
