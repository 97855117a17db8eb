import type { BackupInfo, FieldBinlogInfo, SegmentBackupInfo } from './types.js';

/**
 * Where things of a backup are, relative to the root of its store: `<name>/meta/*.json` and `<name>/binlogs/...`, as
 * milvus-backup v0.5 lays them. The folder of the group above a segment's exists since v0.5, because Milvus imports
 * folders and not files; older backups have none (group 0).
 */

export const META_FILES = {
  backup: 'backup_meta.json',
  collection: 'collection_meta.json',
  partition: 'partition_meta.json',
  segment: 'segment_meta.json',
  /** The commit mark: written last. */
  full: 'full_meta.json',
  /** Ours; others do not look at it. */
  side: 'milvusdm.json',
  /** Of a logical backup, which has none of the above but `side`: its commit mark. */
  manifest: 'manifest.json',
} as const;

export type MetaFile = keyof typeof META_FILES;

/** Partition of deletes that concern all partitions. */
export const ALL_PARTITIONS = -1n;

/** Everything of a backup begins with this. The name '' is the root of the store itself. */
export function backupPrefix(name: string): string {
  return name === '' ? '' : `${name}/`;
}

export function metaKey(name: string, file: MetaFile): string {
  return `${backupPrefix(name)}meta/${META_FILES[file]}`;
}

type SegmentPlace = Pick<SegmentBackupInfo, 'collection_id' | 'partition_id' | 'segment_id' | 'group_id'>;

export type LogKind = 'insert_log' | 'delta_log';

/** The folder of a partition's files, with "/" at its end. */
export function partitionFolder(name: string, kind: LogKind, collection: bigint, partition: bigint): string {
  return `${backupPrefix(name)}binlogs/${kind}/${collection}/${partition}/`;
}

/** The folder that is imported for one segment, with "/" at its end: its group's, or its own where it has no group. */
export function segmentFolder(name: string, kind: LogKind, segment: SegmentPlace): string {
  const above = partitionFolder(name, kind, segment.collection_id, segment.partition_id);
  return `${above}${segment.group_id === 0n ? segment.segment_id : segment.group_id}/`;
}

/** The key of a log; `field` is absent for delta logs. */
export function logKey(name: string, segment: SegmentPlace, field: bigint | undefined, log: bigint): string {
  const kind = field === undefined ? 'delta_log' : 'insert_log';
  const above = partitionFolder(name, kind, segment.collection_id, segment.partition_id);
  const group = segment.group_id === 0n ? '' : `${segment.group_id}/`;
  return `${above}${group}${segment.segment_id}/${field === undefined ? '' : `${field}/`}${log}`;
}

/** A file that a backup's meta files name. */
export interface BackupFile {
  readonly key: string;
  readonly size: number;
  readonly segment: SegmentBackupInfo;
  /** Absent for delta logs. */
  readonly field: bigint | undefined;
  readonly log: bigint;
}

function* logsOf(
  name: string,
  segment: SegmentBackupInfo,
  fields: readonly FieldBinlogInfo[],
  insert: boolean,
): Generator<BackupFile> {
  for (const { fieldID, binlogs } of fields) {
    const field = insert ? fieldID : undefined;
    for (const { log_id: log, log_size: size } of binlogs) {
      yield { key: logKey(name, segment, field, log), size, segment, field, log };
    }
  }
}

/** The files of a segment: insert logs by field, then delta logs. */
export function* segmentFiles(name: string, segment: SegmentBackupInfo): Generator<BackupFile> {
  yield* logsOf(name, segment, segment.binlogs, true);
  yield* logsOf(name, segment, segment.deltalogs, false);
}

/** All files that a backup's meta files name. */
export function* backupFiles(name: string, info: BackupInfo): Generator<BackupFile> {
  for (const collection of info.collection_backups) {
    for (const partition of collection.partition_backups) {
      for (const segment of partition.segment_backups) yield* segmentFiles(name, segment);
    }
    for (const segment of collection.l0_segments) yield* segmentFiles(name, segment);
  }
}
