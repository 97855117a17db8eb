import type { ObjectStore } from '../../store/types.js';
import { anySignal } from '../../util/abort.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { Emit, JobSignals } from '../open-job.js';
import { errorReport, type Report } from '../report.js';
import { LIFE_MS, takeStoreLock } from './lock.js';

/** Work that is done while a lock of the shared place is held. */
export interface Held {
  /** The signals of the job; both are given, too, when the lock is lost. */
  readonly signals: JobSignals;
  /** The report, which says so where the lock was lost. */
  judged(report: Report): Report;
}

function lostError(what: string, store: ObjectStore): MilvusdmError {
  return fail(
    'JOB_RUNNING',
    `${what} has been stopped: its lock in ${store.name} could not be renewed for ${LIFE_MS / 2000} s, and others may hold it now`,
    { hint: 'Run the same command again; what has arrived is not written again.' },
  );
}

/** Does work under a lock. Throws JOB_RUNNING while another process has it. */
export async function whileHeld<T>(
  store: ObjectStore,
  o: { readonly folder: string; readonly what: string },
  { signals, emit }: { readonly signals: JobSignals; readonly emit: Emit },
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const log = (message: string): void => emit({ type: 'log', message });
  await using lock = await takeStoreLock(store, { ...o, log, signal: signals.stop });
  return await work({
    signals: { stop: anySignal(signals.stop, lock.lost), kill: anySignal(signals.kill, lock.lost) },
    judged(report) {
      if (!lock.lost.aborted || report.error?.code !== 'INTERRUPTED') return report;
      const error = lostError(o.what, store);
      return { ...report, status: 'failed', exit_code: error.exitCode, error: errorReport(error) };
    },
  });
}
