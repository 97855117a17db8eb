import {
  ALL_PARTITIONS,
  backupPrefix,
  type LogKind,
  partitionFolder,
  segmentFiles,
  segmentFolder,
} from '../../backup/layout.js';
import type { PartitionBackupInfo, SegmentBackupInfo } from '../../backup/types.js';
import type { ObjectStore, StoreOptions } from '../../store/types.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { RestoreItem } from './choose.js';

/** The folders of a segment, or of several below them, as keys of the backup's store. */
export interface ImportFolders {
  /** With "/" at the end; absent where there are only deletes (L0). */
  readonly insert?: string;
  readonly delta?: string;
}

/** What the server takes as one. */
export interface ImportUnit extends ImportFolders {
  /** '' for deletes of all partitions. */
  readonly partition: string;
  /** Further ones, where several units are one import. */
  readonly also?: readonly ImportFolders[];
  /** Of its rows, where the backup says it: those of an import are of one. */
  readonly channel?: string;
  /** Rows in the files. */
  readonly rows: number;
  /** Size of the files of deletes. */
  readonly deltaBytes: number;
  readonly bytes: number;
  readonly storageVersion: number;
  /** For messages and the log. */
  readonly name: string;
}

/** Where the files of a collection lie. Folders have "/" at their end. */
export interface FilesLayout {
  collection(kind: LogKind, collection: bigint): string;
  partition(kind: LogKind, collection: bigint, partition: bigint): string;
  segment(kind: LogKind, segment: SegmentBackupInfo): string;
  files(segment: SegmentBackupInfo): Iterable<{ readonly key: string; readonly size: number }>;
}

/** That of a backup. */
export function backupLayout(name: string): FilesLayout {
  return {
    collection: (kind, collection) => `${backupPrefix(name)}binlogs/${kind}/${collection}/`,
    partition: (kind, collection, partition) => partitionFolder(name, kind, collection, partition),
    segment: (kind, segment) => segmentFolder(name, kind, segment),
    files: (segment) => segmentFiles(name, segment),
  };
}

/** All files of a backup's collection that the server will read. */
export interface CollectionFiles {
  readonly units: readonly ImportUnit[];
  readonly files: readonly { readonly key: string; readonly size: number }[];
}

/** Servers up to this take all segments below a folder in one import; later ones take a folder for one segment. */
export function takesPartitions(version: string): boolean {
  const [, major = 99, minor = 0] = (/(\d+)\.(\d+)/.exec(version) ?? []).map(Number);
  return major < 2 || (major === 2 && minor < 4);
}

async function listed(store: ObjectStore, prefix: string, o: StoreOptions): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { key, size } of store.list(prefix, o)) found.set(key, size);
  return found;
}

function partitionName({ partition_id: id, partition_name: name }: PartitionBackupInfo): string {
  return name === '' && id === ALL_PARTITIONS ? '' : name;
}

function hasDeletes({ deltalogs }: SegmentBackupInfo): boolean {
  return deltalogs.some(({ binlogs }) => binlogs.length > 0);
}

function deltaBytes(segments: readonly SegmentBackupInfo[]): number {
  return segments
    .flatMap(({ deltalogs }) => deltalogs.flatMap(({ binlogs }) => binlogs))
    .reduce((sum, { log_size: size }) => sum + size, 0);
}

function unitOf(
  partition: string,
  segments: readonly SegmentBackupInfo[],
  folders: ReturnType<typeof foldersOf>,
): ImportUnit {
  return {
    partition,
    ...folders,
    rows: segments.reduce((sum, { num_of_rows: rows }) => sum + rows, 0),
    deltaBytes: deltaBytes(segments),
    bytes: segments.reduce((sum, { size }) => sum + size, 0),
    storageVersion: segments[0]?.storage_version ?? 0,
    ...(segments[0]?.v_channel ? { channel: segments[0].v_channel } : {}),
    name: segments.length === 1 ? `segment ${segments[0]?.segment_id}` : plural(segments.length, 'segment'),
  };
}

function foldersOf(
  insert: string,
  delta: string,
  segments: readonly SegmentBackupInfo[],
): { insert: string; delta?: string } {
  return segments.some(hasDeletes) ? { insert, delta } : { insert };
}

/**
 * The imports of a partition: one where its folder holds just what the meta files name, else one for each segment. From 2.4 on
 * the server takes what lies right below a folder for segments, which without groups is the partition's own.
 */
