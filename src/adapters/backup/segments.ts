import { ALL_PARTITIONS, logKey, segmentFiles } from '../../backup/layout.js';
import type { BinlogInfo, CollectionBackupInfo, SegmentBackupInfo } from '../../backup/types.js';
import type { SegmentFiles } from '../../binlog/segment.js';
import type { ByteSource } from '../../binlog/source.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';

/** The backup that a collection is read from. */
export interface BackupPlace {
  readonly store: ObjectStore;
  /** Folder of the backup in the store; '' for the store itself. */
  readonly name: string;
  /** Files lie at their log_path, wherever the layout of backups would have them. */
  readonly listed?: true;
  /** The same, in the store of a running server, which removes them when it has compacted them. */
  readonly live?: true;
  /** Times that all rows of a segment have in place of the stored ones, by its id. */
  readonly times?: ReadonlyMap<bigint, bigint>;
  /** What it is, for those who look at it; a backup where absent. */
  readonly kind?: { readonly format: string; readonly text: string };
}

/** A segment with rows, and what deletes rows of it. */
export interface BackupSegment {
  /** For messages: "articles/p_2024, segment 470596403606015188". */
  readonly name: string;
  readonly partition: string;
  readonly info: SegmentBackupInfo;
  readonly files: SegmentFiles;
  /** Time of all rows, where it is not the stored one of each. */
  readonly time: bigint | undefined;
  /** Deletes that were recorded with the segment. */
  readonly deletes: readonly ByteSource[];
  /** Segments of deletes alone (L0) that concern it: all of its partition or of the collection, on its channel. */
  readonly levelZero: readonly SegmentBackupInfo[];
}

/** An object of a store as bytes to be read at any place. */
export function objectSource(store: ObjectStore, key: string, size: number): ByteSource {
  return {
    name: `${key} in ${store.name}`,
    size,
    read: (from, to, into) => store.read(key, { range: { from, to }, ...(into ? { into } : {}) }),
  };
}

/** A file that its server may remove: then what was to be read lies in segments that were made since. */
function liveSource(source: ByteSource): ByteSource {
  return {
    ...source,
    read: (from, to, into) =>
      source.read(from, to, into).catch((thrown: unknown) => {
        if (!(thrown instanceof MilvusdmError) || thrown.code !== 'STORE_MISSING') throw thrown;
        throw fail('SRC_CHANGED', `the server has removed ${source.name}: it has compacted the segment meanwhile`, {
          cause: thrown,
          hint: 'Run again with --restart. The server keeps such files for dataCoord.gc.dropTolerance (hours); a BACKUP is read at leisure.',
        });
      }),
  };
}

/** A log of a segment: in a backup at the place that its layout says, in a snapshot or a server's store where it was named. */
function logSource(
  { store, name, live, listed }: BackupPlace,
  segment: SegmentBackupInfo,
  field: bigint | undefined,
  { log_id: id, log_path: path, log_size: size }: BinlogInfo,
): ByteSource {
  if (live) return liveSource(objectSource(store, path, size));
  if (listed) return objectSource(store, path, size);
  return objectSource(store, logKey(name, segment, field, id), size);
}

const byId = (a: { log_id: bigint }, b: { log_id: bigint }): number =>
  a.log_id < b.log_id ? -1 : a.log_id > b.log_id ? 1 : 0;

/** The delete logs of a segment. */
export function deleteLogs(place: BackupPlace, segment: SegmentBackupInfo): ByteSource[] {
  const logs = segment.deltalogs.flatMap(({ binlogs }) => binlogs);
  return [...logs].sort(byId).map((log) => logSource(place, segment, undefined, log));
}

function filesOf(place: BackupPlace, segment: SegmentBackupInfo, name: string): SegmentFiles {
  const groups = segment.binlogs
    .filter(({ binlogs }) => binlogs.length > 0)
    .map(({ fieldID: id, binlogs }) => ({
      id,
      logs: [...binlogs].sort(byId).map((log) => logSource(place, segment, id, log)),
    }));
  return { name, groups };
}

/** Deletes of a channel concern no rows of another; old backups name no channels. */
function concerns(zero: SegmentBackupInfo, segment: SegmentBackupInfo): boolean {
  return zero.v_channel === '' || segment.v_channel === '' || zero.v_channel === segment.v_channel;
}

