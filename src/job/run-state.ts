import type { TaskConfig } from '../config/types.js';
import type { BadRows } from './bad-rows.js';
import type { CollectionLedger, Ledger } from './ledger/ledger.js';
import type { CollectionState } from './ledger/state.js';
import type { Emit, JobSignals, PhaseTeller } from './open-job.js';
import type { StartOver } from './restart.js';
import type { UnitResult } from './result.js';
import type { Verified } from './verify.js';

/** What all collections of a job share. */
export interface JobRun {
  readonly id: string;
  readonly signals: JobSignals;
  readonly emit: Emit;
  readonly teller: PhaseTeller;
  readonly badRows: BadRows;
  readonly warnings: string[];
  readonly runs: Run[];
  readonly ledger: Ledger;
  readonly startOver: (collection: string) => StartOver;
}

/** One collection of a running job: what it works with, and what is known of it so far. */
export interface Run {
  readonly job: JobRun;
  readonly config: TaskConfig;
  readonly ledger: CollectionLedger;
  readonly results: Map<string, UnitResult>;
  readonly verified: Map<string, Verified>;
  readonly digests: Map<string, string>;
  duplicates: number | null;
  bytes: number;
}

export function warn(job: JobRun, message: string): void {
  job.warnings.push(message);
  job.emit({ type: 'warning', message });
}

/** What an earlier run has left that is continued here: it had prepared the target. */
export function continued(run: Run): CollectionState | undefined {
  const { earlier } = run.ledger;
  return earlier?.target === undefined ? undefined : earlier;
}
