import type { Target } from '../adapters/types.js';
import { specsOf } from '../batch/fields.js';
import type { IdSource } from '../transforms/ids.js';
import type { Transformer } from '../transforms/types.js';
import { throwIfAborted } from '../util/abort.js';
import { plural } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { bindRun, keySource } from './binding.js';
import type { CollectionTask } from './collection-task.js';
import { copyRows } from './copy.js';
import { earlierTotals } from './ledger/continue.js';
import type { UnitLine } from './ledger/lines.js';
import type { CollectionState } from './ledger/state.js';
import { type OpenCollection, openCollection } from './open-job.js';
import { type Pipeline, silently } from './pipeline.js';
import { type Preflight, preflight } from './preflight.js';
import type { RunStatus, TargetReport } from './report.js';
import { newResult } from './result.js';
import { continued, type Run, warn } from './run-state.js';
import { decideSettling } from './settling.js';
import { verifyRun } from './verify-run.js';

async function firstId(run: Run, open: OpenCollection): Promise<bigint> {
  const { idStart } = run.config.options;
  const before = continued(run)?.begin.idStart;
  if (before) return BigInt(before);
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
  // Once is enough, by those who prepare and finish.
  if (run.job.portion?.rowsOnly) return;
  if (duplicates && duplicates.ids > 0) {
    const shown = duplicates.first.map((d) => `${d.id} (rows ${d.rows.slice(0, 3).join(', ')})`).join('; ');
    const how = run.config.options.onDuplicateId;
    const extra = plural(duplicates.extraRows, 'row');
    warn(
      run.job,
      `ids that occur more than once: ${duplicates.ids}, ${extra} too many (on_duplicate_id: ${how}): ${shown}`,
    );
    if (open.writer.deduplicates && how === 'keep') {
      warn(run.job, `${open.writer.server} keeps only the last copy of an id, whatever is asked`);
    }
  }
  if (result.edgeIds > 0) {
    warn(run.job, `${plural(result.edgeIds, 'row')} with the id 2^63-1 or -2^63, which no Milvus query finds`);
  }
}

async function check(run: Run, open: OpenCollection, ids: IdSource, transform: Transformer): Promise<Preflight> {
  const { job } = run;
  job.teller.phase('preflight');
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
    badRows: job.badRows,
    signal: job.signals.stop,
    onProgress: (rows, bytes) => job.emit({ type: 'progress', phase: 'preflight', done: rows, total, bytes }),
  });
  tellDuplicates(run, open, result);
  return result;
}

/** Notes in the ledger what is about to be done, and does what the plan says. Gives the units as the ledger has them. */
async function prepare(run: Run, open: OpenCollection, pre: Preflight, ids: IdSource): Promise<readonly UnitLine[]> {
  const { job, config, ledger } = run;
  const { plan, writer } = open;
  job.teller.phase('prepare');
  throwIfAborted(job.signals.stop);
  const earlier = continued(run);
  if (earlier) {
    await writer.prepare(plan);
    return earlier.begin.units;
  }
  const idsUnique = areUnique(open, pre);
  const { transient } = job.ledger;
  const units = await decideSettling({ writer, plan, preflight: pre, idsUnique, transient, progress: job.teller });
  job.portion?.refuse?.(run, open, units, pre);
  await ledger.begin({
    into: config.collection,
    mode: config.mode,
    creates: plan.creates,
    idStart: ids.kind === 'rows' ? String(ids.start) : null,
    units,
    splits: open.splits.map((s) => [s.split.id, s.rows, s.split.fingerprint]),
  });
  await ledger.prepared(await writer.prepare(plan));
  return units;
}

function areUnique(open: OpenCollection, pre: Preflight): boolean {
  return !open.plan.autoId && pre.duplicates?.extraRows === 0;
}

/** Waits, after a death, until what was sent last must have been carried out or given up. */
const QUIET_MS = 3000;

async function copy(
  run: Run,
  open: OpenCollection,
  pre: Preflight,
  lines: readonly UnitLine[],
  pipeline: Pipeline,
): Promise<void> {
  const { job, config } = run;
  const owns = (split: number): boolean => job.portion?.owns?.(open.task.name, split) ?? true;
  const total = open.splits.reduce((sum, s, i) => sum + (owns(i) ? s.rows : 0), 0);
  const earlier = continued(run);
  const totals = earlier && takeEarlier(run, open, earlier);
  let done = totals?.rows ?? 0;
  run.bytes = earlier?.bytes ?? 0;
  if (totals?.rows)
    job.emit({ type: 'log', message: `continues behind ${plural(totals.rows, 'row')} that are settled` });
  if (totals) job.emit({ type: 'resumed', rows: done, bytes: run.bytes });
  await copyRows(
    {
      reader: open.reader,
      writer: open.writer,
      splits: open.splits,
      pipeline,
      config,
      units: open.plan.units,
      lines,
      ledger: run.ledger,
      earlier,
      quiet: () => job.ledger.quiet(QUIET_MS, job.signals.stop),
      digest: pre.digests === undefined,
      owns,
      profile: job.profile,
      idsUnique: areUnique(open, pre),
      autoId: open.plan.autoId,
      stop: job.signals.stop,
      kill: job.signals.kill,
      onProgress(rows, bytes) {
        done += rows;
        run.bytes += bytes;
        job.emit({ type: 'progress', phase: 'write', done, total, bytes: run.bytes });
      },
    },
    run.results,
  ).finally(() => {
    const tuned = open.writer.tuned?.();
    if (tuned) job.profile?.tuned(config.collection, tuned);
  });
  for (const [name, digester] of pre.digests ?? []) run.digests.set(name, digester.result().hex);
  if (pre.digests === undefined) {
    for (const [name, { digest }] of run.results) if (digest) run.digests.set(name, digest);
  }
}

