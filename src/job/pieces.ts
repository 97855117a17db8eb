import type { Reader } from '../adapters/types.js';
import type { RowRange, RowRanges } from '../util/row-ranges.js';
import { batchesOf, type PlacedBatch, type PlacedSplit } from './run-context.js';

/** What is settled of a split, and where its reader can go on. */
export interface SplitProgress {
  readonly acked: RowRanges;
  /** Cursors by the number of the row that comes next. */
  readonly positions: ReadonlyMap<number, string>;
}

/** Rows [from, to) of a split that are to be handled as one. */
export interface Piece extends PlacedBatch, RowRange {
  /** Cursor behind its last row, where there is one. */
  readonly at: string | undefined;
}

/** The last known position at or before `row`. */
function startFor(progress: SplitProgress, row: number): string | undefined {
  let best = -1;
  for (const position of progress.positions.keys()) if (position <= row && position > best) best = position;
  return progress.positions.get(best);
}

export interface PieceOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** The parts of the rows [first, last) of a split that `wanted` names, read from the last position before them. */
export async function* piecesOf(
  reader: Reader,
  split: PlacedSplit,
  progress: SplitProgress,
  range: RowRange,
  wanted: (from: number, to: number) => readonly RowRange[],
  options: PieceOptions,
): AsyncIterable<Piece> {
  if (range.from >= range.to) return;
  const after = startFor(progress, range.from);
  const read = { ...options, ...(after === undefined ? {} : { after }) };
  for await (const { batch, row, cursor } of batchesOf(reader, split, read)) {
    const first = row - split.base;
    const end = first + batch.numRows;
    for (const { from, to } of wanted(Math.max(first, range.from), Math.min(end, range.to))) {
      const whole = from === first && to === end;
      yield {
        split,
        from,
        to,
        row: split.base + from,
        batch: whole ? batch : batch.slice(from - first, to - first),
        at: to === end ? cursor : undefined,
        cursor,
      };
    }
    if (end >= range.to) return;
  }
}

/** All rows of a split that are not settled yet. */
export function unsettledPieces(
  reader: Reader,
  split: PlacedSplit,
  progress: SplitProgress,
  options: PieceOptions,
): AsyncIterable<Piece> {
  const { acked } = progress;
  const range = { from: acked.watermark, to: split.rows };
  return piecesOf(reader, split, progress, range, (from, to) => acked.missing(from, to), options);
}
