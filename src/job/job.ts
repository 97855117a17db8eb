import type { TaskConfig } from '../config/types.js';
import { interrupted } from '../util/abort.js';
import { toMilvusdmError } from '../util/errors.js';
import { EXIT } from '../util/exit-codes.js';
import type { JobListener } from './events.js';
import { jobId } from './job-id.js';
import { type Emit, type JobSignals, type OpenJob, openJob } from './open-job.js';
import { type PlanReport, REPORT_VERSION, type Report } from './report.js';
import { executeRun } from './run.js';

/** A migration: the same object behind the command line, the library and every other face. */
export interface Job {
  readonly id: string;
  /** Connects and reads headers; writes nothing. Throws what a run would refuse. */
  plan(): Promise<PlanReport>;
  /** Runs to the end and reports; never throws for a failed run, whose report says why. */
  run(): Promise<Report>;
  /** Stops after the batches in flight; a second call gives those up, too. */
  stop(): void;
  /** Adds a listener; gives a function that takes it away. */
  on(listener: JobListener): () => void;
}

function planReport(config: TaskConfig, id: string, open: OpenJob): PlanReport {
  const { limit } = config.options;
  return {
    version: REPORT_VERSION,
    task: config.task,
    status: 'planned',
    exit_code: EXIT.ok,
    job_id: id,
    server: open.writer.server,
    collection: config.collection,
    metric: open.metric,
    sources: open.reader.info,
    rows: open.splits.reduce((sum, s) => sum + s.rows, 0),
    bytes: open.splits.reduce((sum, s) => sum + (s.split.rows === 0 ? 0 : (s.split.bytes / s.split.rows) * s.rows), 0),
    actions: open.plan.actions,
    warnings:
      limit === undefined ? open.warnings : [...open.warnings, `--limit ${limit}: only the first rows are written`],
  };
}

/**
 * Makes a job of a validated configuration (see `loadTask`). Nothing is opened before `plan` or `run`, and both close
 * what they have opened.
 */
export function createJob(config: TaskConfig): Job {
  const id = jobId(config);
  const listeners = new Set<JobListener>();
  const stop = new AbortController();
  const kill = new AbortController();
  const signals: JobSignals = { stop: stop.signal, kill: kill.signal };
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };
  return {
    id,
    async plan() {
      try {
        await using open = await openJob(config, id, signals, emit, false);
        return planReport(config, id, open);
      } catch (thrown) {
        throw kill.signal.aborted ? interrupted() : toMilvusdmError(thrown);
      }
    },
    run: () => executeRun(config, id, signals, emit),
    stop() {
      if (stop.signal.aborted) kill.abort();
      stop.abort();
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