function unitsOf(
  layout: FilesLayout,
  partition: PartitionBackupInfo,
  o: { readonly together: boolean; readonly exact: boolean },
): ImportUnit[] {
  const segments = partition.segment_backups.filter(({ is_l0: l0, num_of_rows: rows }) => !l0 && rows > 0);
  const [first] = segments;
  if (!first) return [];
  const called = partitionName(partition);
  const flat = !o.together && segments.every(({ group_id: group }) => group === 0n);
  if (flat && !o.exact) {
    throw fail(
      'SRC_CORRUPT',
      `partition "${called}" has files that its meta files do not name, and its segments have no folders of groups`,
      { hint: 'Remove those files, or restore it row by row: M2M with source_backup.' },
    );
  }
  if ((o.together && o.exact) || flat) {
    const folder = (kind: LogKind): string => layout.partition(kind, first.collection_id, first.partition_id);
    return [unitOf(called, segments, foldersOf(folder('insert_log'), folder('delta_log'), segments))];
  }
  return segments.map((segment) => {
    const folder = (kind: LogKind): string => layout.segment(kind, segment);
    return unitOf(called, [segment], foldersOf(folder('insert_log'), folder('delta_log'), [segment]));
  });
}

/** Deletes that stand in segments of their own, which are imported behind the rows (Milvus 2.4 and later). */
function deleteUnits(layout: FilesLayout, item: RestoreItem): ImportUnit[] {
  const { partition_backups: partitions, l0_segments: everywhere } = item.info;
  const own = partitions.flatMap((partition) =>
    partition.segment_backups
      .filter(({ is_l0: l0 }) => l0)
      .map((segment) => ({ segment, partition: partitionName(partition) })),
  );
  const all = [...own, ...everywhere.map((segment) => ({ segment, partition: '' }))];
  return all
    .filter(({ segment }) => hasDeletes(segment))
    .map(({ segment, partition }) => {
      const { insert: _, ...unit } = unitOf(partition, [segment], { insert: '' });
      return { ...unit, delta: layout.segment('delta_log', segment) };
    });
}

/**
 * Compares the files of a collection with what the store has, and says how they are to be imported. Throws SRC_TRUNCATED
 * for a file that is missing or has another size, SRC_CORRUPT for one that nobody knows among those that would be imported.
 */
export async function collectionFiles(
  store: ObjectStore,
  layout: FilesLayout,
  item: RestoreItem,
  o: StoreOptions & { readonly together: boolean; readonly staged: boolean },
): Promise<CollectionFiles> {
  const id = item.info.collection_id;
  const [inserts, deltas] = await Promise.all(
    (['insert_log', 'delta_log'] as const).map((kind) => listed(store, layout.collection(kind, id), o)),
  );
  const there = new Map([...(inserts ?? []), ...(deltas ?? [])]);
  const segments = [...item.info.partition_backups.flatMap((p) => p.segment_backups), ...item.info.l0_segments];
  const files = segments.flatMap((segment) => [...layout.files(segment)]);
  const wanted = new Map(files.map(({ key, size }) => [key, size]));
  for (const [key, size] of wanted) {
    const have = there.get(key);
    if (have === size) continue;
    const what = have === undefined ? 'is missing' : `has ${have} bytes, ${size} are expected`;
    throw fail('SRC_TRUNCATED', `"${item.source}": ${key} in ${store.name} ${what}`, {
      hint: '`milvusdm backup verify` names all such files. Copy the backup again, or restore another one.',
    });
  }
  const extra = o.staged ? [] : [...there.keys()].filter((key) => !wanted.has(key));
  const folders = segments.flatMap((segment) => [
    layout.segment('insert_log', segment),
    layout.segment('delta_log', segment),
  ]);
  const foreign = extra.find((key) => folders.some((folder) => key.startsWith(folder)));
  if (foreign !== undefined) {
    throw fail(
      'SRC_CORRUPT',
      `"${item.source}": ${foreign} in ${store.name} belongs to no backup, and would be imported with it`,
      {
        hint: 'Remove it.',
      },
    );
  }
  const exact = (partition: bigint): boolean =>
    !extra.some((key) =>
      (['insert_log', 'delta_log'] as const).some((kind) => key.startsWith(layout.partition(kind, id, partition))),
    );
  const units = item.info.partition_backups.flatMap((partition) =>
    unitsOf(layout, partition, { together: o.together, exact: exact(partition.partition_id) }),
  );
  return { units: [...units, ...deleteUnits(layout, item)], files: [...wanted].map(([key, size]) => ({ key, size })) };
}
