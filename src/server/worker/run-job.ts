import { fstatSync, statSync } from 'node:fs';
import { validateJob } from '../../config/load.js';
import type { JobConfig } from '../../config/types.js';
import type { JobEvent, JobListener } from '../../job/events.js';
import { createJob, type Job } from '../../job/job.js';
import { takeLock } from '../../job/ledger/lock.js';
import { createRecorder } from '../../job/recorder.js';
import { failureReport, type Report } from '../../job/report.js';
import { type SavedReport, toSavedReport } from '../../job/saved-report.js';
import { writeWhole } from '../../util/atomic.js';
import { MilvusdmError, toMilvusdmError } from '../../util/errors.js';
import { openLog } from '../../util/log.js';
import { jobFiles } from '../state/folders.js';
import { boundLog } from './job-log.js';
import type { ToWorker } from './protocol.js';

type Start = Extract<ToWorker, { readonly type: 'start' }>;

/** A listener that passes the newest progress on now and then, and all else at once. */
export function calmly(pass: JobListener, everyMs: number): JobListener {
  let waiting: JobEvent | undefined;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting) pass(waiting);
    waiting = undefined;
  };
  return (event) => {
    if (event.type !== 'progress') {
      flush();
      pass(event);
      return;
    }
    waiting = event;
    timer ??= setTimeout(flush, everyMs).unref();
  };
}

/** What a job that could not even be made reports. */
function stillborn(config: JobConfig | undefined, thrown: unknown): Report {
  return failureReport(config?.task ?? null, toMilvusdmError(thrown));
}

/** A report in the form of a file, also for a task whose references have nothing behind them any more. */
function bareReport(report: Report, started: Date): SavedReport {
  const none = { phases: [], throughput: { step_seconds: 1, rows: [], bytes: [] }, collections: [] };
  const times = { started: started.toISOString(), finished: new Date().toISOString() };
  const run = { milvusdm: '', node: process.version, ...times, from: '', to: '', mode: null, verify: 'none' };
  return { ...report, run: { ...run, limit: null, yaml: null, ...none } };
}

/** Of standard error, which is the log where a server has started this process. */
function keepInBounds(logFile: string): void {
  try {
    const [own, log] = [fstatSync(process.stderr.fd), statSync(logFile)];
    if (own.ino === log.ino && own.dev === log.dev) boundLog(process.stderr.fd, logFile);
  } catch {
    // A log that cannot be cut is no reason to end a job.
  }
}

async function execute(start: Start, say: JobListener, begun: (job: Job) => void): Promise<SavedReport> {
  const started = new Date();
  let config: JobConfig;
  try {
    config = validateJob(start.text, { path: 'task', cwd: start.cwd });
  } catch (thrown) {
    process.stderr.write(`${toMilvusdmError(thrown).message}\n`);
    return bareReport(stillborn(undefined, thrown), started);
  }
  const { log: logFile } = jobFiles(start.server, start.job);
  const write = (line: string): void => {
    process.stderr.write(`${line}\n`);
    keepInBounds(logFile);
  };
  const log = await openLog({ level: 'info', format: 'json', secrets: config.secrets, write });
  const job = createJob(config);
  const recorder = createRecorder();
  job.on(recorder.listen);
  job.on(say);
  job.on((event) => {
    if (event.type === 'log') log.info(event.message);
    else if (event.type === 'warning') log.warn(event.message);
    else if (event.type === 'phase') log.info(`phase ${event.phase}`);
  });
  log.info(`attempt ${start.attempt} of ${config.task}, process ${process.pid}`);
  begun(job);
  const report = await job.run();
  log.info(`${report.status}${report.error ? `: ${report.error.code} ${report.error.message}` : ''}`);
  return toSavedReport({ report, record: recorder.record(), config, started, yaml: null, limit: undefined });
}

export type RunEnd = 'reported' | 'busy';

/**
 * Runs one attempt of a job of the server, alone: the lock in its folder says so. Its last act is the report in that folder.
 * @param alive whether the server that has started it is still there
 * @param begun gets the job, which can be stopped from then on
 */
export async function runJob(
  start: Start,
  o: { readonly say: JobListener; readonly alive: () => boolean; readonly begun: (job: Job) => void },
): Promise<RunEnd> {
  const files = jobFiles(start.server, start.job);
  try {
    await using _lock = await takeLock(files.lock);
    // Without its server nobody knows of this attempt: the next server starts another.
    if (!o.alive()) return 'busy';
    const report = await execute(start, o.say, o.begun);
    await writeWhole(files.report(start.attempt), `${JSON.stringify(report)}\n`);
    return 'reported';
  } catch (thrown) {
    if (thrown instanceof MilvusdmError && thrown.code === 'JOB_RUNNING') return 'busy';
    throw thrown;
  }
}
