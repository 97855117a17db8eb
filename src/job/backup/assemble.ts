import { backupCodec } from '../../backup/meta.js';
import type { LeftOut } from '../../backup/side-file.js';
import type { BackupInfo, CollectionBackupInfo, SegmentBackupInfo } from '../../backup/types.js';
import { placeSegments } from '../../segments/assemble.js';
import type { Capture } from '../../segments/capture.js';
import type { DescribedCollection } from '../../segments/describe.js';
import type { FlushTicket } from '../../segments/server.js';
import { fullName } from '../../segments/server.js';
import type { BackupResult } from './context.js';
import { withoutTtl } from './ttl.js';
import type { Work } from './work.js';

/** A collection of which all files are in their place. */
export interface FinishedCollection {
  readonly info: CollectionBackupInfo;
  readonly left: readonly LeftOut[];
}

/** The collection with its segments in their partitions. */
export function assembleCollection(
  { run: { warn, prepared }, root }: Work,
  { of, info }: DescribedCollection,
  { segments }: Capture,
  ticket: FlushTicket | undefined,
): CollectionBackupInfo {
  const rooted = segments.map((segment) => withRoot(segment, root));
  const { info: placed, stray } = placeSegments(info, rooted);
  if (stray.length > 0) {
    const ids = stray.map(({ segment_id }) => segment_id).join(', ');
    warn(`"${fullName(of)}": segments ${ids} are of partitions that were dropped or made meanwhile, and are left out`);
  }
  return {
    ...placed,
    ...(prepared.config.ttl === false ? { properties: withoutTtl(placed.properties) } : {}),
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
