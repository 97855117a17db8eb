import { createHash } from 'node:crypto';
import type { SnapshotConfig } from '../../config/types.js';
import { interrupted, rejectAfterAbort } from '../../util/abort.js';
import { MilvusdmError, toMilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import { placeOf } from '../job-id.js';
import { type Job, jobOf } from '../job-shell.js';
import type { Emit, JobSignals } from '../open-job.js';
import { errorReport, REPORT_VERSION, type Report } from '../report.js';
import type { ActionContext } from './context.js';
import type { SnapshotReport } from './report.js';

const KILL_GRACE_MS = 1000;

/** Twelve hexadecimal digits of what is done to which snapshot of which server; not of secrets and tuning. */
export function snapshotJobId({ endpoint, action, db, collection, name, to, jobId }: SnapshotConfig): string {
  const key = [placeOf(endpoint), action, db, collection, name, to, jobId];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12);
}

/** Opens the keeper, and gives what `use` makes of it. */
async function withKeeper<T>(
  config: SnapshotConfig,
  { emit, signal, warn }: Pick<ActionContext, 'emit' | 'signal' | 'warn'>,
  use: (context: ActionContext) => Promise<T>,
): Promise<T> {
  emit({ type: 'phase', phase: 'connect' });
  const { openKeeper } = await import('./open-keeper.js');
  const { endpoint, storage } = config;
  await using open = await openKeeper(storage === undefined ? { endpoint } : { endpoint, storage }, {
    log: (message) => emit({ type: 'log', message }),
    warn,
    signal,
    retryForMs: config.retryFor * 1000,
    // Bytes are what is copied when a snapshot is made; an import is told in rows.
    onProgress: (done, total) =>
      emit({ type: 'progress', phase: 'copy', done, total, bytes: config.action === 'create' ? done : 0 }),
  });
  return await use({ config, open, emit, signal, warn, now: Date.now() });
}

interface Outcome {
  readonly snapshot: SnapshotReport;
  readonly targets: Report['targets'];
  readonly partial: boolean;
}

async function act(config: SnapshotConfig, o: Pick<ActionContext, 'emit' | 'signal' | 'warn'>): Promise<Outcome> {
  const { takeAction } = await import('./actions.js');
  return await withKeeper(config, o, async (context) => {
    const { targets = [], partial = false, notes = [], ...found } = await takeAction(context);
    const { keeper, address } = context.open;
    const all = [...keeper.notes, ...notes];
    return {
      snapshot: { action: config.action, keeper: keeper.kind, server: address, notes: all, ...found },
      targets,
      partial,
    };
  });
}

async function execute(config: SnapshotConfig, id: string, signals: JobSignals, emit: Emit): Promise<Report> {
  const began = performance.now();
  const warnings: string[] = [];
  const warn = (message: string): void => {
    warnings.push(message);
    emit({ type: 'warning', message });
  };
  let outcome: Outcome | undefined;
  let error: MilvusdmError | undefined;
  try {
    const acting = act(config, { emit, signal: signals.stop, warn });
    outcome = await Promise.race([acting, rejectAfterAbort(signals.kill, KILL_GRACE_MS)]);
  } catch (thrown) {
    const own = thrown instanceof MilvusdmError;
    error = signals.stop.aborted && !own ? interrupted() : toMilvusdmError(thrown);
  }
  const failed = error?.code === 'INTERRUPTED' ? 'interrupted' : 'failed';
  const done = outcome?.partial ? 'partial' : 'done';
  return {
    version: REPORT_VERSION,
    task: 'SNAPSHOT',
    status: error ? failed : done,
    exit_code: error?.exitCode ?? (outcome?.partial ? EXIT.partial : EXIT.ok),
    job_id: id,
    resumable: false,
    targets: outcome?.targets ?? [],
    warnings,
    error: error ? errorReport(error) : null,
    seconds: Math.round(performance.now() - began) / 1000,
    bytes: outcome?.snapshot.snapshot?.bytes ?? 0,
    ...(outcome ? { snapshot: outcome.snapshot } : {}),
  };
}

/** A SNAPSHOT as a job: the same object as those that move rows. */
export function createSnapshotJob(config: SnapshotConfig): Job {
  const id = snapshotJobId(config);
  return jobOf(id, {
    async plan({ stop: signal }, emit) {
      const { planSnapshot } = await import('./plan.js');
      const warn = (message: string): void => emit({ type: 'warning', message });
      return await withKeeper(config, { emit, signal, warn }, (context) => planSnapshot(context, id));
    },
    run: (signals, emit) => execute(config, id, signals, emit),
  });
}
