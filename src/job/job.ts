import type { Action, SourceInfo } from '../adapters/types.js';
import type { JobConfig, TaskConfig } from '../config/types.js';
import { EXIT } from '../util/exit-codes.js';
import { createBackupJob } from './backup/backup-job.js';
import { jobId } from './job-id.js';
import { type Job, jobOf } from './job-shell.js';
import { readState } from './ledger/ledger.js';
import { createLedgerState } from './ledger/state.js';
import { type Emit, type JobSignals, type OpenCollection, openCollection, openJob } from './open-job.js';
import { type PlanReport, REPORT_VERSION } from './report.js';
import { createRestoreJob } from './restore/restore-job.js';
import { executeRun } from './run.js';
import { createSnapshotJob } from './snapshot/snapshot-job.js';

export type { Job };

interface CollectionPlan {
  readonly metric: string;
  readonly sources: readonly SourceInfo[];
  readonly rows: number;
  readonly bytes: number;
  readonly actions: readonly Action[];
  readonly warnings: readonly string[];
}

function collectionPlan({ reader, splits, plan, metric, warnings }: OpenCollection): CollectionPlan {
  return {
    metric,
    sources: reader.info,
    rows: splits.reduce((sum, s) => sum + s.rows, 0),
    bytes: splits.reduce((sum, s) => sum + (s.split.rows === 0 ? 0 : (s.split.bytes / s.split.rows) * s.rows), 0),
    actions: plan.actions,
    warnings,
  };
}

async function planAll(config: TaskConfig, id: string, signals: JobSignals, emit: Emit): Promise<PlanReport> {
  const { state } = config.options.restart ? { state: createLedgerState() } : await readState(id);
  const started = new Date(state.job?.started ?? Date.now());
  await using open = await openJob(config, signals, emit, { started, run: false });
  const plans: CollectionPlan[] = [];
  for (const task of open.tasks) {
    const done = state.collections.get(task.name)?.done;
    if (done) continue;
    await using collection = await openCollection(task, open.target, { exact: false, state });
    plans.push(collectionPlan(collection));
  }
  const { limit } = config.options;
  const rehearsal = limit === undefined ? [] : [`--limit ${limit}: only the first rows are written`];
  return {
    version: REPORT_VERSION,
    task: config.task,
    status: 'planned',
    exit_code: EXIT.ok,
    job_id: id,
    server: open.target.server,
    collections: open.tasks.map((t) => t.config.collection),
    metric: [...new Set(plans.map((p) => p.metric))].join(', '),
    sources: plans.flatMap((p) => p.sources),
    rows: plans.reduce((sum, p) => sum + p.rows, 0),
    bytes: Math.round(plans.reduce((sum, p) => sum + p.bytes, 0)),
    actions: plans.flatMap((p) => p.actions),
    warnings: [...open.warnings, ...plans.flatMap((p) => p.warnings), ...rehearsal],
  };
}

/**
 * Makes a job of a validated configuration (see `loadTask`). Nothing is opened before `plan` or `run`, and both close
 * what they have opened.
 */
export function createJob(config: JobConfig): Job {
  if (config.task === 'BACKUP') return createBackupJob(config);
  if (config.task === 'RESTORE') return createRestoreJob(config);
  if (config.task === 'SNAPSHOT') return createSnapshotJob(config);
  return createMove(config);
}

function createMove(config: TaskConfig): Job {
  const id = jobId(config);
  return jobOf(id, {
    plan: (signals, emit) => planAll(config, id, signals, emit),
    run: (signals, emit) => executeRun(config, id, signals, emit),
  });
}
