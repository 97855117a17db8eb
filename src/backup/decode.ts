import { fail } from '../util/errors.js';
import { type Codec, Misfit } from './codec.js';
import { type JsonValue, parseJson } from './json.js';
import { backupCodec, collectionCodec, levelCodec, partitionCodec, segmentCodec } from './meta.js';
import type { BackupInfo, PartitionBackupInfo, SegmentBackupInfo } from './types.js';

/** A meta file as it was read. */
export interface MetaFileBytes {
  /** For messages. */
  readonly where: string;
  readonly bytes: Uint8Array;
}

/** The four level files, of which old backups have no sum. */
export interface LevelFiles {
  readonly backup: MetaFileBytes;
  readonly collection: MetaFileBytes;
  readonly partition: MetaFileBytes;
  readonly segment: MetaFileBytes;
}

/** Longest string of V8. */
const LONGEST = 0x1fffffe8;

function parse({ where, bytes }: MetaFileBytes): JsonValue {
  if (bytes.length > LONGEST) {
    throw fail('SRC_UNSUPPORTED', `${where} has ${bytes.length} bytes, of which Node reads ${LONGEST} as one text`);
  }
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw fail('SRC_CORRUPT', `${where} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

function decode<T>(codec: Codec<T>, value: JsonValue, where: string): T {
  try {
    return codec.read(value);
  } catch (cause) {
    if (!(cause instanceof Misfit)) throw cause;
    throw fail('SRC_CORRUPT', `${where} is not what milvus-backup writes: ${cause.message.replace(/^: /, '')}`, {
      cause,
    });
  }
}

/**
 * Refuses what is no backup of binlogs before anything else of the file is looked at: to who does not know it, a bundle
 * of Milvus 3.0 looks like collections without rows.
 */
function requireFormat(value: JsonValue, where: string): void {
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (format === undefined || format === null || format === '' || format === 'binlog') return;
  const what = format === 'snapshot' ? 'a snapshot bundle of Milvus 3.0' : `of the format ${JSON.stringify(format)}`;
  throw fail('SRC_UNSUPPORTED', `${where} says that this backup is ${what}, which milvusdm does not read`, {
    hint: 'Make the backup with `--format binlog`, or use the milvus-backup that made it.',
  });
}

/** Throws SRC_CORRUPT, and SRC_UNSUPPORTED for a backup that holds no binlogs. */
export function decodeFullMeta(file: MetaFileBytes): BackupInfo {
  const value = parse(file);
  requireFormat(value, file.where);
  return decode(backupCodec, value, file.where);
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

const placeOf = ({ collection_id, partition_id }: PartitionBackupInfo | SegmentBackupInfo): string =>
  `${collection_id}/${partition_id}`;

/** Puts the four level files together. Throws as {@link decodeFullMeta}. */
export function decodeLevels(files: LevelFiles): BackupInfo {
  const top = parse(files.backup);
  requireFormat(top, files.backup.where);
  const info = decode(backupCodec, top, files.backup.where);
  const level = <T>(codec: Codec<T>, file: MetaFileBytes): readonly T[] =>
    decode(levelCodec(codec), parse(file), file.where).infos;
  const partitions = level(partitionCodec, files.partition);
  const segments = groupBy(level(segmentCodec, files.segment), placeOf);
  const known = new Set(partitions.map(placeOf));
  const stray = [...segments].find(([place]) => !known.has(place))?.[1][0];
  if (stray) {
    const { segment_id, partition_id } = stray;
    throw fail(
      'SRC_CORRUPT',
      `${files.segment.where} has segment ${segment_id} of partition ${partition_id}, of which ${files.partition.where} says nothing`,
    );
  }
  const whole = groupBy(
    partitions.map((p) => ({ ...p, segment_backups: segments.get(placeOf(p)) ?? [] })),
    (p) => String(p.collection_id),
  );
  const collections = level(collectionCodec, files.collection);
  return {
    ...info,
    collection_backups: collections.map((c) => ({
      ...c,
      partition_backups: whole.get(String(c.collection_id)) ?? [],
    })),
  };
}
