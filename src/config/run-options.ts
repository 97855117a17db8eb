export interface RateLimit {
  readonly rowsPerSecond?: number;
  readonly bytesPerSecond?: number;
}

export interface RunOptions {
  readonly idStart?: bigint | 'auto';
  readonly idOffset: bigint;
  /** Offsets by source collection, where a merge needs different ones. */
  readonly idOffsets?: Readonly<Record<string, bigint>>;
  readonly newIds: boolean;
  readonly preflight: 'full' | 'headers';
  readonly verify: 'none' | 'count' | 'sample' | 'full';
  readonly batchBytes: number;
  readonly parallelism: number;
  /** `parallelism` and `batchBytes` are fixed and not only bounds. */
  readonly tuning?: 'off';
  readonly maxRate?: RateLimit;
  readonly onDuplicateId: 'keep' | 'first' | 'last' | 'error';
  readonly onBadRow: 'error' | 'quarantine';
  /** Largest number of rows that may be set aside before the run is refused. */
  readonly quarantineLimit: number;
  /** Seconds for which an unreachable or busy server is tried again before the run gives up (exit 5). */
  readonly retryFor: number;
  /** Start over, also when an earlier run of this job can be continued (`--restart`). */
  readonly restart?: boolean;
  /** Measure where the time goes (`--profile`). */
  readonly profile?: boolean;
  /** Several collections: whether the others go on when one fails; continue where absent. */
  readonly onError?: 'continue' | 'stop';
  /** Which part of its job a run writes, where several do that at a time (`--shard`). */
  readonly part?: string;
  /** Rehearsal: only the first N rows of the run (`--limit`). */
  readonly limit?: number;
}
