import type { MilvusType } from '../batch/fields.js';
import type { Selection } from './selection.js';
import type { TransformStep } from './transforms.js';

/** The tasks that move rows. */
export type MoveName = 'F2M' | 'H2M' | 'M2M' | 'M2H';

/** The tasks that a YAML file can name. */
export type TaskName = MoveName | 'BACKUP' | 'RESTORE';

export type Mode = 'skip' | 'append' | 'overwrite';

/** Where a Milvus is: a server, or a folder for the embedded Milvus Lite. */
export type MilvusAddress =
  | { readonly kind: 'server'; readonly address: string; readonly tls: boolean }
  | { readonly kind: 'embedded'; readonly folder: string };

/** TLS details of a connection; paths are absolute. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly skipVerify?: boolean;
}

export interface MilvusEndpoint {
  readonly at: MilvusAddress;
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  readonly db?: string;
  readonly tls?: TlsOptions;
}

/** Where an S3 server is. */
export interface S3Endpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** A folder as an object store. */
export interface LocalStorage {
  readonly type: 'local';
  /** Absolute path on this machine. */
  readonly path: string;
  /** The same folder as a Milvus server sees it, where that is another path. */
  readonly serverPath?: string;
}

/** A bucket, or the part of one below a prefix. */
export interface S3Storage {
  readonly type: 's3';
  /** AWS where absent. */
  readonly endpoint?: S3Endpoint;
  readonly bucket: string;
  /** What all keys begin with, without "/" at either end; '' for none. */
  readonly root: string;
  readonly region?: string;
  /** The environment's, or those of the machine's role, where absent. */
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly sessionToken?: string;
  /** Whether the bucket stands in the host name; decided by the host where absent. */
  readonly virtualHost?: boolean;
  readonly tls?: TlsOptions;
}

/** The object store of a Milvus, or one of backups. */
export type StorageConfig = LocalStorage | S3Storage;

export type MetricType =
  | 'L2'
  | 'IP'
  | 'COSINE'
  | 'HAMMING'
  | 'JACCARD'
  | 'TANIMOTO'
  | 'SUBSTRUCTURE'
  | 'SUPERSTRUCTURE';

export interface IndexChoice {
  readonly type: string;
  readonly params: Readonly<Record<string, string | number>>;
}

export interface CollectionParameter {
  readonly dimension?: number;
  readonly metric?: MetricType;
  /** Accepted from old files; has no counterpart in Milvus 2.x, which the plan says. */
  readonly indexFileSize?: number;
  readonly idField: string;
  readonly vectorField: string;
  readonly index?: IndexChoice | 'none';
  readonly shards?: number;
  readonly load: boolean;
}

export interface SourceFile {
  /** Absolute path. */
  readonly path: string;
  readonly partition?: string;
}

/** Formats of F2M files besides Faiss indexes: plain vectors. */
export type PlainFormat = 'fvecs' | 'bvecs' | 'ivecs' | 'fbin' | 'u8bin' | 'i8bin' | 'f16bin' | 'npy';

export interface FaissSource {
  readonly adapter: 'faiss';
  readonly files: readonly SourceFile[];
  /** What the files are; by their content where absent. */
  readonly format?: 'faiss' | PlainFormat;
  /** Approximations are written where a file holds nothing better. */
  readonly allowLossy?: boolean;
  /** Type of float vectors; FLOAT_VECTOR where absent. */
  readonly vectorType?: Extract<MilvusType, 'FLOAT_VECTOR' | 'FLOAT16_VECTOR' | 'BFLOAT16_VECTOR' | 'INT8_VECTOR'>;
}

