import type { TaskConfig } from '../config/types.js';
import { rejectAfterAbort } from '../util/abort.js';
import { plural } from '../util/bytes.js';
import { fail, type MilvusdmError, toMilvusdmError } from '../util/errors.js';
import { EXIT } from '../util/exit-codes.js';
import { collectBadRows } from './bad-rows.js';
import type { CollectionTask } from './collection-task.js';
import { commandFor } from './command.js';
import { type Ledger, openLedger } from './ledger/ledger.js';
import type { LedgerState } from './ledger/state.js';
import { type Emit, type JobSignals, openJob, phaseTeller } from './open-job.js';
import { createProfile } from './profile.js';
import { errorReport, REPORT_VERSION, type Report, type RunStatus } from './report.js';
import { startOver } from './restart.js';
import { runCollection, targetReports } from './run-collection.js';
import { type JobRun, type Portion, type Run, warn } from './run-state.js';

const KILL_GRACE_MS = 1000;

interface Outcome {
  readonly task: CollectionTask;
  readonly status?: RunStatus;
  readonly error?: MilvusdmError;
}

function newRun(job: JobRun, task: CollectionTask): Run {
  return {
    job,
    source: task.name,
    config: task.config,
    ledger: job.ledger.collection(task.name),
    results: new Map(),
    verified: new Map(),
    digests: new Map(),
    duplicates: null,
    bytes: 0,
  };
}

/** The task with its source divided as the job's machines have agreed. */
function divided(task: CollectionTask, portion: Portion): CollectionTask {
  return {
    ...task,
    async open() {
      const reader = await task.open();
      try {
        return await portion.divide(task.name, reader);
      } catch (thrown) {
        await reader[Symbol.asyncDispose]();
        throw thrown;
      }
    },
  };
}

async function runAll(job: JobRun, config: TaskConfig): Promise<Outcome[]> {
  const { portion } = job;
  await using open = await openJob(config, job.signals, job.emit, { started: new Date(job.ledger.started), run: true });
  job.warnings.push(...open.warnings);
  for (const message of open.warnings) job.emit({ type: 'warning', message });
  const outcomes: Outcome[] = [];
  for (const task of open.tasks) {
    if (open.tasks.length > 1) job.emit({ type: 'log', message: `collection "${task.name}"` });
    const run = newRun(job, task);
    job.runs.push(run);
    try {
      const own = portion ? divided(task, portion) : task;
      outcomes.push({ task, status: await runCollection(run, own, open.target) });
    } catch (thrown) {
      // One collection that fails does not keep the others from their turn.
      const error = toMilvusdmError(thrown);
      if (task.name !== '') warn(job, `"${task.name}" failed: ${error.message}`);
      outcomes.push({ task, error });
      if (config.options.onError === 'stop' || error.code === 'INTERRUPTED') break;
    }
  }
  await portion?.ended?.(job, outcomes.length === open.tasks.length && outcomes.every((o) => !o.error));
  return outcomes;
}

interface Judgement {
  readonly status: RunStatus;
  readonly error?: MilvusdmError;
  /** Nothing is left to be done by a later run. */
  readonly complete: boolean;
}

/** Status and error of the whole: one failure among successes is partial, all failures are the first one's. */
function judge(job: JobRun, outcomes: readonly Outcome[]): Judgement {
  const failed = outcomes.filter((o) => o.error);
  const interruption = failed.find((o) => o.error?.code === 'INTERRUPTED');
  if (interruption) return { status: 'interrupted', error: interruption.error!, complete: false };
  if (failed.length > 0 && failed.length === outcomes.length) {
    return { status: 'failed', error: failed[0]!.error!, complete: false };
  }
  if (failed.length > 0) {
    const names = failed.map((o) => `"${o.task.name}" (${o.error!.code}: ${o.error!.message})`);
    const message = `${failed.length} of ${outcomes.length} collections failed: ${names.join('; ')}`;
    return { status: 'partial', error: fail('TARGETS_FAILED', message), complete: false };
  }
  if (outcomes.some((o) => o.status === 'partial')) {
    const { count, file } = job.badRows;
    const what =
      count > 0 ? `${plural(count, 'row')} were set aside in ${file}` : 'rows were set aside by an earlier run';
    const message = `${what}; all others are written`;
    return { status: 'partial', error: fail('ROWS_QUARANTINED', message), complete: true };
  }
  const skipped = outcomes.length > 0 && outcomes.every((o) => o.status === 'skipped');
  return { status: skipped ? 'skipped' : 'done', complete: true };
}

