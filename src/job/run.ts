import type { Target } from '../adapters/types.js';
import type { TaskConfig } from '../config/types.js';
import type { IdSource } from '../transforms/ids.js';
import type { Transformer } from '../transforms/types.js';
import { rejectAfterAbort, throwIfAborted } from '../util/abort.js';
import { plural } from '../util/bytes.js';
import { fail, type MilvusdmError, toMilvusdmError } from '../util/errors.js';
import { EXIT } from '../util/exit-codes.js';
import { type BadRows, collectBadRows } from './bad-rows.js';
import { bindRun, keySource } from './binding.js';
import type { CollectionTask } from './collection-task.js';
import { copyRows, newResult, type UnitResult } from './copy.js';
import {
  type Emit,
  type JobSignals,
  markId,
  type OpenCollection,
  openCollection,
  openJob,
  phaseTeller,
} from './open-job.js';
import { type Preflight, preflight } from './preflight.js';
import { errorReport, REPORT_VERSION, type Report, type RunStatus, type TargetReport } from './report.js';
import { clearUnfinished, markUnfinished } from './unfinished.js';
import { type Verified, verifyUnit } from './verify.js';

const KILL_GRACE_MS = 1000;

/** What all collections of a job share. */
interface JobRun {
  readonly id: string;
  readonly signals: JobSignals;
  readonly emit: Emit;
  readonly teller: ReturnType<typeof phaseTeller>;
  readonly badRows: BadRows;
  readonly warnings: string[];
  readonly runs: Run[];
}

/** One collection of a running job: what it works with, and what is known of it so far. */
interface Run {
  readonly id: string;
  readonly config: TaskConfig;
  readonly signals: JobSignals;
  readonly emit: Emit;
  readonly teller: ReturnType<typeof phaseTeller>;
  readonly badRows: BadRows;
  readonly results: Map<string, UnitResult>;
  readonly verified: Map<string, Verified>;
  readonly digests: Map<string, string>;
  readonly warnings: string[];
  duplicates: number | null;
  bytes: number;
}

function warn(run: Run, message: string): void {
  run.warnings.push(message);
  run.emit({ type: 'warning', message });
}

async function firstId(run: Run, open: OpenCollection): Promise<bigint> {
  const { idStart } = run.config.options;
  if (typeof idStart === 'bigint') return idStart;
  if (!open.plan.needsIdStart) return 0n;
  if (idStart === 'auto') return open.writer.nextId();
  throw fail(
    'DST_IDS',
    `the source has no ids and "${run.config.collection}" holds rows: row numbers from 0 could collide with theirs`,
    { hint: 'Set id_start: auto (largest id of the target + 1) or id_start: N.' },
  );
}

async function chooseIds(run: Run, open: OpenCollection): Promise<IdSource> {
  const { idOffset, newIds } = run.config.options;
  const kind = keySource(open.reader.schema, newIds, open.plan.autoId);
  if (kind === 'target') return { kind };
  if (kind === 'stored') return { kind, offset: idOffset };
  return { kind, field: run.config.parameter.idField, start: await firstId(run, open) };
}

function tellDuplicates(run: Run, open: OpenCollection, result: Preflight): void {
  const { duplicates } = result;
  run.duplicates = duplicates?.extraRows ?? null;
  if (duplicates && duplicates.ids > 0) {
    const shown = duplicates.first.map((d) => `${d.id} (rows ${d.rows.slice(0, 3).join(', ')})`).join('; ');
    const how = run.config.options.onDuplicateId;
    const extra = plural(duplicates.extraRows, 'row');
    warn(
      run,
      `ids that occur more than once: ${duplicates.ids}, ${extra} too many (on_duplicate_id: ${how}): ${shown}`,
    );
    if (open.writer.deduplicates && how === 'keep') {
      warn(run, `${open.writer.server} keeps only the last copy of an id, whatever is asked`);
    }
  }
  if (result.edgeIds > 0) {
    warn(run, `${plural(result.edgeIds, 'row')} with the id 2^63-1 or -2^63, which no Milvus query finds`);
  }
}

async function check(run: Run, open: OpenCollection, ids: IdSource, transform: Transformer): Promise<Preflight> {
  run.teller.phase('preflight');
  const splits = open.splits.filter((s) => open.plan.units.some((u) => u.partition === s.partition && u.write));
  const total = splits.reduce((sum, s) => sum + s.rows, 0);
  const result = await preflight({
    digest: (run.config.transforms ?? []).length === 0,
    finiteScalars: open.writer.finiteScalars ?? false,
    reader: open.reader,
    splits,
    ids: transform,
    storedIds: ids.kind === 'stored',
    config: run.config,
    badRows: run.badRows,
    signal: run.signals.stop,
    onProgress: (rows, bytes) => run.emit({ type: 'progress', phase: 'preflight', done: rows, total, bytes }),
  });
  tellDuplicates(run, open, result);
  return result;
}

