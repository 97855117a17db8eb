import type { StorageConfig } from '../../src/config/types.js';
import { openSelfContained } from '../../src/job/snapshot/self-contained/index.js';
import { encodeManifest, NO_POSITION } from '../../src/snapshot/manifest.js';
import { encodeMetadata, NO_FIELD, NO_SCHEMA } from '../../src/snapshot/metadata.js';
import { openSnapshot, readSnapshotFile } from '../../src/snapshot/open.js';
import { LAYOUT, type ManifestLogs, type SegmentManifest, type SnapshotMetadata } from '../../src/snapshot/types.js';
import { anySignal } from '../../src/util/abort.js';
import { createMemoryStore } from '../../test/support/memory-store.js';
import type { Result } from '../lib/results.js';
import type { Setup } from '../lib/setup.js';
import { median } from '../lib/stats.js';

const SECTION = 'snapshot';
const SEGMENTS = 1000;
const MOST_MS = 50;
const COLLECTION = 470596403606015188n;
const KEY = `files/snapshots/${COLLECTION}/metadata/7.json`;

function logsOf(field: bigint, path: string, id: bigint): ManifestLogs {
  const log = {
    entries_num: 100_000n,
    timestamp_from: 470596602995146756n,
    timestamp_to: 470596602995146756n,
    log_path: path,
    log_size: 123_456n,
    log_id: id,
    memory_size: 0n,
  };
  return { field_id: field, child_fields: [], format: '', binlogs: [log] };
}

/** A segment of 10 fields, with deletes. */
function segment(at: number): SegmentManifest {
  const id = COLLECTION + BigInt(at) + 1n;
  const above = `${COLLECTION}/${COLLECTION}/${id}`;
  const fields = [0n, 1n, ...Array.from({ length: 8 }, (_, i) => 100n + BigInt(i))];
  return {
    segment_id: id,
    partition_id: COLLECTION,
    segment_level: 0n,
    channel_name: `by-dev-rootcoord-dml_0_${COLLECTION}v0`,
    num_of_rows: 100_000n,
    start_position: NO_POSITION,
    dml_position: NO_POSITION,
    storage_version: 0n,
    is_sorted: false,
    commit_timestamp: 0n,
    binlog_files: fields.map((field) => logsOf(field, `files/insert_log/${above}/${field}/${id}`, id)),
    deltalog_files: [logsOf(0n, `files/delta_log/${above}/${id}`, id)],
    statslog_files: [],
    bm25_statslog_files: [],
    index_files: [],
    text_index_files: [],
    json_key_index_files: [],
  };
}

function metadataOf(segments: readonly SegmentManifest[]): SnapshotMetadata {
  const fields = [{ ...NO_FIELD, fieldID: 100n, name: 'id', is_primary_key: true, data_type: 5 }];
  return {
    format_version: 4,
    snapshot_info: {
      name: 'bench',
      id: 7n,
      description: '',
      collection_id: COLLECTION,
      partition_ids: [COLLECTION],
      create_ts: 1n << 60n,
      s3_location: KEY,
      pin_ids: [],
    },
    collection: {
      schema: { ...NO_SCHEMA, name: 'bench', fields },
      num_shards: 1n,
      num_partitions: 1n,
      partitions: { _default: COLLECTION },
      consistency_level: 2,
      properties: [],
      virtual_channel_names: [],
    },
    indexes: [],
    manifest_list: segments.map(({ segment_id }) => `files/snapshots/${COLLECTION}/manifests/7/${segment_id}.avro`),
    storagev2_manifest_list: [],
    segment_ids: segments.map(({ segment_id }) => segment_id),
    build_ids: [],
    layout: LAYOUT.referenced,
  };
}

/** Metadata and manifests alone, in memory: what a snapshot costs beyond the copying and listing of its files. */
export async function snapshotSection(setup: Setup): Promise<Result[]> {
  const segments = Array.from({ length: SEGMENTS }, (_, at) => segment(at));
  const metadata = metadataOf(segments);
  const made: number[] = [];
  const read: number[] = [];
  for (let round = 0; round < Math.max(5, setup.repetitions); round++) {
    const store = createMemoryStore();
    const began = performance.now();
    for (const [at, key] of metadata.manifest_list.entries()) store.objects.set(key, encodeManifest(segments[at]!, 4));
    store.objects.set(KEY, encodeMetadata(metadata));
    made.push(performance.now() - began);
    const from = performance.now();
    const opened = await openSnapshot(store, await readSnapshotFile(store, KEY));
    read.push(performance.now() - from);
    if (opened.segments.length !== SEGMENTS) throw new Error(`${opened.segments.length} segments came back`);
  }
  const target = { at: 'most', value: MOST_MS } as const;
  const line = (name: string, values: readonly number[]): Result => ({
    section: SECTION,
    name: `metadata and manifests of 1,000 segments, ${name}`,
    value: median(values),
    unit: 'ms',
    values,
    target,
  });
  return [line('made', made), line('read', read)];
}

/** Creates a self-contained snapshot and drops it; gives the seconds of the first. */
export async function createSnapshot(address: string, storage: StorageConfig, collection: string): Promise<number> {
  const endpoint = { at: { kind: 'server', address, tls: false } } as const;
  const o = { log() {}, warn() {}, signal: anySignal(), retryForMs: 60_000 };
  await using keeper = await openSelfContained({ endpoint, storage }, o);
  const ref = { db: 'default', collection, name: 'bench_snapshot' };
  const began = performance.now();
  await keeper.create({ ...ref, description: '', flush: true });
  const took = (performance.now() - began) / 1000;
  await keeper.drop(ref);
  return took;
}
