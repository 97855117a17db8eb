import { segmentFiles } from '../../../../src/backup/layout.js';
import { collectionCodec, fieldCodec, partitionCodec, schemaCodec, segmentCodec } from '../../../../src/backup/meta.js';
import type {
  CollectionBackupInfo,
  FieldSchemaInfo,
  PartitionBackupInfo,
  SegmentBackupInfo,
} from '../../../../src/backup/types.js';
import type { RestoreConfig } from '../../../../src/config/types.js';
import type { RestoreItem } from '../../../../src/job/restore/choose.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

export const NAME = 'b1';

export function field(
  fieldID: bigint,
  name: string,
  data_type: number,
  more: Partial<FieldSchemaInfo> = {},
): FieldSchemaInfo {
  return { ...fieldCodec.zero, fieldID, name, data_type, ...more };
}

/** A segment of one chunk of one field, with a delta log where `deletes`. */
export function segment(
  id: bigint,
  partition: bigint,
  o: { rows?: number; deletes?: boolean; l0?: boolean } = {},
): SegmentBackupInfo {
  const log = (log_id: bigint, log_size: number) => ({ log_path: '', log_size, log_id });
  return {
    ...segmentCodec.zero,
    segment_id: id,
    collection_id: 7n,
    partition_id: partition,
    group_id: id,
    num_of_rows: o.l0 ? 0 : (o.rows ?? 10),
    is_l0: o.l0 ?? false,
    binlogs: o.l0 ? [] : [{ fieldID: 100n, binlogs: [log(id * 10n, 5)] }],
    deltalogs: [{ fieldID: 0n, binlogs: o.deletes || o.l0 ? [log(id * 10n + 1n, 3)] : [] }],
    size: 5,
  };
}

export function partition(id: bigint, name: string, segments: readonly SegmentBackupInfo[] = []): PartitionBackupInfo {
  return {
    ...partitionCodec.zero,
    partition_id: id,
    partition_name: name,
    collection_id: 7n,
    segment_backups: segments,
  };
}

export function collection(name: string, more: Partial<CollectionBackupInfo> = {}): CollectionBackupInfo {
  const fields = [field(100n, 'id', 5, { is_primary_key: true }), field(101n, 'v', 101)];
  return {
    ...collectionCodec.zero,
    collection_id: 7n,
    collection_name: name,
    schema: { ...schemaCodec.zero, name, fields },
    ...more,
  };
}

export function item(info: CollectionBackupInfo): RestoreItem {
  return { info, source: `default.${info.collection_name}`, db: 'default', name: info.collection_name };
}

export const CONFIG: RestoreConfig = {
  task: 'RESTORE',
  endpoint: { at: { kind: 'server', address: 'a:1', tls: false } },
  store: { type: 'local', path: '/backups' },
  name: NAME,
  select: ['*.*'],
  exclude: [],
  rename: { map: {} },
  mode: 'skip',
  index: 'restore',
  load: 'restore',
  metaOnly: false,
  rbac: false,
  passwords: {},
  verify: 'count',
  parallelism: 2,
  retryFor: 1,
  notes: [],
  secrets: [],
};

/** A store with the files of a collection. */
export function storeOf(info: CollectionBackupInfo): MemoryStore {
  const store = createMemoryStore();
  const segments = [...info.partition_backups.flatMap((p) => p.segment_backups), ...info.l0_segments];
  for (const { key, size } of segments.flatMap((one) => [...segmentFiles(NAME, one)])) {
    store.objects.set(key, new Uint8Array(size));
  }
  return store;
}
