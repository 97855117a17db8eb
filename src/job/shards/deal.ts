import type { Split } from '../../adapters/types.js';

/** Rows [from, to) of a split of the source, and the shard that writes them. */
export interface Part {
  /** Id of the split. */
  readonly split: string;
  readonly from: number;
  readonly to: number;
  /** Rows that the whole split has. */
  readonly of: number;
  /** 0 and up. */
  readonly shard: number;
}

type Measured = Pick<Split, 'id' | 'rows' | 'bytes'>;

/** Splits that can be read from any row on: each shard gets the same number of bytes, in one stretch of the source. */
function cutEvenly(splits: readonly Measured[], shards: number): Part[] {
  const total = splits.reduce((sum, s) => sum + s.bytes, 0);
  const parts: Part[] = [];
  let start = 0;
  let shard = 0;
  for (const { id, rows, bytes } of splits) {
    let from = 0;
    const end = start + bytes;
    while (shard < shards - 1 && (total * (shard + 1)) / shards < end) {
      const share = ((total * (shard + 1)) / shards - start) / bytes;
      const to = Math.min(rows, Math.max(from, Math.round(share * rows)));
      if (to > from) parts.push({ split: id, from, to, of: rows, shard });
      from = to;
      shard++;
    }
    if (from < rows || rows === 0) parts.push({ split: id, from, to: rows, of: rows, shard });
    start = end;
  }
  return parts;
}

function leastLoaded(loads: readonly number[]): number {
  let least = 0;
  for (const [shard, load] of loads.entries()) if (load < loads[least]!) least = shard;
  return least;
}

/** Splits that are read as a whole: the largest first, each to the shard that has least so far. */
function dealWhole(splits: readonly Measured[], loads: number[]): Part[] {
  const order = [...splits.keys()].sort((a, b) => splits[b]!.bytes - splits[a]!.bytes || a - b);
  const owners = new Map<number, number>();
  for (const i of order) {
    const shard = leastLoaded(loads);
    owners.set(i, shard);
    loads[shard]! += splits[i]!.bytes;
  }
  return splits.map(({ id, rows }, i) => ({ split: id, from: 0, to: rows, of: rows, shard: owners.get(i)! }));
}

/**
 * Deals the splits of a source out to shards: every row to exactly one of them, the same way whenever it is asked. The parts
 * come in the order of the source.
 * @param loads bytes that each shard has of earlier collections; what it gets here is added
 */
export function dealOut(splits: readonly Measured[], loads: number[], cuttable: boolean): Part[] {
  if (!cuttable) return dealWhole(splits, loads);
  const parts = cutEvenly(splits, loads.length);
  const bytes = new Map(splits.map((s) => [s.id, s.bytes]));
  for (const part of parts) {
    if (part.of > 0) loads[part.shard]! += (bytes.get(part.split)! * (part.to - part.from)) / part.of;
  }
  return parts;
}
