import type { Listing, SourceLog, SourceSegment } from './listing.js';
import type { SegmentLogs } from './rest-segments.js';

/** What the server says of segments, by id. */
export type KnownLogs = ReadonlyMap<bigint, SegmentLogs>;

/** What of a segment's files the server knows; others are what a flush that was cut short has left, or compaction. */
export function knownFiles(
  files: SourceSegment,
  known: SegmentLogs,
): { files: SourceSegment; unknown: readonly SourceLog[] } {
  const insert = [...files.insert].map(([field, logs]) => {
    const ids = known.insert.get(field);
    return { field, logs: logs.filter(({ log }) => ids?.has(log)), others: logs.filter(({ log }) => !ids?.has(log)) };
  });
  return {
    files: {
      insert: new Map(insert.filter(({ logs }) => logs.length > 0).map(({ field, logs }) => [field, logs])),
      delta: files.delta.filter(({ log }) => known.delta.has(log)),
    },
    unknown: [...insert.flatMap(({ others }) => others), ...files.delta.filter(({ log }) => !known.delta.has(log))],
  };
}

/** A log that the server knows and its store does not have (any more). */
export function lacksLogs(known: KnownLogs, listing: Listing): bigint | undefined {
  for (const [segment, { insert, delta }] of known) {
    const files = listing.get(segment);
    const has = (ids: ReadonlySet<bigint>, logs: readonly SourceLog[] = []): boolean => {
      const there = new Set(logs.map(({ log }) => log));
      return [...ids].every((id) => there.has(id));
    };
    if (!has(delta, files?.delta)) return segment;
    for (const [field, ids] of insert) if (!has(ids, files?.insert.get(field))) return segment;
  }
  return undefined;
}
