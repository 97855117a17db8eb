import { collectionCodec, partitionCodec, schemaCodec } from '../backup/meta.js';
import type {
  BinlogInfo,
  CollectionBackupInfo,
  CollectionSchemaInfo,
  FieldBinlogInfo,
  FieldSchemaInfo,
  IndexInfo,
  SegmentBackupInfo,
  StructArrayInfo,
} from '../backup/types.js';
import { fail } from '../util/errors.js';
import { defaultToBase64 } from './default-value.js';
import type { OpenSnapshot } from './open.js';
import type { ManifestLogs, SegmentManifest, SnapshotField, SnapshotIndex, SnapshotSchema } from './types.js';

/** The first id of a user's field: those below are the server's own columns. */
const FIRST_FIELD = 100n;
const ALL_PARTITIONS = -1n;
const LEVEL_ZERO = 1n;

function fieldInfo({ default_value, is_clustering_key: _, ...field }: SnapshotField): FieldSchemaInfo {
  const value = default_value === undefined ? '' : defaultToBase64(default_value);
  return { ...field, default_value_proto: '', default_value_base64: value };
}

function schemaInfo({ dbName: _, ...schema }: SnapshotSchema): CollectionSchemaInfo {
  return {
    ...schemaCodec.zero,
    ...schema,
    fields: schema.fields.filter(({ fieldID }) => fieldID >= FIRST_FIELD).map(fieldInfo),
    struct_array_fields: schema.struct_array_fields.map(
      (struct): StructArrayInfo => ({ ...struct, fields: struct.fields.map(fieldInfo) }),
    ),
  };
}

function indexInfo(schema: SnapshotSchema, index: SnapshotIndex): IndexInfo {
  const field = schema.fields.find(({ fieldID }) => fieldID === index.fieldID);
  // Of an AUTOINDEX the server's choice stands in one list, the user's in the other; the metric may be in the first alone.
  const chosen = index.user_index_params.length > 0 ? index.user_index_params : index.index_params;
  const metric = index.index_params.filter(({ key }) => key === 'metric_type');
  const params = Object.fromEntries([...metric, ...chosen].map(({ key, value }) => [key, value]));
  return {
    field_name: field?.name ?? '',
    index_name: index.index_name,
    index_type: params.index_type ?? '',
    params,
    index_id: index.indexID,
    field_id: index.fieldID,
    create_time: 0n,
    type_params: index.type_params,
    index_params: index.index_params,
    user_index_params: index.user_index_params,
    is_auto_index: index.is_auto_index,
    min_index_version: 0,
    max_index_version: 0,
  };
}

function logsInfo(groups: readonly ManifestLogs[], sizes: ReadonlyMap<string, number> | undefined): FieldBinlogInfo[] {
  return groups.map(({ field_id, binlogs }) => ({
    fieldID: field_id,
    binlogs: binlogs.map(
      ({ log_path, log_size, log_id }): BinlogInfo => ({
        log_path,
        log_size: sizes?.get(log_path) ?? Number(log_size),
        log_id,
      }),
    ),
  }));
}

function sizeOf(groups: readonly FieldBinlogInfo[]): number {
  return groups.reduce((sum, { binlogs }) => sum + binlogs.reduce((all, { log_size }) => all + log_size, 0), 0);
}

/** Refuses what only a newer reader can read. */
function requireReadable({ segments, metadata }: OpenSnapshot, where: string): void {
  const loon = new Set(
    metadata.storagev2_manifest_list.filter((one) => one.manifest !== '').map((one) => one.segment_id),
  );
  for (const { segment_id: id, storage_version: version, binlog_files: groups, segment_level: level } of segments) {
    const odd = groups.find(({ format }) => format !== '' && format !== 'parquet');
    if (odd)
      throw fail('SRC_UNSUPPORTED', `${where}: segment ${id} has files in the format ${JSON.stringify(odd.format)}`);
    const bare = groups.every(({ binlogs }) => binlogs.length === 0);
    if (version < 3n && !(loon.has(id) && bare && level !== LEVEL_ZERO)) continue;
    throw fail('SRC_UNSUPPORTED', `${where}: segment ${id} is of storage version ${version < 3n ? 3 : version}`, {
      hint: 'milvusdm reads storage versions 1 and 2. Restore the snapshot in its own server and read it from there.',
    });
  }
}

