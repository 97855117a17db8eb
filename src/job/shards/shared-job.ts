import type { JobConfig, TaskConfig } from '../../config/types.js';
import { toMilvusdmError } from '../../util/errors.js';
import { createJob } from '../job.js';
import { jobId } from '../job-id.js';
import { type Job, jobOf } from '../job-shell.js';
import type { Emit, JobSignals } from '../open-job.js';
import { failureReport, type Report } from '../report.js';
import { type FinishOptions, finishWork } from './finish.js';
import { type PrepareOptions, prepareWork } from './prepare.js';
import { requireShareable } from './refusals.js';
import { runShard, type ShardOptions } from './shard.js';

/** What one machine does of a job that many share. */
export type SharedStep =
  | ({ readonly kind: 'prepare' } & PrepareOptions)
  | ({ readonly kind: 'shard' } & ShardOptions)
  | ({ readonly kind: 'finish' } & FinishOptions);

function take(config: TaskConfig, id: string, step: SharedStep, signals: JobSignals, emit: Emit): Promise<Report> {
  if (step.kind === 'prepare') return prepareWork(config, id, step, signals, emit);
  if (step.kind === 'shard') return runShard(config, id, step, signals, emit);
  return finishWork(config, id, step, signals, emit);
}

/**
 * One step of a job that many machines share: prepared by one, written by one per shard, finished by one. Throws USAGE or
 * CFG_CONFLICT for a task that cannot be shared.
 */
export function createSharedJob(config: JobConfig, step: SharedStep): Job {
  const task = requireShareable(config);
  const id = jobId(task);
  return jobOf(id, {
    plan: () => createJob(task).plan(),
    run: (signals, emit) =>
      take(task, id, step, signals, emit).catch((thrown: unknown): Report => {
        return { ...failureReport(task.task, toMilvusdmError(thrown)), job_id: id };
      }),
  });
}