/** The error with the next step of somebody whose job can be continued. */
function withContinuation(error: MilvusdmError, { command, startsOver }: RunPlace): MilvusdmError {
  if (error.code === 'DST_UNFINISHED') return error;
  const hint =
    error.code === 'INTERRUPTED'
      ? `To continue: ${command}`
      : `${error.hint} What has arrived is noted: ${command} continues, ${startsOver} starts over.`;
  return fail(error.code, error.message, { hint, cause: error.cause });
}

/** Where a run keeps its notes, and which part of the job it does. */
export interface RunPlace {
  /** The run disposes of the ledger. */
  open(): Promise<{ ledger: Ledger; abandoned: LedgerState | undefined }>;
  readonly portion?: Portion;
  /** The commands that continue it and start over, for hints. */
  readonly command: string;
  readonly startsOver: string;
}

/** On this machine alone: the ledger lies in the state folder. */
function ownPlace(config: TaskConfig, id: string): RunPlace {
  return {
    open: () => openLedger({ id, task: config.task, file: config.file }, config.options.restart ?? false),
    command: config.file === undefined ? 'the same command' : commandFor(config.file),
    startsOver: 'with --restart it',
  };
}

async function runJob(
  config: TaskConfig,
  id: string,
  signals: JobSignals,
  emit: Emit,
  place: RunPlace,
): Promise<{ job?: JobRun; outcome: Judgement; resumable: boolean }> {
  const { onBadRow, quarantineLimit } = config.options;
  const { ledger: opened, abandoned } = await place.open();
  await using ledger = opened;
  await using badRows = collectBadRows({ quarantine: onBadRow === 'quarantine', limit: quarantineLimit, jobId: id });
  const profile = config.options.profile ? createProfile() : undefined;
  const told: Emit = (event) => {
    profile?.listen(event);
    emit(event);
  };
  const job: JobRun = {
    id,
    signals,
    emit: told,
    teller: phaseTeller(told),
    badRows,
    warnings: [],
    runs: [],
    ledger,
    startOver: startOver(abandoned),
    portion: place.portion,
    profile,
  };
  let outcome: Judgement;
  try {
    // A call of the server that cannot be cancelled must not hold up who has asked twice to stop.
    outcome = judge(job, await Promise.race([runAll(job, config), rejectAfterAbort(signals.kill, KILL_GRACE_MS)]));
    if (outcome.complete) await ledger.complete();
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    outcome = { status: error.code === 'INTERRUPTED' ? 'interrupted' : 'failed', error, complete: false };
  }
  const resumable = ledger.exists;
  if (resumable && outcome.error) outcome = { ...outcome, error: withContinuation(outcome.error, place) };
  return { job, outcome, resumable };
}

/** Runs a job from opening to report. A failure is part of the report, never thrown. */
export async function executeRun(
  config: TaskConfig,
  id: string,
  signals: JobSignals,
  emit: Emit,
  place: RunPlace = ownPlace(config, id),
): Promise<Report> {
  const started = performance.now();
  const { job, outcome, resumable } = await runJob(config, id, signals, emit, place).catch((thrown: unknown) => ({
    job: undefined,
    outcome: { status: 'failed' as const, error: toMilvusdmError(thrown) },
    resumable: false,
  }));
  const { status, error } = outcome;
  const runs = job?.runs ?? [];
  return {
    version: REPORT_VERSION,
    task: config.task,
    status,
    exit_code: error?.exitCode ?? EXIT.ok,
    job_id: id,
    resumable,
    targets: runs.flatMap(targetReports),
    warnings: job?.warnings ?? [],
    error: error ? errorReport(error) : null,
    seconds: Math.round(performance.now() - started) / 1000,
    bytes: runs.reduce((sum, run) => sum + run.bytes, 0),
    ...(job?.profile ? { profile: job.profile.result() } : {}),
  };
}
