/** The documents of the server's own API that the page shows. */

export type JobState = 'queued' | 'running' | 'done' | 'skipped' | 'partial' | 'failed' | 'interrupted' | 'cancelled';

export const JOB_STATES: readonly JobState[] = [
  'queued',
  'running',
  'done',
  'skipped',
  'partial',
  'failed',
  'interrupted',
  'cancelled',
];

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface TargetProgress {
  /** The collection that is written; null for what a job does as a whole. */
  readonly target: string | null;
  readonly phase: string;
  /** Rows, or bytes where files are copied, or percent of what a server does. */
  readonly done: number;
  readonly total: number;
  readonly rows_per_second: number | null;
}

export interface Job {
  readonly id: string;
  readonly task: string;
  readonly state: JobState;
  readonly created: string;
  readonly started: string | null;
  readonly ended: string | null;
  /** What the job as a whole does; null when it does not run. */
  readonly phase: string | null;
  readonly progress: readonly TargetProgress[];
  readonly warnings: readonly string[];
  readonly error: Failure | null;
  readonly attempts: number;
  /** Once it has ended. */
  readonly rows_written: number | null;
  readonly schedule?: string | null;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  readonly next: string | null;
}

export interface Validation {
  readonly valid: boolean;
  readonly issues: readonly { line: number; column: number; path: string; message: string }[];
}

export interface Plan {
  readonly task: string;
  readonly server?: string;
  readonly collections?: readonly string[];
  readonly rows?: number;
  readonly bytes?: number;
  readonly actions?: readonly { kind?: string; text?: string; [key: string]: unknown }[];
  readonly warnings?: readonly string[];
}

export interface ReportTarget {
  readonly source: string;
  readonly collection: string;
  readonly partition: string | null;
  readonly rows_read: number;
  readonly rows_written: number;
  readonly rows_skipped: number;
  readonly verified: string;
  readonly digest: string | null;
  readonly target_rows: number | null;
}

export interface Report {
  readonly task: string | null;
  readonly status: string;
  readonly exit_code: number;
  readonly targets: readonly ReportTarget[];
  readonly warnings: readonly string[];
  readonly error: Failure | null;
  readonly seconds: number;
  readonly bytes: number;
  readonly backup?: Readonly<Record<string, unknown>>;
}

export function isLive(state: JobState): boolean {
  return state === 'queued' || state === 'running';
}

export function mayResume(state: JobState): boolean {
  return state === 'interrupted' || state === 'failed' || state === 'cancelled' || state === 'partial';
}

/** A Milvus by name; secrets in it are references such as `${MILVUS_TOKEN}`. */
export interface Connection {
  readonly name: string;
  readonly description?: string;
  readonly uri: string;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly db?: string;
  readonly tls?: unknown;
  readonly storage?: Readonly<Record<string, unknown>>;
  readonly backup_store?: Readonly<Record<string, unknown>>;
}

export interface BackupEntry {
  readonly name: string;
  readonly state: 'complete' | 'unfinished' | 'unreadable';
  readonly strategy: string;
  readonly created: string | null;
  readonly bytes: number | null;
  readonly milvus_version: string | null;
  readonly error: string | null;
  /** Who asked for it; null for backups that this server has not made. */
  readonly kind: 'manual' | 'automatic' | null;
}

export interface BackupContents {
  readonly name: string;
  readonly created: string | null;
  readonly milvus_version: string;
  readonly bytes: number;
  readonly strategy: string;
  readonly collections: readonly {
    readonly db: string;
    readonly name: string;
    readonly rows: number;
    readonly bytes: number;
    readonly partitions: readonly { readonly name: string }[];
    readonly indexes: readonly { readonly field: string; readonly type: string; readonly metric: string }[];
  }[];
}

export interface Snapshot {
  readonly name: string;
  readonly db: string;
  readonly collection: string;
  readonly created: string | null;
  readonly rows: number | null;
  readonly bytes: number | null;
}

export interface SnapshotList {
  /** Milvus 3.0 itself (native), or milvusdm (self-contained). */
  readonly keeper: string;
  readonly notes: readonly string[];
  readonly snapshots: readonly Snapshot[];
}

export interface Schedule {
  readonly id: string;
  readonly name: string;
  readonly cron: string;
  readonly time_zone: string;
  readonly task?: unknown;
  readonly yaml?: string;
  readonly connection?: unknown;
  readonly retention?: { readonly keep_last?: number; readonly older_than?: string } | null;
  readonly enabled: boolean;
  readonly missed: string;
  readonly next?: string | null;
  readonly last?: { readonly due: string; readonly job: string | null; readonly reason: string } | null;
}

/** How much of all targets is done, and of how much. */
export function amountOf({ progress }: Job): { done: number; total: number } {
  return {
    done: progress.reduce((sum, part) => sum + part.done, 0),
    total: progress.reduce((sum, part) => sum + part.total, 0),
  };
}
