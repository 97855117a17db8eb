import type { MilvusType } from '../batch/fields.js';
import type { BackupConfig, RestoreConfig } from './backup-types.js';
import type { MilvusEndpoint, StorageConfig, TlsOptions, WriteChoice } from './places.js';
import type { RunOptions } from './run-options.js';
import type { Selection } from './selection.js';
import type { SnapshotConfig } from './snapshot-types.js';
import type { TransformStep } from './transforms.js';

export type * from './backup-types.js';
export type * from './places.js';
export type * from './run-options.js';
export type * from './snapshot-types.js';

/** The tasks that move rows. */
export type MoveName = 'F2M' | 'H2M' | 'M2M' | 'M2H';

/** The tasks that a YAML file can name. */
export type TaskName = MoveName | 'BACKUP' | 'RESTORE' | 'SNAPSHOT';

export type Mode = 'skip' | 'append' | 'overwrite';

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
  /** Only what the collections are, without their rows; of logical backups. */
  readonly rowless?: true;
}

/** A snapshot of Milvus 3.0, or a self-contained one of milvusdm: its files, read without any server. */
export interface SnapshotSource {
  readonly adapter: 'snapshot';
  readonly storage: StorageConfig;
  /** Key of the metadata file, or of the folder that `snapshots` is in or that has metadata files; '' for the store itself. */
  readonly path: string;
  /** Which one, where there are several. */
  readonly name?: string;
  readonly select: Selection;
  readonly exclude?: Selection;
  readonly outputFields?: readonly string[];
}

/** A running Milvus 2.x whose flushed segments are read from its own store, without loading them. */
export interface SegmentsSource {
  readonly adapter: 'segments';
  readonly endpoint: MilvusEndpoint;
  /** Where the server keeps its data. */
  readonly storage: StorageConfig;
  /** Have the server write out what it holds in memory, before a run reads. */
  readonly flush: boolean;
  readonly select: Selection;
  readonly exclude?: Selection;
  readonly outputFields?: readonly string[];
}

/** Sources of one collection. */
export type FileSource = FaissSource | Hdf5Source;

/** Sources of many collections. */
export type CatalogSource = LegacySource | MilvusSource | BackupSource | SnapshotSource | SegmentsSource;

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
  /** How rows go into `dest`; by requests where absent. */
  readonly write?: WriteChoice;
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
  /** What the machines of one job share: plan, ledgers, locks. */
  readonly work?: StorageConfig;
  /** The same as the command line named it, where it did. */
  readonly workArgument?: string;
  readonly options: RunOptions;
  /** Notes on accepted keys that have no effect, for the plan. */
  readonly notes: readonly string[];
  /** All secret values in the file, for redaction. */
  readonly secrets: readonly string[];
}

/** A validated task of any kind. */
export type JobConfig = TaskConfig | BackupConfig | RestoreConfig | SnapshotConfig;
