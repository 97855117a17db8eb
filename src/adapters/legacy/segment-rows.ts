import type { Bitmap } from '../../batch/bitmap.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, ReadOptions } from '../types.js';
import { type BatchPlan, layOut, type MemoryPool } from './batch-memory.js';
import { HEADER_BYTES, type Segment } from './segment.js';
import { assertUnchanged, assertUnchangedAt, openSource, readInto } from './source-file.js';

const ID_BYTES = 8;
/** Deleted rows leave gaps in a batch; it is filled up unless this much of it is full. */
const FULL_ENOUGH = 0.75;

/** A cursor as a number of rows. Throws INTERNAL for one that is none of this split. */
export function rowsBefore(after: string | undefined, rows: number, source: string): number {
  if (after === undefined) return 0;
  const row = /^\d{1,16}$/.test(after) ? Number(after) : -1;
  if (row < 0 || row > rows) throw fail('INTERNAL', `"${after}" is no position in ${source}, which has ${rows} rows`);
  return row;
}

function countBefore(deleted: Bitmap | undefined, row: number): number {
  let count = 0;
  if (deleted) for (let i = 0; i < row; i++) if (deleted.has(i)) count++;
  return count;
}

async function assertSegmentUnchanged(segment: Segment): Promise<void> {
  // By path: the server replaces deleted_docs when it deletes further rows.
  await assertUnchangedAt(segment.deletes, segment.stamps.deletes);
}

/**
 * Live rows of a segment from the row behind `after` on; a cursor counts the rows of the file, `firstRow` the live ones.
 * Where nothing is deleted, a batch is what two reads left in its memory. Throws SRC_CHANGED, SRC_TRUNCATED, INTERRUPTED.
 */
export async function* segmentRows(
  segment: Segment,
  deleted: Bitmap | undefined,
  plan: BatchPlan,
  options: ReadOptions,
  pool: MemoryPool,
): AsyncGenerator<ReadBatch> {
  let row = rowsBefore(options.after, segment.rows, segment.id);
  let firstRow = row - countBefore(deleted, row);
  await using ids = await openSource(segment.ids, segment.stamps.ids);
  await using vectors = await openSource(segment.vectors, segment.stamps.vectors);
  const memory = pool.take(plan.bytes);
  try {
    const rows = layOut(plan, memory);
    const fill = async (at: number, count: number): Promise<void> => {
      const part = (bytes: Uint8Array, size: number): Uint8Array => bytes.subarray(at * size, (at + count) * size);
      await Promise.all([
        readInto(ids, HEADER_BYTES + row * ID_BYTES, part(rows.ids, ID_BYTES)),
        readInto(vectors, HEADER_BYTES + row * plan.rowBytes, part(rows.vectors, plan.rowBytes)),
      ]);
    };
    while (row < segment.rows) {
      let filled = 0;
      while (row < segment.rows && filled < plan.capacity * FULL_ENOUGH) {
        throwIfAborted(options.signal);
        const count = Math.min(plan.capacity - filled, segment.rows - row);
        await fill(filled, count);
        const start = row;
        filled += deleted ? rows.compact(filled, count, (i) => deleted.has(start + i)) : count;
        row += count;
      }
      // Looked at after the bytes were read: only then do they belong to the state that was checked.
      await Promise.all([assertUnchanged(ids), assertUnchanged(vectors), assertSegmentUnchanged(segment)]);
      if (filled > 0) yield { batch: rows.batch(filled), cursor: String(row), firstRow };
      firstRow += filled;
    }
  } finally {
    pool.giveBack(memory);
  }
}
