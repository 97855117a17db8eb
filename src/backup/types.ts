/**
 * The meta files of milvus-backup v0.5 and later (core/proto/backup.proto there): names, types and order as in the
 * files, so that one can be laid beside the other. 64-bit ids and timestamps are BigInts, sizes are bytes. What a file
 * leaves out is here with its zero value: 0, '', false, [], {}.
 */

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

/** An object of the store of Milvus, copied byte for byte. */
export interface BinlogInfo {
  /** Key in the source's store; nobody needs it any more, the ids say where the copy is. */
  readonly log_path: string;
  readonly log_size: number;
  readonly log_id: bigint;
}

/** The logs of a field: 0 RowID, 1 Timestamp, from 100 the user's; with storage v2 those of a group of columns. */
export interface FieldBinlogInfo {
  /** 0 in delta logs. */
  readonly fieldID: bigint;
  readonly binlogs: readonly BinlogInfo[];
}

export interface SegmentBackupInfo {
  readonly segment_id: bigint;
  readonly collection_id: bigint;
  /** -1: deletes of all partitions (L0). */
  readonly partition_id: bigint;
  /** Rows in its files; what was deleted from them counts. */
  readonly num_of_rows: number;
  readonly binlogs: readonly FieldBinlogInfo[];
  /** One entry without logs where there are no deletes. */
  readonly deltalogs: readonly FieldBinlogInfo[];
  readonly size: number;
  /** Folder above the segment's in the backup; 0: none, as before milvus-backup v0.5. */
  readonly group_id: bigint;
  readonly is_l0: boolean;
  /** From Milvus 2.5.8. */
  readonly v_channel: string;
  /** 0 and 1: a file per field; 2: a Parquet file per group of columns. */
  readonly storage_version: number;
}

export interface PartitionBackupInfo {
  readonly partition_id: bigint;
  readonly partition_name: string;
  readonly collection_id: bigint;
  readonly segment_backups: readonly SegmentBackupInfo[];
  readonly size: number;
  readonly load_state: string;
}

export interface FieldSchemaInfo {
  readonly fieldID: bigint;
  readonly name: string;
  readonly is_primary_key: boolean;
  readonly description: string;
  /** Number of Milvus's DataType (schema.proto). */
  readonly data_type: number;
  readonly type_params: readonly KeyValue[];
  readonly index_params: readonly KeyValue[];
  readonly autoID: boolean;
  readonly state: number;
  readonly element_type: number;
  readonly is_dynamic: boolean;
  readonly is_partition_key: boolean;
  readonly nullable: boolean;
  /** A protobuf ValueField as raw text; old backups only. */
  readonly default_value_proto: string;
  readonly is_function_output: boolean;
  /** Base64 of a protobuf ValueField. */
  readonly default_value_base64: string;
}

export interface FunctionInfo {
  readonly name: string;
  readonly id: bigint;
  readonly description: string;
  readonly type: number;
  readonly input_field_names: readonly string[];
  readonly input_field_ids: readonly bigint[];
  readonly output_field_names: readonly string[];
  readonly output_field_ids: readonly bigint[];
  readonly params: readonly KeyValue[];
}

export interface StructArrayInfo {
  readonly fieldID: bigint;
  readonly name: string;
  readonly description: string;
  readonly fields: readonly FieldSchemaInfo[];
}

/** The dynamic field `$meta` is not among the fields: its id is the next one behind them. */
export interface CollectionSchemaInfo {
  readonly name: string;
  readonly description: string;
  readonly autoID: boolean;
  readonly fields: readonly FieldSchemaInfo[];
  readonly enable_dynamic_field: boolean;
  readonly properties: readonly KeyValue[];
  readonly functions: readonly FunctionInfo[];
  readonly struct_array_fields: readonly StructArrayInfo[];
}

export interface IndexInfo {
  readonly field_name: string;
  readonly index_name: string;
  readonly index_type: string;
  /** As DescribeIndex gives them. */
  readonly params: Readonly<Record<string, string>>;
  readonly index_id: bigint;
  // The rest comes from etcd, with milvus-backup's --backup_index_extra.
  readonly field_id: bigint;
  readonly create_time: bigint;
  readonly type_params: readonly KeyValue[];
  readonly index_params: readonly KeyValue[];
  readonly user_index_params: readonly KeyValue[];
  readonly is_auto_index: boolean;
  readonly min_index_version: number;
  readonly max_index_version: number;
}

