import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { encodeManifest } from '../../src/snapshot/manifest.js';
import { encodeMetadata, NO_FIELD, NO_SCHEMA } from '../../src/snapshot/metadata.js';
import { LAYOUT, type ManifestLogs, type SnapshotMetadata } from '../../src/snapshot/types.js';
import { BARE } from '../../test/unit/snapshot/support.js';

const VERSION = 4;
const ID = 7n;
const LOGS = 'binlogs/insert_log';
const TYPES = { int64: 5, floatVector: 101 };

/**
 * Writes a snapshot's metadata and manifest beside the files of a backup that `peers/backup_data.py` has made: the same files,
 * as a snapshot that refers to them.
 */
export function snapshotOf(backup: string, rows: number, dim: number): void {
  const all = readdirSync(join(backup, LOGS), { recursive: true, encoding: 'utf8' });
  const files = all.filter((path) => statSync(join(backup, LOGS, path)).isFile()).sort();
  const [collection, partition, segment] = files[0]!.split('/', 3).map(BigInt) as [bigint, bigint, bigint];
  const fields = new Map<bigint, ManifestLogs>();
  for (const path of files) {
    const [field, id] = path.split('/').slice(-2).map(BigInt) as [bigint, bigint];
    const known = fields.get(field)?.binlogs ?? [];
    const log = {
      entries_num: 0n,
      timestamp_from: 0n,
      timestamp_to: 0n,
      log_path: `${LOGS}/${path}`,
      log_size: BigInt(statSync(join(backup, LOGS, path)).size),
      log_id: id,
      memory_size: 0n,
    };
    fields.set(field, { field_id: field, child_fields: [], format: '', binlogs: [...known, log] });
  }
  const key = `snapshots/${collection}/metadata/${ID}.json`;
  const manifest = `snapshots/${collection}/manifests/${ID}/${segment}.avro`;
  const schema = {
    ...NO_SCHEMA,
    name: 'bench',
    fields: [
      { ...NO_FIELD, fieldID: 100n, name: 'id', is_primary_key: true, data_type: TYPES.int64 },
      {
        ...NO_FIELD,
        fieldID: 101n,
        name: 'embedding',
        data_type: TYPES.floatVector,
        type_params: [{ key: 'dim', value: String(dim) }],
      },
    ],
  };
  const metadata: SnapshotMetadata = {
    format_version: VERSION,
    snapshot_info: {
      name: 'bench',
      id: ID,
      description: '',
      collection_id: collection,
      partition_ids: [partition],
      create_ts: 1n << 60n,
      s3_location: key,
      pin_ids: [],
    },
    collection: {
      schema,
      num_shards: 1n,
      num_partitions: 1n,
      partitions: { _default: partition },
      consistency_level: 2,
      properties: [],
      virtual_channel_names: [],
    },
    indexes: [],
    manifest_list: [manifest],
    storagev2_manifest_list: [],
    segment_ids: [segment],
    build_ids: [],
    layout: LAYOUT.referenced,
  };
  const bytes = encodeManifest(
    {
      ...BARE,
      segment_id: segment,
      partition_id: partition,
      segment_level: 2n,
      num_of_rows: BigInt(rows),
      binlog_files: [...fields.values()],
    },
    VERSION,
  );
  for (const [path, content] of [
    [manifest, bytes],
    [key, encodeMetadata(metadata)],
  ] as const) {
    mkdirSync(dirname(join(backup, path)), { recursive: true });
    writeFileSync(join(backup, path), content);
  }
}
