import type { Action, SourceInfo } from '../adapters/types.js';
import type { TaskName } from '../config/types.js';
import type { ErrorCode, MilvusdmError } from '../util/errors.js';
import type { ExitCode } from '../util/exit-codes.js';
import type { ProfileReport } from './profile.js';
import type { SnapshotReport } from './snapshot/report.js';
import type { VerifyLevel } from './verify.js';

/** Version of the JSON document. */
export const REPORT_VERSION = 1;

export type RunStatus = 'done' | 'skipped' | 'partial' | 'failed' | 'interrupted';

export interface TargetReport {
  readonly source: string;
  readonly collection: string;
  readonly partition: string | null;
  readonly rows_read: number;
  readonly rows_written: number;
  readonly rows_skipped: number;
  /** Rows beyond the first of each id; null when nobody has looked. */
  readonly duplicates: number | null;
  readonly verified: VerifyLevel;
  /** 32 hexadecimal digits (docs/verification.md), null when nothing was read. */
  readonly digest: string | null;
  /** Rows that the target holds at the end, null when it was not asked. */
  readonly target_rows: number | null;
}

/** Files and their bytes. */
export interface FileTally {
  readonly files: number;
  readonly bytes: number;
}

/** What a BACKUP has made. Rows, in the targets, are those of the segments: deleted ones count until Milvus compacts. */
export interface BackupReport {
  readonly name: string;
  readonly store: string;
  readonly strategy: 'storage' | 'logical';
  readonly type: 'CLUSTER' | 'COLLECTION';
  readonly base: string | null;
  readonly linked: boolean;
  readonly collections: number;
  readonly files: number;
  readonly bytes: number;
  /** From the server. */
  readonly copied: FileTally;
  readonly from_base: FileTally;
  /** What a run that was cut short had left. */
  readonly reused: FileTally;
  /** Files that have a checksum. */
  readonly checksums: number;
  readonly left_out: readonly { readonly key: string; readonly reason: string }[];
}

/** The part of one shard. */
export interface ShardShare {
  readonly shard: number;
  /** Splits of the source, or stretches of them. */
  readonly parts: number;
  readonly rows: number;
}

/** What `milvusdm prepare` has left for the shards. */
export interface PreparedReport {
  /** The shared place, without credentials. */
  readonly work: string;
  /** It was prepared before, and nothing was done now. */
  readonly again: boolean;
  /** Target collections. */
  readonly collections: readonly string[];
  readonly shards: readonly ShardShare[];
  /** Rows that were set aside. */
  readonly set_aside: number;
}

export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

/** What a run prints as JSON (`schemas/report.schema.json`). */
export interface Report {
  readonly version: typeof REPORT_VERSION;
  readonly task: TaskName | null;
  readonly status: RunStatus;
  readonly exit_code: ExitCode;
  readonly job_id: string | null;
  readonly resumable: boolean;
  readonly targets: readonly TargetReport[];
  readonly warnings: readonly string[];
  readonly error: ErrorReport | null;
  readonly seconds: number;
  /** Bytes of all values written. */
  readonly bytes: number;
  /** Of a BACKUP that is complete. */
  readonly backup?: BackupReport;
  /** Of a SNAPSHOT that did not fail. */
  readonly snapshot?: SnapshotReport;
  /** With `--profile`. */
  readonly profile?: ProfileReport;
  /** Of `milvusdm prepare`. */
  readonly prepared?: PreparedReport;
  /** Of one shard of a job: its number from 0, and how many there are. */
  readonly shard?: { readonly index: number; readonly of: number };
}

/** What `plan` shows: everything that a run would do, decided without touching the target. */
export interface PlanReport {
  readonly version: typeof REPORT_VERSION;
  readonly task: TaskName;
  readonly status: 'planned';
  readonly exit_code: ExitCode;
  readonly job_id: string;
  readonly server: string;
  /** Target collections, in the order in which they are written. */
  readonly collections: readonly string[];
  readonly metric: string;
  readonly sources: readonly SourceInfo[];
  readonly rows: number;
  readonly bytes: number;
  readonly actions: readonly Action[];
  readonly warnings: readonly string[];
}

export function errorReport(error: MilvusdmError): ErrorReport {
  return { code: error.code, message: error.message, hint: error.hint };
}

/** The report of a run that failed before there was a job: a wrong command line or file. */
export function failureReport(task: TaskName | null, error: MilvusdmError): Report {
  return {
    version: REPORT_VERSION,
    task,
    status: error.code === 'INTERRUPTED' ? 'interrupted' : 'failed',
    exit_code: error.exitCode,
    job_id: null,
    resumable: false,
    targets: [],
    warnings: [],
    error: errorReport(error),
    seconds: 0,
    bytes: 0,
  };
}
