import { validateJob } from '../config/load.js';
import type { RawTask } from '../config/raw.js';
import type { SnapshotAction } from '../config/types.js';
import type { JobListener } from '../job/events.js';
import { createJob } from '../job/job.js';
import type { Report } from '../job/report.js';
import type { DescribedSnapshot, RestoreEntry, SnapshotEntry, SnapshotReport } from '../job/snapshot/report.js';
import { fail } from '../util/errors.js';

/** The keys of a SNAPSHOT in a YAML file, but for its action. References such as `${NAME}` are replaced as there. */
export type SnapshotKeys = Partial<
  Pick<
    RawTask,
    | 'source_uri'
    | 'source_host'
    | 'source_port'
    | 'source_user'
    | 'source_password'
    | 'source_token'
    | 'source_db'
    | 'source_tls'
    | 'source_storage'
    | 'snapshot_name'
    | 'description'
    | 'flush'
    | 'compaction_protection'
    | 'dest_collection_name'
    | 'dest_db'
    | 'wait'
    | 'verify'
    | 'job_id'
    | 'keep_last'
    | 'older_than'
    | 'apply'
    | 'retry_for'
  >
> & { readonly source_collection?: string };

export interface SnapshotOptions {
  /** Told of progress, warnings and log lines. */
  readonly onEvent?: JobListener;
  /** Stops the work; a restore that a server has begun goes on there. */
  readonly signal?: AbortSignal;
}

async function run(action: SnapshotAction, keys: SnapshotKeys, o: SnapshotOptions): Promise<Report> {
  const job = createJob(validateJob(JSON.stringify({ SNAPSHOT: { action, ...keys } }), { path: `${action} snapshot` }));
  if (o.onEvent) job.on(o.onEvent);
  const stop = (): void => job.stop();
  if (o.signal?.aborted) stop();
  o.signal?.addEventListener('abort', stop, { once: true });
  try {
    const report = await job.run();
    if (report.error) throw fail(report.error.code, report.error.message, { hint: report.error.hint });
    return report;
  } finally {
    o.signal?.removeEventListener('abort', stop);
  }
}

async function act(action: SnapshotAction, keys: SnapshotKeys, o: SnapshotOptions): Promise<SnapshotReport> {
  return (await run(action, keys, o)).snapshot!;
}

/** Makes a snapshot of `source_collection`. Throws CFG_*, SNAPSHOT_EXISTS, DST_* and NET_* errors. */
export async function createSnapshot(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<SnapshotEntry> {
  return (await act('create', keys, o)).snapshot!;
}

/** The snapshots of a collection, or of all of them. */
export async function listSnapshots(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<readonly SnapshotEntry[]> {
  return (await act('list', keys, o)).snapshots ?? [];
}

/** A snapshot with schema and indexes. Throws SNAPSHOT_NOT_FOUND, and USAGE for a name that several collections have. */
export async function describeSnapshot(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<DescribedSnapshot> {
  return (await act('describe', keys, o)).snapshot as DescribedSnapshot;
}

/** Drops a snapshot for good; gives what it was. Throws SNAPSHOT_NOT_FOUND, SNAPSHOT_PINNED and USAGE. */
export async function dropSnapshot(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<SnapshotEntry> {
  return (await act('drop', keys, o)).snapshot!;
}

/**
 * Restores a snapshot to `dest_collection_name`, which must not exist, and waits for it unless `wait` is false. The report
 * has the job, and what was verified of the collection. Throws SNAPSHOT_* and VERIFY_MISMATCH.
 */
export async function restoreSnapshot(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<Report> {
  return await run('restore', keys, o);
}

/** The restores into a collection, or all of them. */
export async function snapshotJobs(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<readonly RestoreEntry[]> {
  return (await act('jobs', keys, o)).jobs ?? [];
}

/** How far the restore `job_id` is; with `wait` (the default) at its end. Throws SNAPSHOT_JOB_NOT_FOUND. */
export async function snapshotJob(keys: SnapshotKeys, o: SnapshotOptions = {}): Promise<RestoreEntry> {
  return (await act('job', keys, o)).job!;
}

/** Drops old snapshots where `apply` is true, else says which would go. */
export async function pruneSnapshots(
  keys: SnapshotKeys,
  o: SnapshotOptions = {},
): Promise<Pick<SnapshotReport, 'pruned' | 'kept'>> {
  const { pruned = [], kept = [] } = await act('prune', keys, o);
  return { pruned, kept };
}
