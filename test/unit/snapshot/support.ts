import { NO_POSITION } from '../../../src/snapshot/manifest.js';
import { NO_FIELD, NO_SCHEMA } from '../../../src/snapshot/metadata.js';
import type { ManifestLog, ManifestLogs, SegmentManifest, SnapshotMetadata } from '../../../src/snapshot/types.js';
import { LAYOUT } from '../../../src/snapshot/types.js';

/** Beyond 2^53, and odd: a double would round it. */
export const LARGE = 470596403606015189n;
export const MOST = 2n ** 63n - 1n;
export const LEAST = -(2n ** 63n);

export function log(id: bigint, path: string, size = 100n): ManifestLog {
  return {
    entries_num: 7n,
    timestamp_from: LARGE,
    timestamp_to: MOST,
    log_path: path,
    log_size: size,
    log_id: id,
    memory_size: LEAST,
  };
}

export function logs(field: bigint, ...binlogs: readonly ManifestLog[]): ManifestLogs {
  return { field_id: field, child_fields: [], format: '', binlogs };
}

const STATS = {
  field_id: 101n,
  version: 3n,
  files: ['files/text_log/1', 'ü'],
  log_size: 1n,
  memory_size: 2n,
  build_id: LARGE,
};

export const BARE: SegmentManifest = {
  segment_id: 11n,
  partition_id: 2n,
  segment_level: 0n,
  channel_name: '',
  num_of_rows: 0n,
  start_position: NO_POSITION,
  dml_position: NO_POSITION,
  storage_version: 0n,
  is_sorted: false,
  commit_timestamp: 0n,
  binlog_files: [],
  deltalog_files: [],
  statslog_files: [],
  bm25_statslog_files: [],
  index_files: [],
  text_index_files: [],
  json_key_index_files: [],
};

/** Something in every place that a version has. */
export function fullManifest(version: number): SegmentManifest {
  const group = version >= 4 ? { child_fields: [0n, 1n, LARGE], format: 'parquet' } : { child_fields: [], format: '' };
  const stats = { ...STATS, json_key_stats_data_format: 2n };
  return {
    ...BARE,
    segment_id: LARGE,
    partition_id: -1n,
    segment_level: 1n,
    channel_name: 'by-dev-rootcoord-dml_0_1v0',
    num_of_rows: MOST,
    start_position: { channel_name: 'c', msg_id: Uint8Array.of(0, 255, 128), msg_group: 'g', timestamp: LARGE },
    dml_position: { channel_name: '', msg_id: new Uint8Array(0), msg_group: '', timestamp: LEAST },
    storage_version: 2n,
    is_sorted: true,
    commit_timestamp: version >= 3 ? LARGE + 2n : 0n,
    binlog_files: [
      { ...logs(100n, log(1n, 'files/a'), log(LARGE, 'files/ü/b')), ...group },
      { ...logs(101n), ...group },
    ],
    deltalog_files: [{ ...logs(0n, log(5n, '')), ...group }],
    statslog_files: [{ ...logs(100n, log(9n, 's')), ...group }],
    bm25_statslog_files: [{ ...logs(102n, log(10n, 'b')), ...group }],
    index_files: [
      {
        segment_id: LARGE,
        field_id: 101n,
        index_id: 3n,
        build_id: 4n,
        index_name: 'vectors',
        index_params: [{ key: 'metric_type', value: 'L2' }],
        index_file_paths: ['x', 'y'],
        serialized_size: 5n,
        index_version: 6n,
        num_rows: 7n,
        current_index_version: -8,
        mem_size: LARGE,
        current_scalar_index_version: 2 ** 31 - 1,
        index_store_path_version: version >= 2 ? -(2 ** 31) : 0,
      },
    ],
    text_index_files: [{ field_id: 103n, stats: STATS }],
    json_key_index_files: [{ field_id: 104n, stats }],
  };
}

export const METADATA: SnapshotMetadata = {
  format_version: 4,
  snapshot_info: {
    name: 'nightly',
    id: 77n,
    description: '',
    collection_id: 45n,
    partition_ids: [2n],
    create_ts: LARGE,
    s3_location: 'files/snapshots/45/metadata/77.json',
    pin_ids: [],
  },
  collection: {
    schema: {
      ...NO_SCHEMA,
      name: 'articles',
      fields: [{ ...NO_FIELD, fieldID: 100n, name: 'id', is_primary_key: true, data_type: 5 }],
    },
    num_shards: 1n,
    num_partitions: 1n,
    partitions: { _default: 2n },
    consistency_level: 2,
    properties: [],
    virtual_channel_names: ['c'],
  },
  indexes: [],
  manifest_list: ['files/snapshots/45/manifests/77/11.avro'],
  storagev2_manifest_list: [],
  segment_ids: [11n],
  build_ids: [],
  layout: LAYOUT.referenced,
};
