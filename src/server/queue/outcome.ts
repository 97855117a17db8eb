import { readFile } from 'node:fs/promises';
import type { SavedReport } from '../../job/saved-report.js';
import { fail } from '../../util/errors.js';
import { jobFiles } from '../state/folders.js';
import type { JobOutcome, JobState, StoredJob } from '../state/types.js';

const KEPT_WARNINGS = 200;
const KEPT_TARGETS = 500;

/** The report of an attempt; undefined when its process has left none. */
export async function readReport(server: string, id: string, attempt: number): Promise<SavedReport | undefined> {
  try {
    return JSON.parse(await readFile(jobFiles(server, id).report(attempt), 'utf8')) as SavedReport;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
}

/** What the list of jobs keeps of a report. */
export function outcomeOf(report: SavedReport): JobOutcome {
  return {
    error: report.error,
    warnings: report.warnings.slice(0, KEPT_WARNINGS),
    exit_code: report.exit_code,
    resumable: report.resumable,
    seconds: report.seconds,
    rows_written: report.targets.reduce((sum, t) => sum + t.rows_written, 0),
    bytes: report.bytes,
    targets: report.targets.slice(0, KEPT_TARGETS).map(({ collection, partition, rows_read, rows_written }) => {
      return { collection, partition, rows_read, rows_written };
    }),
    backup: report.backup?.name ?? null,
  };
}

/** Of a process that has ended without a report. */
export function lostOutcome(how: string, warnings: readonly string[]): JobOutcome {
  const { code, message, hint } = fail('SRV_WORKER', `the process of the job ended without a result (${how})`);
  const nothing = { seconds: 0, rows_written: 0, bytes: 0, targets: [], backup: null };
  return { error: { code, message, hint }, warnings, exit_code: 1, resumable: true, ...nothing };
}

/** The state that a job goes over to; `queued`: it continues with the next server. */
export function stateAfter(
  job: Pick<StoredJob, 'cancelled'>,
  status: SavedReport['status'] | undefined,
  stopping: boolean,
): JobState {
  const cutShort = status === undefined || status === 'interrupted';
  if (!cutShort) return status;
  if (job.cancelled) return 'cancelled';
  return stopping ? 'queued' : 'interrupted';
}
