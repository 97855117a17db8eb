import type { MilvusEndpoint, StorageConfig } from './places.js';
import type { RunOptions } from './run-options.js';

/** What a SNAPSHOT does. */
export type SnapshotAction = 'create' | 'list' | 'describe' | 'drop' | 'restore' | 'jobs' | 'job' | 'prune';

/** A validated SNAPSHOT task. What its action needs is there, as the rules have checked. */
export interface SnapshotConfig {
  readonly task: 'SNAPSHOT';
  /** As in {@link TaskConfig}. */
  readonly file?: string;
  readonly action: SnapshotAction;
  /** Without a database: every call names its own. */
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data; absent where that is out of reach. */
  readonly storage?: StorageConfig;
  /** Database of the collection: all of them, or `default`, where absent. */
  readonly db?: string;
  readonly collection?: string;
  readonly name?: string;
  readonly description: string;
  /** Have the server write out what it holds in memory first. */
  readonly flush: boolean;
  /** Seconds; 0 for none. */
  readonly compactionProtection: number;
  /** Where a snapshot is restored to; `db` is that of the source where absent. */
  readonly to?: { readonly db?: string; readonly collection: string };
  /** Stay until a restore is over, and verify it. */
  readonly wait: boolean;
  readonly verify: RunOptions['verify'];
  readonly jobId?: string;
  readonly keepLast?: number;
  readonly olderThanMs?: number;
  /** Of `prune`: do it; otherwise only say what would go. */
  readonly apply: boolean;
  /** As in {@link RunOptions}. */
  readonly retryFor: number;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
}