export interface Hdf5Source {
  readonly adapter: 'hdf5';
  /** Exactly one of `files` and `dir` is set. */
  readonly files?: readonly SourceFile[];
  readonly dir?: string;
  readonly dataset: string;
  /** Name of the dataset of ids; `optional` when the user has not named it. */
  readonly idsDataset: string;
  readonly idsOptional: boolean;
  /** Dataset name -> field name, for further columns. */
  readonly columns: Readonly<Record<string, string>>;
  readonly vectorType?: Extract<MilvusType, 'FLOAT_VECTOR' | 'BINARY_VECTOR'>;
  /** Whether an archive of ours is read by the schema in it (auto, the default) or like any other file. */
  readonly archive?: 'auto' | 'ignore';
}

export interface MySqlParameter {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly tls?: boolean | TlsOptions;
}

/** The data folder of a Milvus 0.7 to 1.1. */
export interface LegacySource {
  readonly adapter: 'legacy';
  /** Absolute path of the work path, or of its `db` folder. */
  readonly path: string;
  readonly extraPaths: readonly string[];
  readonly mysql?: MySqlParameter;
  readonly select: Selection;
  readonly exclude?: Selection;
  readonly onMissingSegment: 'error' | 'skip';
  readonly unflushed: 'warn' | 'error' | 'include';
}

/** A running Milvus 2.x, or a folder of Milvus Lite. */
export interface MilvusSource {
  readonly adapter: 'milvus';
  readonly endpoint: MilvusEndpoint;
  readonly select: Selection;
  readonly exclude?: Selection;
  /** Milvus expression that rows must satisfy. */
  readonly filter?: string;
  readonly outputFields?: readonly string[];
}

/** A backup of Milvus 2.x, of milvus-backup or of milvusdm, read without any server. */
export interface BackupSource {
  readonly adapter: 'backup';
  readonly storage: StorageConfig;
  /** Folder of the backup in its store; '' where the store is the backup. */
  readonly name: string;
  /** The only one of the backup where absent; `*` for all of them, to look at. */
  readonly db?: string;
  readonly select: Selection;
  readonly exclude?: Selection;
  readonly outputFields?: readonly string[];
}

/** Sources of one collection. */
export type FileSource = FaissSource | Hdf5Source;

/** Sources of many collections. */
export type CatalogSource = LegacySource | MilvusSource | BackupSource;

export type SourceConfig = FileSource | CatalogSource;

/** Several collections or partitions of the source into one collection. */
export interface MergeChoice {
  readonly into: string;
  /** One partition for all rows, or `keep` for the names of the source. */
  readonly partition: string | 'keep';
}

/** HDF5 archives as target (M2H). */
export interface ArchiveTarget {
  /** Absolute path of the folder below which `<UTC start>/<collection>/<partition>.h5` is written. */
  readonly dir: string;
  readonly rowsPerFile?: number;
  /** Level 1 to 9; absent = not compressed. */
  readonly gzip?: number;
}

/** A logical backup as target: Arrow files in a store. */
export interface LogicalTarget {
  readonly storage: StorageConfig;
  /** Folder of the backup in its store. */
  readonly name: string;
  /** Database that the collections are of. */
  readonly db: string;
  readonly compression: 'zstd' | 'none';
  /** Bytes of values in a file, about; 256 MiB where absent. */
  readonly partBytes?: number;
}

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
  readonly maxRate?: RateLimit;
  readonly onDuplicateId: 'keep' | 'first' | 'last' | 'error';
  readonly onBadRow: 'error' | 'quarantine';
  /** Largest number of rows that may be set aside before the run is refused. */
  readonly quarantineLimit: number;
  /** Seconds for which an unreachable or busy server is tried again before the run gives up (exit 5). */
  readonly retryFor: number;
  /** Start over, also when an earlier run of this job can be continued (`--restart`). */
  readonly restart?: boolean;
  /** Several collections: whether the others go on when one fails; continue where absent. */
  readonly onError?: 'continue' | 'stop';
  /** Rehearsal: only the first N rows of the run (`--limit`). */
  readonly limit?: number;
}

