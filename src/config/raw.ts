import type { RawTransform } from './transforms.js';
import type {
  BackupConfig,
  FaissSource,
  Hdf5Source,
  LegacySource,
  MetricType,
  Mode,
  RunOptions,
  SnapshotAction,
} from './types.js';

/** A file of `data_path`, as written. */
export type RawFile = string | { readonly path: string; readonly partition?: string };

/** One name, or several. */
export type RawNames = string | readonly string[];

/** Collections with their partitions, as written; null stands for all partitions. */
export type RawSelection = RawNames | Readonly<Record<string, RawNames | null>>;

/** What stands below the name of a task, after its schema has been checked: the YAML's own names and units. */
export interface RawTask {
  readonly data_path?: string | readonly RawFile[];
  /** H2M: where the files are read; M2H: where they are written. */
  readonly data_dir?: string;
  readonly source_milvus_path?: string;
  readonly mysql_parameter?: RawMySql;
  readonly extra_paths?: string | readonly string[];
  readonly on_missing_segment?: LegacySource['onMissingSegment'];
  readonly unflushed?: LegacySource['unflushed'];
  readonly source_backup?: string | RawBackup;
  readonly source_snapshot?: string | RawSnapshot;
  readonly source_uri?: string;
  readonly source_host?: string;
  readonly source_port?: number;
  readonly source_user?: string;
  readonly source_password?: string;
  readonly source_token?: string;
  readonly source_db?: string;
  readonly source_tls?: boolean | RawTls;
  readonly filter?: string;
  readonly output_fields?: RawNames;
  readonly source_collection?: RawSelection;
  readonly exclude_collection?: RawSelection;
  readonly dest_uri?: string;
  readonly dest_host?: string;
  readonly dest_port?: number;
  readonly dest_user?: string;
  readonly dest_password?: string;
  readonly dest_token?: string;
  readonly dest_db?: string;
  readonly dest_tls?: boolean | RawTls;
  readonly mode?: Mode;
  readonly dest_collection_name?: string;
  readonly dest_partition_name?: string;
  readonly collection_map?: Readonly<Record<string, string>>;
  readonly partition_map?: Readonly<Record<string, string>>;
  readonly transforms?: readonly RawTransform[];
  readonly merge?: { readonly into: string; readonly partition?: string };
  readonly rows_per_file?: number;
  readonly gzip?: number;
  readonly collection_parameter?: RawParameter;
  readonly dataset?: string;
  readonly ids_dataset?: string;
  readonly columns?: Readonly<Record<string, string>>;
  readonly stored_schema?: NonNullable<Hdf5Source['archive']>;
  /** H2M: FLOAT_VECTOR or BINARY_VECTOR; F2M: all but BINARY_VECTOR. */
  readonly vector_type?: 'FLOAT_VECTOR' | 'BINARY_VECTOR' | 'FLOAT16_VECTOR' | 'BFLOAT16_VECTOR' | 'INT8_VECTOR';
  readonly format?: NonNullable<FaissSource['format']>;
  readonly allow_lossy?: boolean;
  readonly id_start?: string;
  readonly id_offset?: string | Readonly<Record<string, string>>;
  readonly new_ids?: boolean;
  readonly preflight?: RunOptions['preflight'];
  readonly verify?: RunOptions['verify'];
  readonly batch_bytes?: number | string;
  readonly parallelism?: number;
  readonly tuning?: 'auto' | 'off';
  readonly max_rate?: number | string;
  readonly on_duplicate_id?: RunOptions['onDuplicateId'];
  readonly on_bad_row?: RunOptions['onBadRow'];
  readonly quarantine_limit?: number;
  readonly retry_for?: number;
  readonly on_error?: RunOptions['onError'];
  readonly write?: 'auto' | 'insert' | 'bulk' | 'import';
  readonly bulk?: RawBulk;
  readonly source_storage?: RawStorage;
  readonly dest_storage?: RawStorage;
  readonly backup_store?: RawStorage;
  readonly work_storage?: RawStorage;
  readonly backup_name?: string;
  readonly base?: string;
  readonly strategy?: BackupConfig['strategy'];
  readonly kind?: BackupConfig['kind'];
  readonly flush?: boolean;
  readonly rbac?: boolean;
  readonly ttl?: boolean;
  readonly link?: boolean;
  readonly checksum?: BackupConfig['checksum'];
  readonly compression?: BackupConfig['compression'];
  readonly rename?: { readonly suffix?: string; readonly map?: Readonly<Record<string, string>> };
  readonly index?: string;
  readonly load?: string | boolean;
  readonly shards?: number;
  readonly meta_only?: boolean;
  readonly user_passwords?: Readonly<Record<string, string>>;
  readonly action?: SnapshotAction;
  readonly snapshot_name?: string;
  readonly description?: string;
  readonly compaction_protection?: number;
  readonly wait?: boolean;
  readonly job_id?: string;
  readonly keep_last?: number;
  readonly older_than?: string;
  readonly apply?: boolean;
}

/** A store as written: `root_path` where it is that of a Milvus, `prefix` where it is one of backups. */
export interface RawStorage {
  readonly type?: 's3' | 'local';
  readonly endpoint?: string;
  readonly bucket?: string;
  readonly root_path?: string;
  readonly prefix?: string;
  readonly region?: string;
  readonly access_key?: string;
  readonly secret_key?: string;
  readonly session_token?: string;
  readonly tls?: boolean | RawTls;
  readonly virtual_host?: boolean;
  readonly path?: string;
  readonly server_path?: string;
}

/** How files are made that the target is to import. */
export interface RawBulk {
  readonly storage?: RawStorage;
  readonly prefix?: string;
  readonly max_file_bytes?: number | string;
  readonly parallel_jobs?: number;
  readonly keep_files?: boolean;
}

/** A backup by its store and name. */
export interface RawBackup {
  readonly store?: RawStorage;
  readonly name?: string;
}

export interface RawSnapshot {
  readonly store?: RawStorage;
  readonly path?: string;
  readonly name?: string;
}

export interface RawTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly server_name?: string;
  readonly skip_verify?: boolean;
}

export interface RawMySql {
  readonly host: string;
  readonly port?: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
  readonly tls?: boolean | RawTls;
}

export interface RawParameter {
  readonly dimension?: number;
  readonly index_file_size?: number;
  readonly metric_type?: MetricType;
  readonly id_field?: string;
  readonly vector_field?: string;
  readonly index?: 'none' | { readonly type: string; readonly params?: Readonly<Record<string, string | number>> };
  readonly shards?: number;
  readonly load?: boolean;
}
