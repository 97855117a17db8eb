import type { Connection } from '../../../milvus/connection.js';
import { type ImportProgress, importProgress, listImports, startImport } from '../../../milvus/imports.js';
import { sleep } from '../../../util/abort.js';
import { fail, MilvusdmError } from '../../../util/errors.js';
import type { RetryPolicy } from '../../../util/retry.js';
import type { SetFate } from '../../types.js';

const FIRST_POLL_MS = 500;
const LONGEST_POLL_MS = 4000;
/** An import that stands still for so long is given up. */
const STALL_MS = 30 * 60_000;
/** Looked at in the server's list: more imports than a job of ours can have begun lately. */
const LISTED = 10_000;

/** Files that the server is to import, by the names under which it knows them. */
export interface ImportOrder {
  readonly collection: string;
  /** '' for the default one, and where a partition key decides. */
  readonly partition: string;
  readonly files: readonly string[];
}

export interface WaitOptions {
  /** Ends the waiting; the import goes on. */
  readonly signal?: AbortSignal;
  readonly retry: RetryPolicy;
}

/** Begins an import. Throws DST_* and NET_* errors; after NET_* nobody knows whether it has begun. */
export async function beginImport(
  connection: Connection,
  order: ImportOrder,
  { retry }: WaitOptions,
): Promise<readonly bigint[]> {
  const tasks = await startImport(connection, { ...order, options: {} }, retry);
  if (tasks.length === 0) throw fail('DST_REFUSED', `the server began no import into "${order.collection}"`);
  return tasks;
}

/** Waits until an import has ended, asking less often the longer it takes. Throws NET_DEADLINE when it stands still. */
export async function endOfImport(
  connection: Connection,
  tasks: readonly bigint[],
  o: WaitOptions,
): Promise<ImportProgress> {
  let [seen, moved] = ['', Date.now()];
  for (let wait = FIRST_POLL_MS; ; wait = Math.min(wait * 1.2, LONGEST_POLL_MS)) {
    await sleep(wait, o.signal);
    const all = await Promise.all(tasks.map((task) => importProgress(connection, task, o.retry)));
    const failed = all.find(({ state }) => state === 'failed');
    if (failed) return failed;
    const rows = all.reduce((sum, one) => sum + one.rows, 0);
    if (all.every(({ state }) => state === 'done')) return { state: 'done', rows, percent: 100, reason: '' };
    const now = all.map(({ state, rows, percent }) => `${state} ${rows} ${percent}`).join('; ');
    if (now !== seen) [seen, moved] = [now, Date.now()];
    if (Date.now() - moved > STALL_MS) {
      throw fail('NET_DEADLINE', `import ${tasks.join(', ')} stands still for ${STALL_MS / 60_000} minutes (${now})`, {
        hint: 'Look at the data nodes of the server; the same command continues.',
      });
    }
  }
}

export interface EarlierImport {
  readonly collection: string;
  /** Tasks that the server had named; none where its answer was lost or it was never asked. */
  readonly tasks: readonly bigint[];
  /** Whether a file that the server was given belongs to the set. */
  readonly owns: (file: string) => boolean;
}

/** Whether a task is known still; servers forget them after a day or so. */
async function isKnown(connection: Connection, task: bigint, retry: RetryPolicy): Promise<boolean> {
  try {
    await importProgress(connection, task, retry);
    return true;
  } catch (thrown) {
    if (thrown instanceof MilvusdmError && thrown.code === 'DST_REFUSED') return false;
    throw thrown;
  }
}

/**
 * Finds out, for files that a run which died may have handed over, whether their rows are there: by its tasks, and by the files
 * of all tasks that the server remembers for the collection. Waits for one that is under way.
 */
export async function fateOf(connection: Connection, earlier: EarlierImport, o: WaitOptions): Promise<SetFate> {
  const listed = await listImports(connection, earlier.collection, LISTED, o.retry);
  const named = new Set(earlier.tasks);
  for (const { task, files } of listed) if (files.some(earlier.owns)) named.add(task);
  let unknown = false;
  for (const task of named) {
    if (!(await isKnown(connection, task, o.retry))) unknown = true;
    else if ((await endOfImport(connection, [task], o)).state === 'done') return 'landed';
  }
  return unknown ? 'unknown' : 'missing';
}
