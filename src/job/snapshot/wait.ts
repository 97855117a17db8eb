import { sleep } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { RestoreStatus, SnapshotKeeper } from './types.js';

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 2000;
/** A server that has just begun a restore may not know the job yet: it answers before the job is written down. */
const UNKNOWN_FOR_MS = 30_000;

/** The state of a restore that was begun just now; undefined while the server does not know it yet. */
export async function knownStatus(keeper: SnapshotKeeper, id: string): Promise<RestoreStatus | undefined> {
  try {
    return await keeper.restoreJob(id);
  } catch (thrown) {
    if (thrown instanceof MilvusdmError && thrown.code === 'SNAPSHOT_JOB_NOT_FOUND') return undefined;
    throw thrown;
  }
}

/** Throws SNAPSHOT_RESTORE_FAILED for a restore that failed. */
export function requireNotFailed(status: RestoreStatus): void {
  if (status.state !== 'failed') return;
  const reason = status.reason || 'the server gives no reason';
  throw fail(
    'SNAPSHOT_RESTORE_FAILED',
    `restore snapshot failed: job ${status.jobId} of "${status.snapshot}": ${reason}`,
  );
}

/**
 * Waits until a restore is over. Throws SNAPSHOT_RESTORE_FAILED with the reason, and SNAPSHOT_JOB_NOT_FOUND for a job that
 * nobody knows.
 * @param began whether the job was begun just now, so that the server may not know it yet
 */
export async function waitForRestore(
  keeper: SnapshotKeeper,
  id: string,
  o: {
    readonly signal: AbortSignal;
    readonly began: boolean;
    readonly onStatus: (status: RestoreStatus) => void;
  },
): Promise<RestoreStatus> {
  const started = Date.now();
  let seen = !o.began;
  for (let wait = FIRST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) {
    const mayBeUnknown = !seen && Date.now() - started < UNKNOWN_FOR_MS;
    const status = mayBeUnknown ? await knownStatus(keeper, id) : await keeper.restoreJob(id);
    if (status) {
      seen = true;
      o.onStatus(status);
      requireNotFailed(status);
      if (status.state === 'completed') return status;
    }
    await sleep(wait, o.signal);
  }
}
