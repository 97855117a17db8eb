/** A collection and its database; `default` where the server has no databases. */
export interface CollectionRef {
  readonly db: string;
  readonly collection: string;
}

/** Names of snapshots are unique in their collection, not beyond it. */
export interface SnapshotRef extends CollectionRef {
  readonly name: string;
}

/**
 * `native`: Milvus 3.0 keeps it and protects the files that it refers to. `self-contained`: an older server's files,
 * copied to a place of their own, which nobody but milvusdm knows.
 */
export type SnapshotKind = 'native' | 'self-contained';

export interface SnapshotInfo extends SnapshotRef {
  readonly kind: SnapshotKind;
  readonly description: string;
  readonly partitions: readonly string[];
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Where its metadata lies: a key in the server's store, or a URI. */
  readonly location: string;
  /** What is known without the server: of self-contained ones, and of native ones whose store is reachable. */
  readonly rows?: bigint;
  readonly bytes?: number;
  readonly segments?: number;
  /** Pinned ones are not dropped. */
  readonly pins?: number;
}

export interface CreateSnapshot extends SnapshotRef {
  readonly description: string;
  /** Seconds during which the server is to leave the segments uncompacted; native snapshots alone. */
  readonly compactionProtection?: number;
  readonly flush: boolean;
}

export interface RestoreSnapshot {
  readonly from: SnapshotRef;
  readonly to: CollectionRef;
}

export type RestoreState = 'pending' | 'executing' | 'completed' | 'failed';

/** An asynchronous restore. */
export interface RestoreStatus {
  /** Of the server, or of the state folder for restores of self-contained snapshots. */
  readonly jobId: string;
  readonly snapshot: string;
  readonly to: CollectionRef;
  readonly state: RestoreState;
  /** 0 to 100. */
  readonly progress: number;
  /** Why it failed; '' otherwise. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly started: number;
  /** Milliseconds. */
  readonly timeCost: number;
}

/**
 * What keeps the snapshots of one server: Milvus 3.0 itself, or milvusdm in the store of an older server. Throws DST_*,
 * NET_* and SNAPSHOT_* errors. The caller disposes of it.
 */
export interface SnapshotKeeper extends AsyncDisposable {
  readonly kind: SnapshotKind;
  /** What users should know about snapshots of this kind, e.g. that creation copies all data. */
  readonly notes: readonly string[];
  create(request: CreateSnapshot): Promise<SnapshotInfo>;
  /** Of one collection, or of all collections of a database, or of all databases. */
  list(of: { readonly db?: string; readonly collection?: string }): Promise<readonly SnapshotInfo[]>;
  describe(ref: SnapshotRef): Promise<SnapshotInfo>;
  drop(ref: SnapshotRef): Promise<void>;
  /** Starts a restore, and gives its job's id. */
  restore(request: RestoreSnapshot): Promise<string>;
  restoreJob(id: string): Promise<RestoreStatus>;
  restoreJobs(of: { readonly db?: string; readonly collection?: string }): Promise<readonly RestoreStatus[]>;
}
