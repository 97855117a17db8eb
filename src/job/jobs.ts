import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { MilvusdmError } from '../util/errors.js';
import { commandFor } from './command.js';
import { isRunning, jobsFolder, ledgerPath, readState } from './ledger/ledger.js';
import type { LedgerState } from './ledger/state.js';

/** A job that is under way or can be continued. */
export interface UnfinishedJob {
  readonly job_id: string;
  /** damaged: its ledger cannot be used, only --restart helps. */
  readonly state: 'running' | 'resumable' | 'damaged';
  readonly task: string | null;
  /** Target collections that were begun. */
  readonly collections: readonly string[];
  /** UTC, ISO 8601: start of its first run, and its last sign of life. */
  readonly started: string | null;
  readonly last_note: string;
  /** Rows settled, of those in collections that were begun. */
  readonly rows_done: number;
  readonly rows: number;
  /** The command that continues it; null where the task did not come from a file. */
  readonly command: string | null;
}

const SUFFIX = '.ledger.jsonl';

function rowsOf(state: LedgerState): { done: number; all: number } {
  let [done, all] = [0, 0];
  for (const { splits, done: complete } of state.collections.values()) {
    for (const split of splits) {
      all += split.rows;
      done += complete ? split.rows : split.acked.count;
    }
  }
  return { done, all };
}

/** Undefined for a job that is complete in the meantime. */
async function describe(id: string): Promise<UnfinishedJob | undefined> {
  const found = await stat(ledgerPath(id)).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined;
    throw thrown;
  });
  if (!found) return undefined;
  const last_note = found.mtime.toISOString();
  const running = await isRunning(id);
  try {
    const { state, lastNote } = await readState(id);
    if (lastNote === 0) return undefined;
    const { done, all } = rowsOf(state);
    const file = state.job?.file ?? null;
    return {
      job_id: id,
      state: running ? 'running' : 'resumable',
      task: state.job?.task ?? null,
      collections: [...state.collections.values()].map((c) => c.begin.into),
      started: state.job?.started ?? null,
      last_note,
      rows_done: done,
      rows: all,
      command: file === null ? null : commandFor(file),
    };
  } catch (thrown) {
    if (!(thrown instanceof MilvusdmError) || thrown.code !== 'JOB_DAMAGED') throw thrown;
    const nothing = { task: null, collections: [], started: null, rows_done: 0, rows: 0, command: null };
    return { job_id: id, state: 'damaged', last_note, ...nothing };
  }
}

/** Jobs of this state folder that have begun to write and are not complete, latest first. Changes nothing. */
export async function unfinishedJobs(): Promise<UnfinishedJob[]> {
  const names = existsSync(jobsFolder()) ? await readdir(jobsFolder()) : [];
  const jobs: UnfinishedJob[] = [];
  for (const name of names.filter((one) => one.endsWith(SUFFIX))) {
    const job = await describe(name.slice(0, -SUFFIX.length));
    if (job) jobs.push(job);
  }
  return jobs.sort((a, b) => (a.last_note < b.last_note ? 1 : -1));
}
