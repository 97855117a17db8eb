import { DYNAMIC_NAME, dynamicFieldId } from '../backup/dynamic-field.js';
import type {
  CollectionBackupInfo,
  CollectionSchemaInfo,
  FieldBinlogInfo,
  FieldSchemaInfo,
  IndexInfo,
  KeyValue,
  SegmentBackupInfo,
} from '../backup/types.js';
import { defaultFromBase64 } from './default-value.js';
import { manifestKey, metadataKey } from './layout.js';
import { NO_POSITION } from './manifest.js';
import { NO_FIELD } from './metadata.js';
import {
  LAYOUT,
  type ManifestLogs,
  NEWEST_VERSION,
  type SegmentManifest,
  type SnapshotField,
  type SnapshotIndex,
  type SnapshotMetadata,
  type SnapshotSchema,
} from './types.js';

/** DataType of a dynamic field. */
const JSON_TYPE = 23;

/** What is to become the files of a self-contained snapshot. */
export interface SnapshotDraft {
  readonly id: bigint;
  readonly name: string;
  readonly description: string;
  /** Hybrid timestamp. */
  readonly created: bigint;
  /** The collection with its segments; `log_path` is the key of the copy that belongs to the snapshot. */
  readonly info: CollectionBackupInfo;
  /** What all keys of the snapshot begin with, '' or with "/" at its end. */
  readonly root: string;
  /** The name under which the server knows a key. */
  readonly view: (key: string) => string;
}

/** The files of a snapshot, ready to be written. */
export interface SnapshotFiles {
  readonly key: string;
  readonly metadata: SnapshotMetadata;
  readonly manifests: readonly { readonly key: string; readonly manifest: SegmentManifest }[];
}

function fieldOf(field: FieldSchemaInfo): SnapshotField {
  const { default_value_base64: coded, default_value_proto: raw, ...rest } = field;
  const value = coded || Buffer.from(raw, 'latin1').toString('base64');
  return { ...rest, is_clustering_key: false, default_value: value === '' ? undefined : defaultFromBase64(value) };
}

/** The server describes a collection without its dynamic field, which files have. */
function dynamicField(info: CollectionBackupInfo, schema: CollectionSchemaInfo): SnapshotField[] {
  if (!schema.enable_dynamic_field || schema.fields.some(({ is_dynamic }) => is_dynamic)) return [];
  const fieldID = dynamicFieldId(schema.fields, segmentsOfCollection(info));
  return [{ ...NO_FIELD, fieldID, name: DYNAMIC_NAME, data_type: JSON_TYPE, is_dynamic: true }];
}

function schemaOf(info: CollectionBackupInfo): SnapshotSchema | undefined {
  const { schema, db_name: dbName, collection_name: name } = info;
  if (!schema) return undefined;
  const structs = schema.struct_array_fields.map((struct) => ({ ...struct, fields: struct.fields.map(fieldOf) }));
  const fields = [...schema.fields.map(fieldOf), ...dynamicField(info, schema)];
  return { ...schema, name, dbName, fields, struct_array_fields: structs };
}

const pairsOf = (params: Readonly<Record<string, string>>): KeyValue[] =>
  Object.entries(params).map(([key, value]) => ({ key, value }));

function indexOf({ collection_id, schema }: CollectionBackupInfo, index: IndexInfo): SnapshotIndex {
  const field = schema?.fields.find(({ name }) => name === index.field_name);
  return {
    collectionID: collection_id,
    fieldID: field?.fieldID ?? index.field_id,
    index_name: index.index_name,
    indexID: index.index_id,
    type_params: field?.type_params ?? [],
    index_params: pairsOf(index.params),
    is_auto_index: index.params.index_type === 'AUTOINDEX',
    user_index_params: pairsOf(index.params),
  };
}

function logsOf(
  groups: readonly FieldBinlogInfo[],
  view: SnapshotDraft['view'],
  rows: (logs: number) => bigint,
): ManifestLogs[] {
  return groups
    .filter(({ binlogs }) => binlogs.length > 0)
    .map(({ fieldID, binlogs }) => ({
      field_id: fieldID,
      child_fields: [],
      format: '',
      binlogs: binlogs.map(({ log_id, log_path, log_size }) => ({
        entries_num: rows(binlogs.length),
        timestamp_from: 0n,
        timestamp_to: 0n,
        log_path: view(log_path),
        log_size: BigInt(log_size),
        log_id,
        memory_size: 0n,
      })),
    }));
}

function manifestOf(segment: SegmentBackupInfo, channel: string, view: SnapshotDraft['view']): SegmentManifest {
  const rows = BigInt(segment.num_of_rows);
  return {
    segment_id: segment.segment_id,
    partition_id: segment.partition_id,
    segment_level: segment.is_l0 ? 1n : 0n,
    channel_name: segment.v_channel || channel,
    num_of_rows: rows,
    start_position: NO_POSITION,
    dml_position: NO_POSITION,
    storage_version: BigInt(segment.storage_version),
    is_sorted: false,
    commit_timestamp: 0n,
    // How many rows each of several logs has, only the logs say.
    binlog_files: logsOf(segment.binlogs, view, (logs) => (logs === 1 ? rows : 0n)),
    deltalog_files: logsOf(segment.deltalogs, view, () => 0n),
    statslog_files: [],
    bm25_statslog_files: [],
    index_files: [],
    text_index_files: [],
    json_key_index_files: [],
  };
}

/** All segments of a collection, those of deletes alone with them. */
export function segmentsOfCollection(info: CollectionBackupInfo): SegmentBackupInfo[] {
  return [...info.partition_backups.flatMap(({ segment_backups }) => segment_backups), ...info.l0_segments];
}

/** The metadata and the manifests of a self-contained snapshot, in the newest format that is known. */
export function draftFiles({ id, name, description, created, info, root, view }: SnapshotDraft): SnapshotFiles {
  const { collection_id: collection, virtual_channel_names: channels, partition_backups: partitions } = info;
  // Which channel a segment is of, old servers do not say; of one channel all are.
  const channel = channels.length === 1 ? channels[0]! : '';
  const segments = segmentsOfCollection(info);
  const manifests = segments.map((segment) => ({
    key: manifestKey(root, collection, id, segment.segment_id),
    manifest: manifestOf(segment, channel, view),
  }));
  const key = metadataKey(root, collection, id);
  const metadata: SnapshotMetadata = {
    format_version: NEWEST_VERSION,
    snapshot_info: {
      name,
      id,
      description,
      collection_id: collection,
      partition_ids: partitions.map(({ partition_id }) => partition_id),
      create_ts: created,
      s3_location: view(key),
      pin_ids: [],
    },
    collection: {
      schema: schemaOf(info),
      num_shards: BigInt(info.shards_num),
      num_partitions: BigInt(partitions.length),
      partitions: Object.fromEntries(partitions.map((one) => [one.partition_name, one.partition_id])),
      consistency_level: info.consistency_level,
      properties: info.properties,
      virtual_channel_names: channels,
    },
    indexes: info.index_infos.map((index) => indexOf(info, index)),
    manifest_list: manifests.map((one) => view(one.key)),
    storagev2_manifest_list: [],
    segment_ids: segments.map(({ segment_id }) => segment_id),
    build_ids: [],
    layout: LAYOUT.selfContained,
  };
  return { key, metadata, manifests };
}