async function copy(
  run: Run,
  open: OpenCollection,
  pre: Preflight,
  transformers: readonly Transformer[],
): Promise<void> {
  const total = open.splits.reduce((sum, s) => sum + s.rows, 0);
  let done = 0;
  await copyRows(
    {
      reader: open.reader,
      writer: open.writer,
      splits: open.splits,
      transformers,
      config: run.config,
      units: open.plan.units,
      digest: pre.digests === undefined,
      checkFinite: run.config.options.preflight === 'headers',
      badRows: run.badRows,
      idsUnique: !open.plan.autoId && pre.duplicates?.extraRows === 0,
      stop: run.signals.stop,
      kill: run.signals.kill,
      onProgress(rows, bytes) {
        done += rows;
        run.bytes += bytes;
        run.emit({ type: 'progress', phase: 'write', done, total, bytes: run.bytes });
      },
    },
    run.results,
  );
  for (const [name, digester] of pre.digests ?? []) run.digests.set(name, digester.result().hex);
  for (const [name, { digester }] of run.results) if (digester) run.digests.set(name, digester.result().hex);
}

async function verify(run: Run, open: OpenCollection, transformers: readonly Transformer[]): Promise<void> {
  const { config } = run;
  const { verify: level, onDuplicateId } = config.options;
  if (level === 'none') return;
  const canQuery = await open.writer.openForReading(run.teller);
  if (!canQuery && level === 'sample' && !open.writer.verifiesItself) {
    warn(run, `"${config.collection}" has no index and cannot be loaded: verified by the server's row count only`);
  }
  run.teller.phase('verify');
  const onlyOne = onDuplicateId === 'first' || onDuplicateId === 'last';
  for (const [name, result] of run.results) {
    if (!result.unit.write) continue;
    const input = {
      writer: open.writer,
      reader: open.reader,
      splits: open.splits.filter((s) => s.partition === result.unit.partition),
      transformers,
      config,
      duplicates: onlyOne ? 0 : (run.duplicates ?? undefined),
      progress: run.teller,
      signal: run.signals.stop,
      warn: (message: string) => warn(run, message),
    };
    run.verified.set(name, await verifyUnit(input, result, canQuery));
  }
}

/** Every unit exists and the mode is skip: nothing is touched, and the report shows both counts. */
function skipAll(run: Run, open: OpenCollection): void {
  for (const { split, rows, partition } of open.splits) {
    const result = run.results.get(partition ?? '')!;
    result.sources.push(split.source);
    result.rowsSkipped += rows;
    run.verified.set(partition ?? '', { level: 'none', targetRows: result.unit.existingRows });
  }
}

async function perform(run: Run, open: OpenCollection): Promise<RunStatus> {
  for (const unit of open.plan.units) {
    run.results.set(unit.partition ?? '', newResult(unit));
    if (!unit.write) run.verified.set(unit.partition ?? '', { level: 'none', targetRows: unit.existingRows });
  }
  for (const message of open.warnings) warn(run, message);
  if (open.plan.units.every((u) => !u.write)) {
    skipAll(run, open);
    return 'skipped';
  }
  const ids = await chooseIds(run, open);
  const pre = await check(run, open, ids, bindRun(open.reader.schema, ids).ids);
  run.teller.phase('prepare');
  throwIfAborted(run.signals.stop);
  await markUnfinished(run.id, run.config);
  await open.writer.prepare(open.plan);
  run.teller.phase('write');
  const { ids: keys, steps } = bindRun(open.reader.schema, ids, run.config.transforms, pre.dropped);
  const transformers = [keys, steps];
  await copy(run, open, pre, transformers);
  for (const loss of steps.losses()) if (loss.affected > 0) warn(run, loss.text);
  for (const message of open.reader.lateWarnings?.() ?? []) warn(run, message);
  await open.writer.commit(run.teller);
  await verify(run, open, transformers);
  await open.writer.settle(run.teller);
  await clearUnfinished(run.id);
  return run.badRows.count > 0 ? 'partial' : 'done';
}

function targets(run: Run): TargetReport[] {
  return [...run.results].map(([name, r]) => ({
    source: r.sources.join(', '),
    collection: run.config.collection,
    partition: r.unit.partition ?? null,
    rows_read: r.rowsRead,
    rows_written: r.rowsWritten,
    rows_skipped: r.rowsSkipped,
    duplicates: run.duplicates,
    verified: run.verified.get(name)?.level ?? 'none',
    digest: run.digests.get(name) ?? null,
    target_rows: run.verified.get(name)?.targetRows ?? null,
  }));
}