/** A validated task that moves rows: all names, defaults and paths resolved. */
export interface TaskConfig {
  readonly task: MoveName;
  /** The YAML file, as an absolute path; absent for a task that was given as text. */
  readonly file?: string;
  readonly source: SourceConfig;
  readonly dest: MilvusEndpoint;
  /** M2H writes here instead of into `dest`, which is an empty address then. */
  readonly archive?: ArchiveTarget;
  /** A logical BACKUP writes here instead of into `dest`. */
  readonly logical?: LogicalTarget;
  readonly mode: Mode;
  /** F2M and H2M: the target. M2M and M2H: '' here; each collection of the source has its own task. */
  readonly collection: string;
  readonly partition?: string;
  /** Source name -> target name, for collections and partitions that are to be called otherwise. */
  readonly collectionMap?: Readonly<Record<string, string>>;
  readonly partitionMap?: Readonly<Record<string, string>>;
  readonly merge?: MergeChoice;
  /** Steps between reader and writer, in their order. */
  readonly transforms?: readonly TransformStep[];
  readonly parameter: CollectionParameter;
  readonly options: RunOptions;
  /** Notes on accepted keys that have no effect, for the plan. */
  readonly notes: readonly string[];
  /** All secret values in the file, for redaction. */
  readonly secrets: readonly string[];
}

/** A validated BACKUP task. */
export interface BackupConfig {
  readonly task: 'BACKUP';
  /** As in {@link TaskConfig}. */
  readonly file?: string;
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data; absent where that is out of reach. */
  readonly storage?: StorageConfig;
  readonly store: StorageConfig;
  /** Made from the time where absent. */
  readonly name?: string;
  /** Backup of the same store that unchanged files are taken from. */
  readonly base?: string;
  /** Globs, each with a database: `default.articles_*`. */
  readonly select: readonly string[];
  readonly exclude: readonly string[];
  readonly strategy: 'auto' | 'storage' | 'logical';
  readonly kind: 'manual' | 'automatic';
  readonly flush: boolean;
  readonly rbac: boolean;
  readonly link: boolean;
  readonly checksum: 'auto' | 'full' | 'none';
  /** Of the files of a logical backup. */
  readonly compression: 'zstd' | 'none';
  /** Files that are copied at a time. */
  readonly parallelism: number;
  /** As in {@link RunOptions}. */
  readonly retryFor: number;
  /** As in {@link RunOptions}. */
  readonly restart?: boolean;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
}

/** Other names for what a backup holds. All names in it have their database: `default.articles`. */
export interface RenameRules {
  /** Old name -> new one; `db.*` -> `other.*`. A new one that begins with "." stays in the database of the old. */
  readonly map: Readonly<Record<string, string>>;
  /** Put behind names that the map does not have. */
  readonly suffix?: string;
  /** Database that takes everything. */
  readonly db?: string;
}

/** A validated RESTORE task. */
export interface RestoreConfig {
  readonly task: 'RESTORE';
  /** As in {@link TaskConfig}. */
  readonly file?: string;
  /** Without a database: each collection has its own. */
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data; absent where that is out of reach. */
  readonly storage?: StorageConfig;
  readonly store: StorageConfig;
  readonly name: string;
  /** Globs over the names in the backup, each with a database. */
  readonly select: readonly string[];
  readonly exclude: readonly string[];
  readonly rename: RenameRules;
  readonly mode: 'skip' | 'overwrite';
  readonly index: 'restore' | 'none' | 'auto';
  readonly load: 'restore' | boolean;
  readonly shards?: number;
  readonly metaOnly: boolean;
  readonly verify: RunOptions['verify'];
  /** Files that are copied at a time. */
  readonly parallelism: number;
  /** As in {@link RunOptions}. */
  readonly retryFor: number;
  readonly notes: readonly string[];
  readonly secrets: readonly string[];
}

/** A validated task of any kind. */
export type JobConfig = TaskConfig | BackupConfig | RestoreConfig;
