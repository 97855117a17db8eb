import type { Reader } from '../adapters/types.js';
import type { TaskConfig } from '../config/types.js';
import type { BadRows } from './bad-rows.js';
import type { CollectionLedger, Ledger } from './ledger/ledger.js';
import type { UnitLine } from './ledger/lines.js';
import type { CollectionState } from './ledger/state.js';
import type { Emit, JobSignals, OpenCollection, PhaseTeller } from './open-job.js';
import type { Preflight } from './preflight.js';
import type { Profile } from './profile.js';
import type { StartOver } from './restart.js';
import type { UnitResult } from './result.js';
import type { Verified } from './verify.js';

/** The part of a job that one of several machines does. What is absent is done as for a job of one machine. */
export interface Portion {
  /** The reader with its splits as the parts that are dealt out; the given one becomes its own. */
  divide(collection: string, reader: Reader): Promise<Reader>;
  /** What has been found by the preflight that is made once for all. */
  preflight?(collection: string): Promise<Preflight>;
  /** Throws what cannot be done by several machines at a time, before anything is changed. */
  refuse?(run: Run, open: OpenCollection, units: readonly UnitLine[], preflight: Preflight): void;
  /** The target is ready, or nothing is to be written to it; the run of the collection ends here. */
  ready?(run: Run, open: OpenCollection, preflight: Preflight | undefined): Promise<void>;
  /** Whether a split is written here. */
  owns?(collection: string, split: number): boolean;
  /** All rows have arrived: no index is built and nothing verified here. */
  readonly rowsOnly?: boolean;
  /** Another machine has set rows aside. */
  setAside?(): boolean;
  /** The run ends; `complete`: all collections have had their turn, and none has failed. */
  ended?(job: JobRun, complete: boolean): Promise<void>;
}

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
  readonly portion: Portion | undefined;
  readonly profile: Profile | undefined;
}

/** One collection of a running job: what it works with, and what is known of it so far. */
export interface Run {
  readonly job: JobRun;
  /** The collection of the source, '' for files. */
  readonly source: string;
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
