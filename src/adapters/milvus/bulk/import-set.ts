import type { Connection } from '../../../milvus/connection.js';
import { sleep } from '../../../util/abort.js';
import { formatCount, plural } from '../../../util/bytes.js';
import { fail, MilvusdmError } from '../../../util/errors.js';
import type { RetryPolicy } from '../../../util/retry.js';
import type { SetJournal } from '../../types.js';
import { beginImport, endOfImport, fateOf, type ImportOrder } from './import-task.js';

/** A failed import leaves nothing that anybody sees, so that it may be tried once more. */
const ATTEMPTS = 2;
const BETWEEN_MS = 1000;
/** After a call whose answer was lost: until it has been carried out or never will be. */
const QUIET_MS = 3000;

export interface SetImport extends ImportOrder {
  readonly name: string;
  readonly rows: number;
  readonly journal: SetJournal;
  readonly owns: (file: string) => boolean;
}

export interface ImportSetOptions {
  readonly log: (message: string) => void;
  /** Ends the waiting; the server goes on. */
  readonly signal?: AbortSignal;
}

/** Imports outlive the signal that ends the reading, as requests in flight do. */
export function policyFor(connection: Connection, signal: AbortSignal | undefined): RetryPolicy {
  const { signal: _, ...policy } = connection.retry;
  return { ...policy, ...(signal ? { signal } : {}) };
}

function isLost(thrown: unknown): boolean {
  return thrown instanceof MilvusdmError && (thrown.code === 'NET_UNAVAILABLE' || thrown.code === 'NET_DEADLINE');
}

/** Has the server import a set, exactly once. Throws DST_REFUSED with the server's reason, and NET_*. */
export async function importSet(connection: Connection, set: SetImport, o: ImportSetOptions): Promise<void> {
  const retry = policyFor(connection, o.signal);
  const wait = { retry, ...(o.signal ? { signal: o.signal } : {}) };
  for (let attempt = 1; ; attempt++) {
    let tasks: readonly bigint[];
    try {
      tasks = await beginImport(connection, set, wait);
    } catch (thrown) {
      if (!isLost(thrown) || attempt >= ATTEMPTS) throw thrown;
      o.log(`whether the server has begun to import ${set.name} is not known: it is asked`);
      await sleep(QUIET_MS, o.signal);
      const fate = await fateOf(connection, { collection: set.collection, tasks: [], owns: set.owns }, wait);
      if (fate === 'landed') return;
      continue;
    }
    await set.journal.started(set.name, tasks);
    const end = await endOfImport(connection, tasks, wait);
    if (end.state === 'done') {
      requireAll(set, end.rows);
      return;
    }
    const what = `the server could not import ${plural(set.rows, 'row')} into "${set.collection}" (task ${tasks.join(', ')}): ${end.reason}`;
    if (attempt >= ATTEMPTS) {
      throw fail('DST_REFUSED', `${what}; tried ${ATTEMPTS} times`, {
        hint: 'Check that bulk.storage is the bucket (and root_path) of the server itself, or for a local one that path and server_path are the same folder; or set write: insert.',
      });
    }
    o.log(`${what}; once more`);
    await sleep(BETWEEN_MS, o.signal);
  }
}

function requireAll(set: SetImport, rows: number): void {
  if (rows === set.rows) return;
  throw fail(
    'VERIFY_MISMATCH',
    `the server imported ${formatCount(rows)} rows of a set of ${formatCount(set.rows)} into "${set.collection}"`,
  );
}
