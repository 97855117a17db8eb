import type { CollectionBackupInfo, SegmentBackupInfo } from '../backup/types.js';

/** A collection with its segments in their partitions. */
export interface PlacedSegments {
  readonly info: CollectionBackupInfo;
  /** Segments of partitions that the description does not have: they were dropped or made meanwhile. */
  readonly stray: readonly SegmentBackupInfo[];
}

const sizesOf = (sizes: readonly { readonly size: number }[]): number => sizes.reduce((sum, { size }) => sum + size, 0);

/** Puts segments into the partitions of a collection that was described; L0 segments of none of them go to the collection. */
export function placeSegments(info: CollectionBackupInfo, segments: readonly SegmentBackupInfo[]): PlacedSegments {
  const known = new Set(info.partition_backups.map(({ partition_id }) => partition_id));
  const partitions = info.partition_backups.map((partition) => {
    const own = segments.filter(({ partition_id }) => partition_id === partition.partition_id);
    return { ...partition, segment_backups: own, size: sizesOf(own) };
  });
  const others = segments.filter(({ partition_id }) => !known.has(partition_id));
  const l0 = others.filter(({ is_l0 }) => is_l0);
  return {
    info: { ...info, partition_backups: partitions, l0_segments: l0, size: sizesOf(partitions) + sizesOf(l0) },
    stray: others.filter(({ is_l0 }) => !is_l0),
  };
}