/** Throws SRC_CORRUPT for a segment of level 0 with rows, which would be left out: Milvus makes them of deletes alone. */
function requireNoRows(name: string, segments: readonly SegmentBackupInfo[]): void {
  for (const { segment_id: id, binlogs } of segments) {
    const files = binlogs.reduce((sum, field) => sum + field.binlogs.length, 0);
    if (files === 0) continue;
    throw fail(
      'SRC_CORRUPT',
      `segment ${id} of collection "${name}" is one of deletes alone (level 0) and has ${formatCount(files)} files of rows`,
    );
  }
}

/** The segments of the given partitions that have rows, in the order of the backup. Throws SRC_CORRUPT. */
export function segmentsOf(
  place: BackupPlace,
  info: CollectionBackupInfo,
  partitions: ReadonlySet<string>,
): BackupSegment[] {
  const every = info.partition_backups.flatMap(({ segment_backups }) => segment_backups);
  requireNoRows(info.collection_name, [...info.l0_segments, ...every.filter(({ is_l0 }) => is_l0)]);
  const everywhere = info.l0_segments.filter(({ partition_id }) => partition_id === ALL_PARTITIONS);
  return info.partition_backups
    .filter(({ partition_name }) => partitions.has(partition_name))
    .flatMap(({ partition_name: partition, partition_id, segment_backups }) => {
      const zeros = [
        ...everywhere,
        ...info.l0_segments.filter((zero) => zero.partition_id === partition_id),
        ...segment_backups.filter(({ is_l0 }) => is_l0),
      ];
      return segment_backups
        .filter(({ is_l0, binlogs }) => !is_l0 && binlogs.some((field) => field.binlogs.length > 0))
        .map((segment): BackupSegment => {
          const name = `${info.collection_name}/${partition}, segment ${segment.segment_id}`;
          return {
            name,
            partition,
            info: segment,
            files: filesOf(place, segment, name),
            time: place.times?.get(segment.segment_id),
            deletes: deleteLogs(place, segment),
            levelZero: zeros.filter((zero) => concerns(zero, segment)),
          };
        });
    });
}

/** Problems that are told one by one. */
const SHOWN = 3;

function listProblems(problems: readonly string[]): string {
  const more = problems.length - SHOWN;
  return problems.slice(0, SHOWN).join('; ') + (more > 0 ? `; and ${formatCount(more)} more` : '');
}

/**
 * Compares what the meta files name with what is there, by listing the collection's folders. Throws SRC_NOT_FOUND for missing
 * files, else SRC_TRUNCATED for files that are not as long as they were.
 */
export async function checkFiles(
  { store, name }: BackupPlace,
  info: CollectionBackupInfo,
  segments: readonly BackupSegment[],
): Promise<void> {
  const sizes = new Map<string, number>();
  for (const kind of ['insert_log', 'delta_log']) {
    const prefix = `${name === '' ? '' : `${name}/`}binlogs/${kind}/${info.collection_id}/`;
    for await (const { key, size } of store.list(prefix)) sizes.set(key, size);
  }
  const wanted = new Set(segments.flatMap((s) => [s.info, ...s.levelZero]));
  const files = [...wanted].flatMap((segment) => [...segmentFiles(name, segment)]);
  const missing = files.filter(({ key }) => !sizes.has(key)).map(({ key }) => key);
  const where = `of collection "${info.collection_name}" in the backup in ${store.name}`;
  if (missing.length > 0) {
    throw fail('SRC_NOT_FOUND', `${formatCount(missing.length)} files ${where} are missing: ${listProblems(missing)}`, {
      hint: 'Copy the backup again from where it was made; its meta files name what belongs to it.',
    });
  }
  const odd = files.filter(({ key, size }) => sizes.get(key) !== size);
  if (odd.length === 0) return;
  const lines = odd.map(
    ({ key, size }) => `${key} has ${formatCount(sizes.get(key)!)} bytes, had ${formatCount(size)}`,
  );
  throw fail('SRC_TRUNCATED', `files ${where} are not as long as they were: ${listProblems(lines)}`);
}
