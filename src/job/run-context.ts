import type { RecordBatch } from 'apache-arrow';
import type { Cursor, Reader, ReadOptions, Split } from '../adapters/types.js';
import type { TaskConfig } from '../config/types.js';
import { throwIfAborted } from '../util/abort.js';

/** A split with its place in the run. */
export interface PlacedSplit {
  readonly split: Split;
  /** Number, within the run, of its first row. */
  readonly base: number;
  /** Rows of it that take part (fewer under --limit). */
  readonly rows: number;
  readonly partition: string | undefined;
}

/** A batch with the number of its first row within the run. */
export interface PlacedBatch {
  readonly batch: RecordBatch;
  readonly row: number;
  readonly split: PlacedSplit;
  /** Position of the reader behind the batch that these rows come from. */
  readonly cursor: Cursor;
}

/** The splits of a run in reading order, cut to the first `limit` rows. */
export function placeSplits(splits: readonly Split[], config: TaskConfig): PlacedSplit[] {
  const { limit } = config.options;
  let base = 0;
  const placed: PlacedSplit[] = [];
  for (const split of splits) {
    const rows = limit === undefined ? split.rows : Math.max(0, Math.min(split.rows, limit - base));
    placed.push({ split, base, rows, partition: split.partition ?? config.partition });
    base += rows;
  }
  return placed;
}

/** Batches of a split that take part in the run. Stops with INTERRUPTED when the signal is aborted. */
export async function* batchesOf(
  reader: Reader,
  placed: PlacedSplit,
  options: Pick<ReadOptions, 'maxBytes' | 'columns' | 'after'> & { signal: AbortSignal },
): AsyncIterable<PlacedBatch> {
  for await (const { batch, firstRow, cursor } of reader.read(placed.split, options)) {
    throwIfAborted(options.signal);
    const left = placed.rows - firstRow;
    if (left <= 0) return;
    const cut = left < batch.numRows ? batch.slice(0, left) : batch;
    yield { batch: cut, row: placed.base + firstRow, split: placed, cursor };
    if (left <= batch.numRows) return;
  }
}
