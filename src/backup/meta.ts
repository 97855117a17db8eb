import { always, bool, type Codec, int, int64, list, message, optional, text, texts, uint64 } from './codec.js';
import type {
  BackupInfo,
  BinlogInfo,
  CollectionBackupInfo,
  CollectionSchemaInfo,
  DatabaseBackupInfo,
  FieldBinlogInfo,
  FieldSchemaInfo,
  FunctionInfo,
  GrantBackupInfo,
  IndexInfo,
  KeyValue,
  LevelInfo,
  NamedInfo,
  PartitionBackupInfo,
  PrivilegeGroupInfo,
  RbacInfo,
  SegmentBackupInfo,
  SnapshotBackupInfo,
  StructArrayInfo,
  UserBackupInfo,
} from './types.js';

// Order and what is always written: the json tags of core/proto/backuppb/backup.pb.go of milvus-backup.

export const keyValueCodec: Codec<KeyValue> = message({ key: text, value: text });

const binlog: Codec<BinlogInfo> = message({ log_path: text, log_size: always(int), log_id: int64 });

const fieldBinlog: Codec<FieldBinlogInfo> = message({ fieldID: int64, binlogs: list(binlog) });

export const segmentCodec: Codec<SegmentBackupInfo> = message({
  segment_id: int64,
  collection_id: int64,
  partition_id: int64,
  num_of_rows: int,
  binlogs: list(fieldBinlog),
  deltalogs: list(fieldBinlog),
  size: always(int),
  group_id: int64,
  is_l0: bool,
  v_channel: text,
  storage_version: int,
});

export const partitionCodec: Codec<PartitionBackupInfo> = message({
  partition_id: int64,
  partition_name: text,
  collection_id: int64,
  segment_backups: list(segmentCodec),
  size: always(int),
  load_state: text,
});

export const fieldCodec: Codec<FieldSchemaInfo> = message({
  fieldID: int64,
  name: text,
  is_primary_key: bool,
  description: text,
  data_type: int,
  type_params: list(keyValueCodec),
  index_params: list(keyValueCodec),
  autoID: bool,
  state: int,
  element_type: int,
  is_dynamic: bool,
  is_partition_key: bool,
  nullable: bool,
  default_value_proto: text,
  is_function_output: bool,
  default_value_base64: text,
});

export const functionCodec: Codec<FunctionInfo> = message({
  name: text,
  id: int64,
  description: text,
  type: int,
  input_field_names: list(text),
  input_field_ids: list(int64),
  output_field_names: list(text),
  output_field_ids: list(int64),
  params: list(keyValueCodec),
});

export const structArrayCodec: Codec<StructArrayInfo> = message({
  fieldID: int64,
  name: text,
  description: text,
  fields: list(fieldCodec),
});

export const schemaCodec: Codec<CollectionSchemaInfo> = message({
  name: text,
  description: text,
  autoID: bool,
  fields: list(fieldCodec),
  enable_dynamic_field: bool,
  properties: list(keyValueCodec),
  functions: list(functionCodec),
  struct_array_fields: list(structArrayCodec),
});

export const indexCodec: Codec<IndexInfo> = message({
  field_name: text,
  index_name: text,
  index_type: text,
  params: texts,
  index_id: int64,
  field_id: int64,
  create_time: uint64,
  type_params: list(keyValueCodec),
  index_params: list(keyValueCodec),
  user_index_params: list(keyValueCodec),
  is_auto_index: bool,
  min_index_version: int,
  max_index_version: int,
});

const snapshot: Codec<SnapshotBackupInfo> = message({ metadata_path: text, total_files: int, total_bytes: int });

export const collectionCodec: Codec<CollectionBackupInfo> = message({
  id: text,
  collection_id: int64,
  db_name: text,
  collection_name: text,
  schema: optional(schemaCodec),
  shards_num: int,
  consistency_level: int,
  partition_backups: list(partitionCodec),
  backup_timestamp: uint64,
  size: always(int),
  has_index: always(bool),
  index_infos: list(indexCodec),
  load_state: text,
  backup_physical_timestamp: uint64,
  channel_checkpoints: texts,
  l0_segments: list(segmentCodec),
  properties: list(keyValueCodec),
  db_id: int64,
  created_timestamp: uint64,
  virtual_channel_names: list(text),
  physical_channel_names: list(text),
  aliases: list(text),
  snapshot_backup: optional(snapshot),
});

export const databaseCodec: Codec<DatabaseBackupInfo> = message({
  db_name: text,
  db_id: int64,
  properties: list(keyValueCodec),
  ezk: text,
});

const named: Codec<NamedInfo> = message({ name: text });

const user: Codec<UserBackupInfo> = message({ user: text, password: text, roles: list(named) });

const grant: Codec<GrantBackupInfo> = message({
  role: optional(named),
  object: optional(named),
  object_name: text,
  grantor: optional(message({ user: optional(named), privilege: optional(named) })),
  db_name: text,
});

const privilegeGroup: Codec<PrivilegeGroupInfo> = message({ group_name: text, privileges: list(named) });

export const rbacCodec: Codec<RbacInfo> = message({
  users: list(user),
  roles: list(named),
  grants: list(grant),
  privilege_groups: list(privilegeGroup),
});

export const backupCodec: Codec<BackupInfo> = message({
  id: text,
  state_code: always(int),
  name: text,
  backup_timestamp: uint64,
  collection_backups: list(collectionCodec),
  size: always(int),
  milvus_version: text,
  rbac_meta: optional(rbacCodec),
  rpc_channel_info: optional(message({ name: text, position: text })),
  database_backups: list(databaseCodec),
  flush_all_msgs_base64: texts,
  control_channel_name: text,
  physical_channel_names: list(text),
  format: text,
});

/** One of the level files. */
export function levelCodec<T>(item: Codec<T>): Codec<LevelInfo<T>> {
  return message<LevelInfo<T>>({ infos: list(item) });
}
