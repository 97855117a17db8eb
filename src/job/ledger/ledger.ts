import { existsSync } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep } from '../../util/abort.js';
import { toMilvusdmError } from '../../util/errors.js';
import { stateFolder } from '../../util/home.js';
import { damaged, type LedgerFile, lengthPath, openLedgerFile, readLedger } from './file.js';
import {
  type AckLine,
  type AheadLine,
  type BeginLine,
  type DoneLine,
  type ImportLine,
  LEDGER_VERSION,
  type LedgerLine,
} from './lines.js';
import { isLocked, takeLock } from './lock.js';
import { type CollectionState, createLedgerState, type LedgerState } from './state.js';

/** Folder of the ledgers and locks of all jobs. */
export function jobsFolder(): string {
  return join(stateFolder(), 'jobs');
}

export function ledgerPath(id: string): string {
  return join(jobsFolder(), `${id}.ledger.jsonl`);
}

function lockPath(id: string): string {
  return join(jobsFolder(), `${id}.lock`);
}

async function removeLedger(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(lengthPath(path), { force: true });
}

/** Whether a run of the job is under way. */
export function isRunning(id: string): Promise<boolean> {
  return isLocked(lockPath(id));
}

/** Notes of one collection of a run. Every function resolves when the note is on the disk, and throws ENV_STATE. */
export interface CollectionLedger {
  /** What an earlier run has left, unless it is finished with. */
  readonly earlier: CollectionState | undefined;
  begin(line: Omit<BeginLine, 't' | 'c'>): Promise<void>;
  prepared(target: string): Promise<void>;
  ahead(line: Omit<AheadLine, 't' | 'c'>): Promise<void>;
  imports(line: Omit<ImportLine, 't' | 'c'>): Promise<void>;
  ack(line: Omit<AckLine, 't' | 'c'>): Promise<void>;
  done(line: Omit<DoneLine, 't' | 'c'>): Promise<void>;
}

/**
 * What a job has done so far, on the disk in `$MILVUSDM_PATH/jobs`: it outlives any death of the process, so that the same
 * command goes on where it ended. There is no file before the first collection begins, and none after the job is complete.
 */
export interface Ledger extends AsyncDisposable {
  /** What an earlier run has left. */
  readonly state: LedgerState;
  /** UTC start of the job's first run, ISO 8601. */
  readonly started: string;
  /** Resolves when so much time has passed since the earlier run's last note. */
  quiet(ms: number, signal: AbortSignal): Promise<void>;
  /** Whether there is something to continue now. */
  readonly exists: boolean;
  /** Nothing of it outlives the run: what is cut short is begun anew. */
  readonly transient: boolean;
  collection(name: string): CollectionLedger;
  /** The job is complete: the file goes. */
  complete(): Promise<void>;
}

export interface LedgerOptions {
  readonly id: string;
  readonly task: string;
  /** The YAML file, as an absolute path. */
  readonly file: string | undefined;
}

/** Reads the ledger of a job; an empty state where there is none. Throws JOB_DAMAGED. */
export async function readState(id: string): Promise<{ state: LedgerState; bytes: number; lastNote: number }> {
  const path = ledgerPath(id);
  const state = createLedgerState();
  try {
    const { mtimeMs: lastNote } = await stat(path);
    const { bytes } = await readLedger(path, (line) => {
      const wrong = state.take(line);
      if (wrong !== undefined) throw damaged(path, wrong);
    });
    if (state.job && state.job.job !== id) throw damaged(path, `it is of job ${state.job.job}`);
    return { state, bytes, lastNote };
  } catch (thrown) {
    // None, or gone while it was looked at: its job is complete.
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    return { state: createLedgerState(), bytes: 0, lastNote: 0 };
  }
}