function newRun(job: JobRun, task: CollectionTask): Run {
  const { signals, emit, teller, badRows, warnings } = job;
  return {
    id: markId(job.id, task),
    config: task.config,
    signals,
    emit,
    teller,
    badRows,
    warnings,
    results: new Map(),
    verified: new Map(),
    digests: new Map(),
    duplicates: null,
    bytes: 0,
  };
}

interface Outcome {
  readonly task: CollectionTask;
  readonly status?: RunStatus;
  readonly error?: MilvusdmError;
}

/** One collection from opening to verification; what it throws is its outcome, so that others can go on. */
async function runCollection(job: JobRun, task: CollectionTask, target: Target): Promise<Outcome> {
  const run = newRun(job, task);
  job.runs.push(run);
  try {
    await using open = await openCollection(task, target, run.id, true);
    return { task, status: await perform(run, open) };
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    if (task.name !== '') warn(run, `"${task.name}" failed: ${error.message}`);
    return { task, error };
  }
}

async function runAll(job: JobRun, config: TaskConfig): Promise<Outcome[]> {
  await using open = await openJob(config, job.signals, job.emit);
  job.warnings.push(...open.warnings);
  for (const message of open.warnings) job.emit({ type: 'warning', message });
  const outcomes: Outcome[] = [];
  for (const task of open.tasks) {
    if (open.tasks.length > 1) job.emit({ type: 'log', message: `collection "${task.name}"` });
    const outcome = await runCollection(job, task, open.target);
    outcomes.push(outcome);
    if (outcome.error && (config.options.onError === 'stop' || outcome.error.code === 'INTERRUPTED')) break;
  }
  return outcomes;
}

/** Status and error of the whole: one failure among successes is partial, all failures are the first one's. */
function judge(job: JobRun, outcomes: readonly Outcome[]): { status: RunStatus; error?: MilvusdmError } {
  const failed = outcomes.filter((o) => o.error);
  const interruption = failed.find((o) => o.error?.code === 'INTERRUPTED');
  if (interruption) return { status: 'interrupted', error: interruption.error! };
  if (failed.length > 0 && failed.length === outcomes.length) return { status: 'failed', error: failed[0]!.error! };
  if (failed.length > 0) {
    const names = failed.map((o) => `"${o.task.name}" (${o.error!.code}: ${o.error!.message})`);
    const message = `${failed.length} of ${outcomes.length} collections failed: ${names.join('; ')}`;
    return { status: 'partial', error: fail('TARGETS_FAILED', message) };
  }
  if (job.badRows.count > 0) {
    const message = `${plural(job.badRows.count, 'row')} were set aside in ${job.badRows.file}; all others are written`;
    return { status: 'partial', error: fail('ROWS_QUARANTINED', message) };
  }
  return { status: outcomes.every((o) => o.status === 'skipped') && outcomes.length > 0 ? 'skipped' : 'done' };
}

/** Runs a job from opening to report. A failure is part of the report, never thrown. */
export async function executeRun(config: TaskConfig, id: string, signals: JobSignals, emit: Emit): Promise<Report> {
  const started = performance.now();
  const { onBadRow, quarantineLimit } = config.options;
  await using badRows = collectBadRows({ quarantine: onBadRow === 'quarantine', limit: quarantineLimit, jobId: id });
  const job: JobRun = { id, signals, emit, teller: phaseTeller(emit), badRows, warnings: [], runs: [] };
  const report = (status: RunStatus, error?: MilvusdmError): Report => ({
    version: REPORT_VERSION,
    task: config.task,
    status,
    exit_code: error?.exitCode ?? EXIT.ok,
    job_id: id,
    resumable: false,
    targets: job.runs.flatMap(targets),
    warnings: job.warnings,
    error: error ? errorReport(error) : null,
    seconds: Math.round(performance.now() - started) / 1000,
    bytes: job.runs.reduce((sum, run) => sum + run.bytes, 0),
  });
  try {
    // A call of the server that cannot be cancelled must not hold up who has asked twice to stop.
    const outcomes = await Promise.race([runAll(job, config), rejectAfterAbort(signals.kill, KILL_GRACE_MS)]);
    const { status, error } = judge(job, outcomes);
    return report(status, error);
  } catch (thrown) {
    const error = toMilvusdmError(thrown);
    return report(error.code === 'INTERRUPTED' ? 'interrupted' : 'failed', error);
  }
}