/** A bundle that Milvus 3.0 has exported; such backups are refused. */
export interface SnapshotBackupInfo {
  readonly metadata_path: string;
  readonly total_files: number;
  readonly total_bytes: number;
}

export interface CollectionBackupInfo {
  readonly id: string;
  readonly collection_id: bigint;
  /** '' and `default` are the same. */
  readonly db_name: string;
  readonly collection_name: string;
  readonly schema: CollectionSchemaInfo | undefined;
  readonly shards_num: number;
  /** 0 Strong, 1 Session, 2 Bounded, 3 Eventually, 4 Customized. */
  readonly consistency_level: number;
  readonly partition_backups: readonly PartitionBackupInfo[];
  /** Largest timestamp of the channels' checkpoints; 0 where the server tells none (2.3). */
  readonly backup_timestamp: bigint;
  readonly size: number;
  readonly has_index: boolean;
  readonly index_infos: readonly IndexInfo[];
  /** `NotLoad`, `Loading` or `Loaded`. */
  readonly load_state: string;
  /** When the last segment was sealed, in seconds since 1970. */
  readonly backup_physical_timestamp: bigint;
  /** Virtual channel -> base64 of a protobuf MsgPosition. */
  readonly channel_checkpoints: Readonly<Record<string, string>>;
  /** Deletes of all partitions. */
  readonly l0_segments: readonly SegmentBackupInfo[];
  readonly properties: readonly KeyValue[];
  readonly db_id: bigint;
  readonly created_timestamp: bigint;
  readonly virtual_channel_names: readonly string[];
  readonly physical_channel_names: readonly string[];
  readonly aliases: readonly string[];
  readonly snapshot_backup: SnapshotBackupInfo | undefined;
}

export interface DatabaseBackupInfo {
  readonly db_name: string;
  readonly db_id: bigint;
  readonly properties: readonly KeyValue[];
  /** Key of an encrypted database. */
  readonly ezk: string;
}

export interface NamedInfo {
  readonly name: string;
}

export interface UserBackupInfo {
  readonly user: string;
  /** As the server stores it: a hash. */
  readonly password: string;
  readonly roles: readonly NamedInfo[];
}

export interface GrantBackupInfo {
  readonly role: NamedInfo | undefined;
  readonly object: NamedInfo | undefined;
  readonly object_name: string;
  readonly grantor: { readonly user: NamedInfo | undefined; readonly privilege: NamedInfo | undefined } | undefined;
  readonly db_name: string;
}

export interface PrivilegeGroupInfo {
  readonly group_name: string;
  readonly privileges: readonly NamedInfo[];
}

export interface RbacInfo {
  readonly users: readonly UserBackupInfo[];
  readonly roles: readonly NamedInfo[];
  readonly grants: readonly GrantBackupInfo[];
  readonly privilege_groups: readonly PrivilegeGroupInfo[];
}

/** full_meta.json. */
export interface BackupInfo {
  readonly id: string;
  /** Out of use, 0. */
  readonly state_code: number;
  readonly name: string;
  readonly backup_timestamp: bigint;
  readonly collection_backups: readonly CollectionBackupInfo[];
  readonly size: number;
  readonly milvus_version: string;
  readonly rbac_meta: RbacInfo | undefined;
  readonly rpc_channel_info: { readonly name: string; readonly position: string } | undefined;
  readonly database_backups: readonly DatabaseBackupInfo[];
  readonly flush_all_msgs_base64: Readonly<Record<string, string>>;
  readonly control_channel_name: string;
  readonly physical_channel_names: readonly string[];
  /** '' for binlogs, `snapshot` for a bundle of Milvus 3.0. */
  readonly format: string;
}

/** The level files: {collection,partition,segment}_meta.json. */
export interface LevelInfo<T> {
  readonly infos: readonly T[];
}