/** What can be read of the ledger of a job that is to start over, however damaged the rest of it. */
async function readWhatCanBeRead(id: string): Promise<LedgerState> {
  const state = createLedgerState();
  try {
    if (existsSync(ledgerPath(id))) await readLedger(ledgerPath(id), (line) => void state.take(line));
  } catch (thrown) {
    if (toMilvusdmError(thrown).code !== 'JOB_DAMAGED') throw thrown;
  }
  return state;
}

/**
 * Takes the job's lock and opens its ledger. Throws JOB_RUNNING when another process runs the same job, JOB_DAMAGED when the
 * ledger is not as it was written, ENV_STATE. The caller disposes of it, which gives the lock back.
 * @param restart begin anew; what the earlier run has left is told by the second result
 */
export async function openLedger(
  o: LedgerOptions,
  restart: boolean,
): Promise<{ ledger: Ledger; abandoned: LedgerState | undefined }> {
  const path = ledgerPath(o.id);
  const lock = await takeLock(lockPath(o.id));
  try {
    const abandoned = restart && existsSync(path) ? await readWhatCanBeRead(o.id) : undefined;
    if (restart) await removeLedger(path);
    return { ledger: await newLedger(o, path, await readState(o.id), lock), abandoned };
  } catch (thrown) {
    await lock[Symbol.asyncDispose]();
    throw thrown;
  }
}

async function newLedger(
  o: LedgerOptions,
  path: string,
  { state, bytes, lastNote }: Awaited<ReturnType<typeof readState>>,
  lock: AsyncDisposable,
): Promise<Ledger> {
  return ledgerOver(o, {
    state,
    lastNote,
    file: state.job ? await openLedgerFile(path, bytes) : undefined,
    create: () => openLedgerFile(path, 0),
    remove: () => removeLedger(path),
    lock,
  });
}

/** Where the lines of a ledger are. */
export interface LedgerPlace {
  /** What they say so far. */
  readonly state: LedgerState;
  /** When the last one was noted, in milliseconds; 0 where there is none. */
  readonly lastNote: number;
  /** Where the next ones go, unless there is none so far. */
  readonly file: LedgerFile | undefined;
  /** Makes an empty one. */
  create(): Promise<LedgerFile>;
  /** The job is complete. */
  remove(): Promise<void>;
  /** As in {@link Ledger}; false where absent. */
  readonly transient?: boolean;
  /** Given back with the ledger. */
  readonly lock: AsyncDisposable;
}

/** A ledger over lines that are anywhere. The caller disposes of it. */
export function ledgerOver(o: LedgerOptions, { state, lastNote, lock, ...place }: LedgerPlace): Ledger {
  const started = state.job?.started ?? new Date().toISOString();
  let { file } = place;

  async function append(line: LedgerLine): Promise<void> {
    if (!file) {
      file = await place.create();
      void file
        .append({ t: 'job', v: LEDGER_VERSION, job: o.id, task: o.task, file: o.file ?? null, started })
        .catch(() => {});
    }
    await file.append(line);
  }

  return {
    state,
    started,
    transient: place.transient ?? false,
    async quiet(ms, signal) {
      const left = lastNote + ms - Date.now();
      // A clock that was set back makes nobody wait for longer than was asked.
      if (left > 0) await sleep(Math.min(left, ms), signal);
    },
    get exists() {
      return file !== undefined && !place.transient;
    },
    collection(name) {
      const earlier = state.collections.get(name);
      return {
        earlier,
        begin: (line) => append({ t: 'begin', c: name, ...line }),
        prepared: (target) => append({ t: 'prepared', c: name, target }),
        ahead: (line) => append({ t: 'ahead', c: name, ...line }),
        imports: (line) => append({ t: 'import', c: name, ...line }),
        ack: (line) => append({ t: 'ack', c: name, ...line }),
        done: (line) => append({ t: 'done', c: name, ...line }),
      };
    },
    async complete() {
      await file?.[Symbol.asyncDispose]();
      file = undefined;
      await place.remove();
    },
    async [Symbol.asyncDispose]() {
      await file?.[Symbol.asyncDispose]();
      await lock[Symbol.asyncDispose]();
    },
  };
}