/** What an earlier run has settled counts as done by this one. */
function takeEarlier(run: Run, open: OpenCollection, earlier: CollectionState): { rows: number } {
  let rows = 0;
  for (const result of run.results.values()) {
    const totals = earlierTotals(earlier, run.job.ledger.state, open.splits, result.unit.partition);
    result.rowsRead = totals.rowsRead;
    result.rowsWritten = totals.rowsWritten;
    result.rowsSkipped = totals.rowsRead - totals.rowsWritten;
    result.digest = totals.digest ?? (totals.rowsWritten > 0 ? null : undefined);
    rows += totals.rowsRead;
  }
  return { rows };
}

/** Every unit exists and the mode is skip: nothing is touched, and the report shows both counts. */
function skipAll(run: Run, open: OpenCollection): void {
  for (const [i, { split, rows, partition }] of open.splits.entries()) {
    if (!(run.job.portion?.owns?.(open.task.name, i) ?? true)) continue;
    const result = run.results.get(partition ?? '')!;
    result.sources.push(split.source);
    result.rowsSkipped += rows;
  }
}

async function perform(run: Run, open: OpenCollection): Promise<RunStatus> {
  const { job } = run;
  const { portion } = job;
  for (const unit of open.plan.units) {
    run.results.set(unit.partition ?? '', newResult(unit));
    if (!unit.write) run.verified.set(unit.partition ?? '', { level: 'none', targetRows: unit.existingRows });
  }
  for (const message of open.warnings) warn(job, message);
  if (open.plan.units.every((u) => !u.write)) {
    skipAll(run, open);
    await portion?.ready?.(run, open, undefined);
    return 'skipped';
  }
  if (portion?.preflight && !continued(run)) {
    throw fail(
      'DST_UNFINISHED',
      `"${run.config.collection}" was left alone when the job was prepared, and is gone now`,
    );
  }
  const ids = await chooseIds(run, open);
  const known = await portion?.preflight?.(open.task.name);
  const pre = known ?? (await check(run, open, ids, bindRun(open.reader.schema, ids).ids));
  if (known) tellDuplicates(run, open, known);
  const lines = await prepare(run, open, pre, ids);
  if (portion?.ready) {
    await portion.ready(run, open, pre);
    return job.badRows.count > 0 ? 'partial' : 'done';
  }
  job.teller.phase('write');
  const bound = bindRun(open.reader.schema, ids, run.config.transforms, pre.dropped);
  const { steps } = bound;
  const { server } = open.writer;
  const fields = specsOf(steps.schema);
  job.emit({ type: 'collection', collection: run.config.collection, server, fields, units: open.plan.units });
  const checkFinite = run.config.options.preflight === 'headers';
  const finiteScalars = open.writer.finiteScalars ?? false;
  const pipeline = { ...bound, checkFinite, finiteScalars, badRows: job.badRows };
  await copy(run, open, pre, lines, pipeline);
  for (const loss of steps.losses()) if (loss.affected > 0) warn(job, loss.text);
  for (const message of open.reader.lateWarnings?.() ?? []) warn(job, message);
  if (!portion?.rowsOnly) {
    await open.writer.commit(job.teller);
    await verifyRun(run, open, pre, [silently(pipeline)]);
    await open.writer.settle(job.teller);
  }
  const status = job.badRows.count > 0 || portion?.setAside?.() ? 'partial' : 'done';
  await run.ledger.done({ status, bytes: run.bytes, targets: targetReports(run) });
  return status;
}

export function targetReports(run: Run): TargetReport[] {
  const { done } = run.ledger.earlier ?? {};
  if (done) return [...done.targets];
  return [...run.results].map(([name, r]) => ({
    source: [...new Set(r.sources)].join(', '),
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

/** Runs one collection from opening to verification, or tells what an earlier run has completed. Throws what fails. */
export async function runCollection(run: Run, task: CollectionTask, target: Target): Promise<RunStatus> {
  const { earlier } = run.ledger;
  if (earlier?.done) {
    run.bytes = earlier.done.bytes;
    run.job.emit({ type: 'log', message: `"${task.config.collection}" is complete since an earlier run of this job` });
    return earlier.done.status;
  }
  await using open = await openCollection(task, target, {
    exact: !run.job.portion?.rowsOnly,
    state: run.job.ledger.state,
    startOver: run.job.startOver(task.name),
  });
  return await perform(run, open);
}
