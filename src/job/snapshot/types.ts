import type { MilvusEndpoint, StorageConfig } from '../../config/types.js';

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

/** What a collection was like. */
export interface SnapshotShape {
  /** Who says so: the snapshot itself, or its collection as it is now, where nobody can read the snapshot's own metadata. */
  readonly source: 'snapshot' | 'collection';
  readonly fields: readonly { readonly name: string; readonly type: string; readonly primaryKey: boolean }[];
  readonly indexes: readonly { readonly field: string; readonly type: string; readonly metric: string }[];
  readonly shards: number;
  readonly properties: Readonly<Record<string, string>>;
}

export interface SnapshotDetails extends SnapshotInfo {
  /** Undefined where neither the snapshot's metadata can be read nor its collection exists any more. */
  readonly shape?: SnapshotShape;
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
  /** Throws SNAPSHOT_NOT_FOUND. */
  describe(ref: SnapshotRef): Promise<SnapshotDetails>;
  /** Throws SNAPSHOT_NOT_FOUND, and SNAPSHOT_PINNED for one that is not to be dropped. */
  drop(ref: SnapshotRef): Promise<void>;
  /** Bytes that dropping a snapshot would free; undefined where nobody can tell. */
  freedBy(ref: SnapshotRef): Promise<number | undefined>;
  /**
   * Starts a restore, and gives its job's id; where no server goes on with it by itself, only when all is restored. Throws
   * SNAPSHOT_NOT_FOUND and SNAPSHOT_TARGET_EXISTS.
   */
  restore(request: RestoreSnapshot): Promise<string>;
  /** Throws SNAPSHOT_JOB_NOT_FOUND. */
  restoreJob(id: string): Promise<RestoreStatus>;
  restoreJobs(of: { readonly db?: string; readonly collection?: string }): Promise<readonly RestoreStatus[]>;
}

/** Where the snapshots of a server are kept. */
export interface KeeperPlace {
  /** Its `db` is not looked at: every call names the database itself. */
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data; self-contained snapshots lie there, too. */
  readonly storage?: StorageConfig;
}

export interface KeeperOptions {
  readonly log: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly signal: AbortSignal;
  readonly retryForMs: number;
  /** Told while files are copied, in bytes, or imported, in rows. */
  readonly onProgress?: (done: number, total: number) => void;
}
