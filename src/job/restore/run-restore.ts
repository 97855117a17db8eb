import { join } from 'node:path';
import type { RbacInfo } from '../../backup/types.js';
import type { BackupSource, RestoreConfig } from '../../config/types.js';
import { statisticsRows } from '../../milvus/collections.js';
import { openStore } from '../../store/index.js';
import { interrupted, rejectAfterAbort, throwIfAborted } from '../../util/abort.js';
import { createDisposables } from '../../util/disposables.js';
import { fail, MilvusdmError, toMilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import { stateFolder } from '../../util/home.js';
import { allSettled, createPool, type Pool } from '../../util/pool.js';
import { takeLock } from '../ledger/lock.js';
import type { Emit, JobSignals } from '../open-job.js';
import { errorReport, REPORT_VERSION, type Report, type RunStatus, type TargetReport } from '../report.js';
import { type RestoreItem, shownName } from './choose.js';
import { type CollectionRestore, type RestoredCollection, restoreCollection } from './collection.js';
import { type OpenRestore, openRestore, type PlannedItem } from './open-restore.js';
import type { ServerView } from './places.js';
import { restoreRbac } from './rbac.js';
import { openStage, type Stage } from './stage.js';
import { INSERTED_AT_ONCE } from './way.js';

const KILL_GRACE_MS = 1000;
/** Collections at a time: the server imports one after the other, and what comes before and after need not wait. */
const AT_ONCE = 4;

export interface RestoreContext {
  readonly config: RestoreConfig;
  readonly id: string;
  readonly signals: JobSignals;
  readonly emit: Emit;
  readonly warnings: string[];
}

interface Outcome {
  readonly planned: PlannedItem;
  readonly result?: RestoredCollection;
  /** Rows that a collection has which was left alone. */
  readonly held?: number;
  readonly error?: MilvusdmError;
}

interface Progress {
  /** Rows of all files. */
  readonly total: number;
  bytes: number;
  done: number;
}

/** What is common to all collections of a run. */
interface Run {
  readonly context: RestoreContext;
  readonly open: OpenRestore;
  readonly stage: Stage | undefined;
  readonly view: ServerView;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** That inserts wait for. */
  readonly inserts: Pool;
}

function warn({ warnings, emit }: RestoreContext, message: string): void {
  warnings.push(message);
  emit({ type: 'warning', message });
}

/** The collection in the backup, as a source. */
function contentOf({ store: storage, name }: RestoreConfig, { source }: RestoreItem): BackupSource {
  const [db = '', collection = ''] = source.split('.');
  return { adapter: 'backup', storage, name, db, select: { [collection]: null } };
}

/** Whether rows that a request may not bring, or that cannot be read here, may yet be imported. */
function isRefusal({ exitCode }: MilvusdmError): boolean {
  return exitCode === EXIT.source || exitCode === EXIT.target;
}

/** Restores a collection as was planned; rows that were to be inserted of itself, and cannot be, are imported. */
async function bring(run: Run, planned: PlannedItem, restore: CollectionRestore): Promise<RestoredCollection> {
  const { context, open, stage, inserts } = run;
  const { item, files, insert } = planned;
  if (insert) {
    try {
      return await inserts(() => restoreCollection({ ...restore, insert }));
    } catch (thrown) {
      const error = toMilvusdmError(thrown);
      if (context.config.way === 'insert' || !isRefusal(error)) throw error;
      warn(context, `"${shownName(item)}" is imported, because its rows cannot be inserted: ${error.message}`);
    }
  }
  await stage?.fill(open.backup, files.files);
  return await restoreCollection(restore);
}

async function restoreOne(run: Run, planned: PlannedItem): Promise<Outcome> {
  const { context, open, view, signal, progress } = run;
  const { config, id, emit } = context;
  const { item, what, files } = planned;
  if (what === 'skip') return { planned, held: await statisticsRows(await open.databases.open(item.db), item.name) };
  const log = (message: string): void => emit({ type: 'log', message });
  try {
    throwIfAborted(signal);
    const result = await bring(run, planned, {
      item,
      config,
      connection: await open.databases.open(item.db),
      job: id,
      files,
      content: contentOf(config, item),
      view,
      signal,
      log,
      warn: (message) => warn(context, message),
      onRows(rows) {
        progress.done += rows;
        const { done, total, bytes } = progress;
        emit({ type: 'progress', phase: 'write', done: Math.min(done, total), total, bytes });
      },
    });
    log(`"${shownName(item)}" is restored: ${result.rows} rows`);
    return { planned, result };
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    if (error.code !== 'INTERRUPTED') warn(context, `"${shownName(item)}" failed: ${error.message}`);
    return { planned, error };
  }
}

async function restoreAll(context: RestoreContext, open: OpenRestore): Promise<Outcome[]> {
  const { config, id, signals, emit } = context;
  const { reach } = open;
  await using stack = createDisposables();
  const log = (message: string): void => emit({ type: 'log', message });
  const todo = open.items.filter(({ what }) => what !== 'skip');
  const total = todo.flatMap(({ files }) => files.units).reduce((sum, { rows }) => sum + rows, 0);
  const progress: Progress = { total, done: 0, bytes: 0 };
  let stage: Stage | undefined;
  if (reach.how === 'staged' && todo.some(({ files }) => files.files.length > 0)) {
    const store = stack.use(await openStore(reach.storage, { retryFor: config.retryFor, log }));
    const onFile = (bytes: number): void => {
      progress.bytes += bytes;
    };
    stage = openStage(store, id, { parallelism: config.parallelism, signal: signals.stop, onFile });
    if (todo.some(({ insert }) => !insert)) {
      log(
        `the server does not see ${open.backup.name}: files are copied to ${store.name} and removed from there in the end`,
      );
    }
    await stage.clear();
  }
  const { view } = reach;
  const seen: ServerView = stage ? (key) => view(stage.place(key)) : view;
  const run: Run = {
    context,
    open,
    stage,
    view: seen,
    signal: signals.stop,
    progress,
    inserts: createPool(INSERTED_AT_ONCE),
  };
  const pool = createPool(AT_ONCE);
  emit({ type: 'phase', phase: 'write' });
  try {
    return await allSettled(open.items.map((planned) => pool(() => restoreOne(run, planned))));
  } finally {
    await stage?.clear().catch((thrown: unknown) => {
      const { message } = toMilvusdmError(thrown);
      warn(
        context,
        `copies of the backup in the server's store could not be removed (${message}); the next run does that`,
      );
    });
  }
}

/** Before the collections, so that nobody sees one that its roles do not know yet. */
async function restoreUsers(context: RestoreContext, rbac: RbacInfo | undefined): Promise<void> {
  const { config, signals, emit } = context;
  if (!config.rbac) return;
  const log = (message: string): void => emit({ type: 'log', message });
  for (const message of await restoreRbac({ config, rbac, signal: signals.stop, log })) warn(context, message);
}

async function runRestore(context: RestoreContext): Promise<Outcome[]> {
  const { config, id, signals, emit } = context;
  await using _ = await takeLock(join(stateFolder(), 'jobs', `${id}.lock`));
  await using open = await openRestore(config, emit, signals.stop);
  for (const message of open.warnings) warn(context, message);
  await restoreUsers(context, open.info.rbac_meta);
  return await restoreAll(context, open);
}

/** Status and error of the whole, as of every run: one failure among successes is partial, all failures are the first. */
function judge(outcomes: readonly Outcome[]): { status: RunStatus; error?: MilvusdmError } {
  const failed = outcomes.filter(({ error }) => error);
  const stopped = failed.find(({ error }) => error?.code === 'INTERRUPTED');
  const [first] = failed;
  if (stopped?.error) return { status: 'interrupted', error: stopped.error };
  if (first?.error && failed.length === outcomes.length) return { status: 'failed', error: first.error };
  if (first) {
    const names = failed.map(
      ({ planned, error }) => `"${shownName(planned.item)}" (${error?.code}: ${error?.message})`,
    );
    const message = `${failed.length} of ${outcomes.length} collections failed: ${names.join('; ')}`;
    return { status: 'partial', error: fail('TARGETS_FAILED', message) };
  }
  const skipped = outcomes.length > 0 && outcomes.every(({ result }) => !result);
  return { status: skipped ? 'skipped' : 'done' };
}

function targetReport(backup: string, { planned, result, held }: Outcome): TargetReport {
  const { item } = planned;
  const segments = item.info.partition_backups.flatMap((partition) => partition.segment_backups);
  return {
    source: `${backup}: ${item.source}`,
    collection: shownName(item),
    partition: null,
    rows_read: segments.reduce((sum, { num_of_rows: rows }) => sum + rows, 0),
    rows_written: result?.rows ?? 0,
    rows_skipped: 0,
    duplicates: null,
    verified: result?.verified ?? 'none',
    digest: result?.digest ?? null,
    target_rows: result?.targetRows ?? held ?? null,
  };
}

/** Runs a restore from opening to report. A failure is part of the report, never thrown. */
export async function executeRestore(context: RestoreContext): Promise<Report> {
  const { config, id, signals, warnings } = context;
  const began = performance.now();
  let outcomes: readonly Outcome[] = [];
  let judged: ReturnType<typeof judge>;
  try {
    outcomes = await Promise.race([runRestore(context), rejectAfterAbort(signals.kill, KILL_GRACE_MS)]);
    judged = judge(outcomes);
  } catch (thrown) {
    const stopped = signals.stop.aborted && !(thrown instanceof MilvusdmError && thrown.code !== 'INTERRUPTED');
    const error = stopped ? interrupted() : toMilvusdmError(thrown);
    judged = { status: stopped ? 'interrupted' : 'failed', error };
  }
  const { status, error } = judged;
  return {
    version: REPORT_VERSION,
    task: 'RESTORE',
    status,
    exit_code: error?.exitCode ?? EXIT.ok,
    job_id: id,
    resumable: status === 'interrupted' || error?.exitCode === EXIT.network,
    targets: outcomes.filter(({ error: failure }) => !failure).map((outcome) => targetReport(config.name, outcome)),
    warnings,
    error: error ? errorReport(error) : null,
    seconds: Math.round(performance.now() - began) / 1000,
    bytes: outcomes
      .filter(({ result }) => result)
      .flatMap(({ planned }) => planned.files.files)
      .reduce((sum, { size }) => sum + size, 0),
  };
}
