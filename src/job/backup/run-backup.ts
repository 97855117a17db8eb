import { join } from 'node:path';
import { defaultBackupName } from '../../backup/names.js';
import type { BackupConfig } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { anySignal, interrupted, rejectAfterAbort } from '../../util/abort.js';
import { createDisposables } from '../../util/disposables.js';
import { fail, MilvusdmError, toMilvusdmError } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import { stateFolder } from '../../util/home.js';
import { commandFor } from '../command.js';
import type { Emit, JobSignals } from '../open-job.js';
import { type BackupReport, errorReport, REPORT_VERSION, type Report } from '../report.js';
import type { BackupResult, PreparedBackup } from './context.js';
import { isWhole, prepareBackup, requirePlace } from './prepare.js';
import { lockServer } from './server-lock.js';
import { nameMemory } from './state.js';
import { backUp } from './strategies.js';

const KILL_GRACE_MS = 1000;

/** Where all who back the server up find each other: its own store where that can be written, else the state folder. */
async function withLock(prepared: PreparedBackup, o: Parameters<typeof lockServer>[1]): Promise<AsyncDisposable> {
  if (prepared.source) {
    try {
      return await lockServer(prepared.source, o);
    } catch (thrown) {
      const { code } = toMilvusdmError(thrown);
      if (code !== 'STORE_AUTH' && code !== 'STORE_REFUSED') throw thrown;
      o.log(`${prepared.source.name} cannot be written, so that the lock of the server is in the state folder`);
    }
  }
  const place = prepared.server.address.replace(/[^A-Za-z0-9.]/g, '_');
  await using stack = createDisposables();
  const store: ObjectStore = stack.use(
    await openStore({ type: 'local', path: join(stateFolder(), 'servers', place) }, { create: true }),
  );
  stack.use(await lockServer(store, o));
  return stack.release();
}

interface Outcome {
  readonly report?: BackupReport;
  readonly rows: ReadonlyMap<string, number>;
  readonly bytes: number;
}

function reportOf(prepared: PreparedBackup, result: BackupResult): BackupReport {
  const { config, name, dest, strategy } = prepared;
  const { files, bytes, copied, fromBase, reused, leftOut, checksums } = result;
  return {
    name,
    store: dest.name,
    strategy,
    type: isWhole(config) ? 'CLUSTER' : 'COLLECTION',
    base: config.base ?? null,
    linked: config.link,
    collections: prepared.collections.length,
    files,
    bytes,
    copied: { ...copied },
    from_base: { ...fromBase },
    reused: { ...reused },
    checksums,
    left_out: leftOut,
  };
}

export interface RunContext {
  readonly config: BackupConfig;
  readonly id: string;
  readonly signals: JobSignals;
  readonly emit: Emit;
  readonly warnings: string[];
}

async function runBackup({ config, id, signals, emit, warnings }: RunContext): Promise<Outcome> {
  const { restart = false } = config;
  const started = new Date();
  const memory = nameMemory(id);
  const names = { begun: await memory.recall(), fresh: defaultBackupName(started) };
  const lost = new AbortController();
  let failure: MilvusdmError | undefined;
  const signal = anySignal(signals.stop, lost.signal);
  const warn = (message: string): void => {
    warnings.push(message);
    emit({ type: 'warning', message });
  };
  try {
    await using opened = await prepareBackup(config, { names, emit, signal, restart, write: true });
    const { name, dest, strategy } = opened;
    for (const message of opened.warnings) warn(message);
    await using _ = await withLock(opened, {
      kind: config.kind,
      backup: name,
      log: (message) => emit({ type: 'log', message }),
      onLost(error) {
        failure = error;
        lost.abort();
      },
    });
    // Whoever held the lock until now may have ended what looked unfinished before.
    const unfinished = await requirePlace(dest, name, strategy, signal);
    const prepared = { ...opened, unfinished: restart ? undefined : unfinished };
    if (config.name === undefined) await memory.keep(name);
    const result = await backUp({ prepared, emit, signal, started, warn });
    if (config.name === undefined) await memory.forget();
    for (const { key, reason } of result.leftOut) warn(`left out: ${key}, ${reason}`);
    return { report: reportOf(prepared, result), rows: result.rows, bytes: result.bytes };
  } catch (thrown) {
    throw failure ?? thrown;
  }
}

/** The error with the next step of somebody whose backup can be gone on with. */
function withContinuation(error: MilvusdmError, config: BackupConfig): MilvusdmError {
  const command = config.file === undefined ? 'the same command' : commandFor(config.file);
  if (error.code === 'INTERRUPTED') {
    const hint = `To continue: ${command}, which takes over the files that are copied already.`;
    return fail(
      error.code,
      'the backup was stopped before it was complete; what there is of it does not count as one',
      {
        hint,
      },
    );
  }
  return error;
}

/** Runs a backup from opening to report. A failure is part of the report, never thrown. */
export async function executeBackup(context: RunContext): Promise<Report> {
  const { config, id, signals, warnings } = context;
  const began = performance.now();
  let outcome: Outcome = { rows: new Map(), bytes: 0 };
  let error: MilvusdmError | undefined;
  try {
    outcome = await Promise.race([runBackup(context), rejectAfterAbort(signals.kill, KILL_GRACE_MS)]);
  } catch (thrown) {
    const stopped = signals.stop.aborted && !(thrown instanceof MilvusdmError && thrown.code !== 'INTERRUPTED');
    error = withContinuation(stopped ? interrupted() : toMilvusdmError(thrown), config);
  }
  const failed = error?.code === 'INTERRUPTED' ? 'interrupted' : 'failed';
  return {
    version: REPORT_VERSION,
    task: 'BACKUP',
    status: error ? failed : 'done',
    exit_code: error?.exitCode ?? EXIT.ok,
    job_id: id,
    resumable: error?.code === 'INTERRUPTED' || error?.exitCode === EXIT.network,
    targets: [...outcome.rows].map(([collection, rows]) => ({
      source: collection,
      collection,
      partition: null,
      rows_read: rows,
      rows_written: rows,
      rows_skipped: 0,
      duplicates: null,
      verified: 'none',
      digest: null,
      target_rows: null,
    })),
    warnings,
    error: error ? errorReport(error) : null,
    seconds: Math.round(performance.now() - began) / 1000,
    bytes: outcome.bytes,
    ...(outcome.report ? { backup: outcome.report } : {}),
  };
}
