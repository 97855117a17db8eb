import { formatCount, plural } from '../../util/bytes.js';
import type { SnapshotDetails } from './types.js';

const TTL = 'collection.ttl.seconds';

function ttlOf({ shape }: SnapshotDetails): number {
  const seconds = Number(shape?.properties[TTL] ?? 0);
  return Number.isFinite(seconds) ? seconds : 0;
}

function ttlWarning(details: SnapshotDetails, to: string, now: number): string | undefined {
  const seconds = ttlOf(details);
  if (seconds <= 0) return undefined;
  const age = Math.floor((now - details.created) / 1000);
  const what =
    age >= seconds
      ? `the snapshot is ${formatCount(age)} s old, so that all of its rows have expired`
      : `rows that are older are hidden and removed by compaction`;
  return `"${details.collection}" has ${TTL} = ${formatCount(seconds)}, and the restored rows keep their age: ${what}; set ${TTL} of "${to}" to 0 (or higher) as soon as it exists`;
}

/**
 * The limits of the guide, checked before a restore: what of TTL, shards and partitions the restored collection takes over.
 * Notes say what will be, warnings what may surprise.
 */
export function restoreLimits(
  details: SnapshotDetails,
  to: string,
  now: number,
): { readonly notes: readonly string[]; readonly warnings: readonly string[] } {
  const { shape, partitions } = details;
  if (!shape) {
    const warning = `what "${details.collection}" was like is not known (it is gone, and the snapshot's metadata is out of reach): TTL, shards and partitions could not be checked`;
    return { notes: [], warnings: [warning] };
  }
  const from = shape.source === 'collection' ? ', by the collection as it is now' : '';
  const parts = partitions.length > 0 ? `, ${plural(partitions.length, 'partition')} (${partitions.join(', ')})` : '';
  const notes = [`${plural(shape.shards, 'shard')}${parts}, the same as the snapshot has${from}`];
  const ttl = ttlWarning(details, to, now);
  return { notes, warnings: ttl === undefined ? [] : [ttl] };
}
