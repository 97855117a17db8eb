export type { Phase } from './adapters/types.js';
export { type ConfigIssue, configIssues } from './config/issues.js';
export { loadJob, loadTask, type ValidateOptions, validateJob, validateText } from './config/load.js';
export type { BackupConfig, JobConfig, RestoreConfig, SnapshotConfig, TaskConfig } from './config/types.js';
export type { JobEvent, JobListener } from './job/events.js';
export { inspectFile } from './job/inspect.js';
export { createJob, type Job } from './job/job.js';
export type { BackupReport, PlanReport, Report, TargetReport } from './job/report.js';
export type {
  DescribedSnapshot,
  KeptSnapshot,
  PrunedSnapshot,
  RestoreEntry,
  SnapshotEntry,
  SnapshotReport,
} from './job/snapshot/report.js';
export {
  createSnapshot,
  describeSnapshot,
  dropSnapshot,
  listSnapshots,
  pruneSnapshots,
  restoreSnapshot,
  type SnapshotKeys,
  type SnapshotOptions,
  snapshotJob,
  snapshotJobs,
} from './library/snapshots.js';
export { ERROR_CODES, type ErrorCode, MilvusdmError } from './util/errors.js';
export { EXIT, type ExitCode } from './util/exit-codes.js';
