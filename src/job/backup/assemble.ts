import { backupCodec } from '../../backup/meta.js';
import type { LeftOut } from '../../backup/side-file.js';
import type { BackupInfo, CollectionBackupInfo, SegmentBackupInfo } from '../../backup/types.js';
import { fullName } from './choose.js';
import type { BackupResult } from './context.js';
import type { DescribedCollection } from './describe.js';
import type { FlushTicket } from './server.js';
import type { Snapshot } from './snapshot.js';
import type { Work } from './work.js';

/** A collection of which all files are in their place. */
export interface FinishedCollection {
  readonly info: CollectionBackupInfo;
  readonly left: readonly LeftOut[];
}

/** The collection with its segments in their partitions. */
export function assembleCollection(
  { run: { warn }, root }: Work,
  { of, info }: DescribedCollection,
  { segments }: Snapshot,
  ticket: FlushTicket | undefined,
): CollectionBackupInfo {
  const rooted = segments.map((segment) => withRoot(segment, root));
  const known = new Set(info.partition_backups.map(({ partition_id }) => partition_id));
  const partitions = info.partition_backups.map((partition) => {
    const own = rooted.filter(({ partition_id }) => partition_id === partition.partition_id);
    return { ...partition, segment_backups: own, size: own.reduce((sum, { size }) => sum + size, 0) };
  });
  const l0 = rooted.filter(({ is_l0, partition_id }) => is_l0 && !known.has(partition_id));
  const stray = rooted.filter(({ is_l0, partition_id }) => !is_l0 && !known.has(partition_id));
  if (stray.length > 0) {
    const ids = stray.map(({ segment_id }) => segment_id).join(', ');
    warn(`"${fullName(of)}": segments ${ids} are of partitions that were dropped or made meanwhile, and are left out`);
  }
  const sum = (sizes: readonly { readonly size: number }[]): number => sizes.reduce((all, { size }) => all + size, 0);
  return {
    ...info,
    partition_backups: partitions,
    l0_segments: l0,
    size: sum(partitions) + sum(l0),
    backup_timestamp: ticket?.checkpoint ?? 0n,
    backup_physical_timestamp: ticket?.sealed ?? 0n,
    channel_checkpoints: ticket?.checkpoints ?? {},
  };
}

/** Log paths as the server calls them; nobody reads them, but they say where a file came from. */
function withRoot(segment: SegmentBackupInfo, root: string): SegmentBackupInfo {
  const rooted = (fields: SegmentBackupInfo['binlogs']): SegmentBackupInfo['binlogs'] =>
    fields.map((field) => ({
      ...field,
      binlogs: field.binlogs.map((log) => ({ ...log, log_path: `${root}${log.log_path}` })),
    }));
  return { ...segment, binlogs: rooted(segment.binlogs), deltalogs: rooted(segment.deltalogs) };
}

/** What full_meta.json will say. */
export function assembleBackup({ run: { prepared } }: Work, finished: readonly FinishedCollection[]): BackupInfo {
  return {
    ...backupCodec.zero,
    id: prepared.id,
    name: prepared.name,
    collection_backups: finished.map(({ info }) => info),
    size: finished.reduce((sum, { info }) => sum + info.size, 0),
    milvus_version: prepared.server.version,
    rbac_meta: prepared.rbac,
    database_backups: prepared.databases,
  };
}

export function summarize(work: Work, info: BackupInfo, left: readonly LeftOut[]): BackupResult {
  const rowsOf = ({ partition_backups }: CollectionBackupInfo): number =>
    partition_backups.flatMap((p) => p.segment_backups).reduce((sum, s) => sum + s.num_of_rows, 0);
  const { copied, fromBase, reusedFiles } = work.progress;
  return {
    rows: new Map(info.collection_backups.map((c) => [`${c.db_name}.${c.collection_name}`, rowsOf(c)])),
    files: work.placed.size,
    bytes: info.size,
    copied,
    fromBase,
    reused: reusedFiles,
    leftOut: left,
    checksums: [...work.placed.values()].filter(({ sum }) => sum !== undefined).length,
  };
}
