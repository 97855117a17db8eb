import type { FieldSchemaInfo, FunctionInfo, KeyValue } from '../backup/types.js';

/**
 * The files of snapshots of Milvus 3.0 (SnapshotMetadata of data_coord.proto, and the Avro records of its manifests): names as
 * in the files, 64-bit integers as BigInts, enums by number. What a file leaves out is here with its zero value.
 */

/** The newest format_version that is known. */
export const NEWEST_VERSION = 4;

/** schema.ValueField: the member that is there is the value. */
export interface DefaultValue {
  readonly bool_data: boolean | undefined;
  readonly int_data: number | undefined;
  readonly long_data: bigint | undefined;
  readonly float_data: number | undefined;
  readonly double_data: number | undefined;
  readonly string_data: string | undefined;
  readonly bytes_data: Uint8Array | undefined;
}

export interface SnapshotField extends Omit<FieldSchemaInfo, 'default_value_proto' | 'default_value_base64'> {
  readonly default_value: DefaultValue | undefined;
  readonly is_clustering_key: boolean;
}

export interface SnapshotStruct {
  readonly fieldID: bigint;
  readonly name: string;
  readonly description: string;
  readonly fields: readonly SnapshotField[];
}

export interface SnapshotSchema {
  readonly name: string;
  readonly description: string;
  readonly autoID: boolean;
  readonly fields: readonly SnapshotField[];
  readonly enable_dynamic_field: boolean;
  readonly properties: readonly KeyValue[];
  readonly functions: readonly FunctionInfo[];
  readonly dbName: string;
  readonly struct_array_fields: readonly SnapshotStruct[];
}

/** CollectionDescription. */
export interface SnapshotCollection {
  readonly schema: SnapshotSchema | undefined;
  readonly num_shards: bigint;
  readonly num_partitions: bigint;
  /** Ids by name. */
  readonly partitions: Readonly<Record<string, bigint>>;
  /** 0 Strong, 1 Session, 2 Bounded, 3 Eventually, 4 Customized. */
  readonly consistency_level: number;
  readonly properties: readonly KeyValue[];
  readonly virtual_channel_names: readonly string[];
}

/** SnapshotInfo. */
export interface SnapshotHead {
  readonly name: string;
  readonly id: bigint;
  readonly description: string;
  readonly collection_id: bigint;
  readonly partition_ids: readonly bigint[];
  /** Hybrid timestamp of the earliest channel: no cut through all of them. */
  readonly create_ts: bigint;
  /** Where the metadata file was written: a key, a path of the server, or a URI. */
  readonly s3_location: string;
  readonly pin_ids: readonly bigint[];
}

/** IndexInfo of index_coord.proto. */
export interface SnapshotIndex {
  readonly collectionID: bigint;
  readonly fieldID: bigint;
  readonly index_name: string;
  readonly indexID: bigint;
  readonly type_params: readonly KeyValue[];
  readonly index_params: readonly KeyValue[];
  readonly is_auto_index: boolean;
  readonly user_index_params: readonly KeyValue[];
}

/** Where a segment's Loon manifest is (storage v3), or a plain path. */
export interface LoonManifest {
  readonly segment_id: bigint;
  readonly manifest: string;
}

/** SnapshotLayout: the files of the running server, or copies that lie with the snapshot. */
export const LAYOUT = { referenced: 0, selfContained: 1 } as const;

/** The metadata file. */
export interface SnapshotMetadata {
  /** 1 where the file says none. */
  readonly format_version: number;
  readonly snapshot_info: SnapshotHead;
  readonly collection: SnapshotCollection;
  readonly indexes: readonly SnapshotIndex[];
  readonly manifest_list: readonly string[];
  readonly storagev2_manifest_list: readonly LoonManifest[];
  /** Empty in old files, which do not list them. */
  readonly segment_ids: readonly bigint[];
  readonly build_ids: readonly bigint[];
  /** Of {@link LAYOUT}. */
  readonly layout: number;
}

export interface Position {
  readonly channel_name: string;
  readonly msg_id: Uint8Array;
  readonly msg_group: string;
  readonly timestamp: bigint;
}

export interface ManifestLog {
  /** 0 where nobody has counted. */
  readonly entries_num: bigint;
  readonly timestamp_from: bigint;
  readonly timestamp_to: bigint;
  readonly log_path: string;
  readonly log_size: bigint;
  readonly log_id: bigint;
  readonly memory_size: bigint;
}

export interface ManifestLogs {
  /** A field, or with storage v2 a group of columns; 0 in delta logs. */
  readonly field_id: bigint;
  /** From version 4: the fields of the group. */
  readonly child_fields: readonly bigint[];
  /** From version 4; '' and `parquet` are what milvusdm reads. */
  readonly format: string;
  readonly binlogs: readonly ManifestLog[];
}

export interface ManifestIndex {
  readonly segment_id: bigint;
  readonly field_id: bigint;
  readonly index_id: bigint;
  readonly build_id: bigint;
  readonly index_name: string;
  readonly index_params: readonly KeyValue[];
  readonly index_file_paths: readonly string[];
  readonly serialized_size: bigint;
  readonly index_version: bigint;
  readonly num_rows: bigint;
  readonly current_index_version: number;
  readonly mem_size: bigint;
  readonly current_scalar_index_version: number;
  /** From version 2. */
  readonly index_store_path_version: number;
}

export interface TextIndex {
  readonly field_id: bigint;
  readonly stats: {
    readonly field_id: bigint;
    readonly version: bigint;
    readonly files: readonly string[];
    readonly log_size: bigint;
    readonly memory_size: bigint;
    readonly build_id: bigint;
  };
}

export interface JsonKeyIndex {
  readonly field_id: bigint;
  readonly stats: TextIndex['stats'] & { readonly json_key_stats_data_format: bigint };
}

/** A segment's manifest: what it is and which files it has. */
export interface SegmentManifest {
  readonly segment_id: bigint;
  /** -1: deletes of all partitions. */
  readonly partition_id: bigint;
  /** 1: deletes alone (L0). */
  readonly segment_level: bigint;
  readonly channel_name: string;
  /** Rows in its files; what was deleted from them counts. */
  readonly num_of_rows: bigint;
  readonly start_position: Position;
  readonly dml_position: Position;
  /** 0 and 1: a file per field; 2: Parquet files of columns; 3: a Loon manifest. */
  readonly storage_version: bigint;
  readonly is_sorted: boolean;
  /** From version 3. Not 0: the time of all rows of the segment, in place of the stored ones (an import). */
  readonly commit_timestamp: bigint;
  readonly binlog_files: readonly ManifestLogs[];
  readonly deltalog_files: readonly ManifestLogs[];
  readonly statslog_files: readonly ManifestLogs[];
  readonly bm25_statslog_files: readonly ManifestLogs[];
  readonly index_files: readonly ManifestIndex[];
  readonly text_index_files: readonly TextIndex[];
  readonly json_key_index_files: readonly JsonKeyIndex[];
}