function segmentInfo(
  collection: bigint,
  manifest: SegmentManifest,
  sizes: ReadonlyMap<string, number> | undefined,
): SegmentBackupInfo {
  const { segment_id, partition_id, channel_name, num_of_rows, segment_level: level, storage_version } = manifest;
  const binlogs = logsInfo(manifest.binlog_files, sizes);
  const deltalogs = logsInfo(manifest.deltalog_files, sizes);
  return {
    segment_id,
    collection_id: collection,
    partition_id,
    num_of_rows: Number(num_of_rows),
    binlogs,
    deltalogs,
    size: sizeOf(binlogs) + sizeOf(deltalogs),
    group_id: 0n,
    is_l0: level === LEVEL_ZERO,
    v_channel: channel_name,
    storage_version: Number(storage_version),
  };
}

/**
 * A snapshot's collection in the form that backups have theirs. `log_path` is the key of each file.
 * Throws SRC_CORRUPT for one without a schema or with segments of partitions that it does not have, SRC_UNSUPPORTED.
 * @param sizes of the files, by key: what manifests say of them may be their size in memory
 */
export function snapshotCollection(snapshot: OpenSnapshot, sizes?: ReadonlyMap<string, number>): CollectionBackupInfo {
  const { metadata, where } = snapshot;
  const { snapshot_info: head, collection } = metadata;
  const { schema } = collection;
  if (!schema) throw fail('SRC_CORRUPT', `${where} has no schema`);
  requireReadable(snapshot, where);
  const segments = snapshot.segments.map((one) => segmentInfo(head.collection_id, one, sizes));
  const names = Object.entries(collection.partitions).sort(([, a], [, b]) => (a < b ? -1 : 1));
  const known = new Set(names.map(([, id]) => id));
  const stray = segments.find(({ partition_id: id, is_l0 }) => !known.has(id) && !(is_l0 && id === ALL_PARTITIONS));
  if (stray) {
    const { segment_id, partition_id } = stray;
    throw fail(
      'SRC_CORRUPT',
      `${where} has segment ${segment_id} of partition ${partition_id}, which it does not know`,
    );
  }
  const partitions = names.map(([name, id]) => {
    const own = segments.filter(({ partition_id }) => partition_id === id);
    const size = own.reduce((sum, one) => sum + one.size, 0);
    return {
      ...partitionCodec.zero,
      partition_id: id,
      partition_name: name,
      collection_id: head.collection_id,
      segment_backups: own,
      size,
    };
  });
  const indexes = metadata.indexes.map((one) => indexInfo(schema, one));
  return {
    ...collectionCodec.zero,
    collection_id: head.collection_id,
    db_name: schema.dbName,
    collection_name: schema.name,
    schema: schemaInfo(schema),
    shards_num: Number(collection.num_shards),
    consistency_level: collection.consistency_level,
    partition_backups: partitions,
    backup_timestamp: head.create_ts,
    size: segments.reduce((sum, one) => sum + one.size, 0),
    has_index: indexes.length > 0,
    index_infos: indexes,
    l0_segments: segments.filter(({ partition_id }) => partition_id === ALL_PARTITIONS),
    properties: collection.properties,
    virtual_channel_names: collection.virtual_channel_names,
  };
}

/** Times that take the place of those of all rows of a segment, by its id. */
export function commitTimes({ segments }: OpenSnapshot): ReadonlyMap<bigint, bigint> {
  return new Map(
    segments.filter(({ commit_timestamp: at }) => at !== 0n).map((one) => [one.segment_id, one.commit_timestamp]),
  );
}
