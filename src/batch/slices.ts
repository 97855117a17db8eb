import type { RecordBatch } from 'apache-arrow';
import { isList, isText, type RawColumn, rawColumns } from './columns.js';

/** Bytes of the rows `from` to `to` of a column of variable length; undefined for those of fixed length. */
function variableBytes({ values }: RawColumn): ((from: number, to: number) => number) | undefined {
  if (isText(values)) return (from, to) => values.offsets[to]! - values.offsets[from]!;
  if (!isList(values)) return undefined;
  const { items, offsets } = values;
  if (isText(items)) return (from, to) => items.offsets[offsets[to]!]! - items.offsets[offsets[from]!]!;
  return (from, to) => items.BYTES_PER_ELEMENT * (offsets[to]! - offsets[from]!);
}

/** Bytes that a row takes in the columns of fixed length. */
function fixedBytes(columns: readonly RawColumn[]): number {
  return columns.reduce((sum, { values, width }) => {
    return isText(values) || isList(values) ? sum : sum + values.BYTES_PER_ELEMENT * width;
  }, 0);
}

/**
 * Cuts a batch, in order, into parts whose values take at most `maxBytes` each, as `[from, to)` in rows. A row that is
 * larger than that comes alone. Nothing is copied.
 */
export function* sliceByBytes(batch: RecordBatch, maxBytes: number): Generator<readonly [from: number, to: number]> {
  const columns = rawColumns(batch);
  const fixed = fixedBytes(columns);
  const variable = columns.flatMap((column) => variableBytes(column) ?? []);
  const bytes = (from: number, to: number): number =>
    variable.reduce((sum, of) => sum + of(from, to), fixed * (to - from));
  const rows = batch.numRows;
  for (let from = 0; from < rows; ) {
    let to = rows;
    if (bytes(from, rows) > maxBytes) {
      // The sum grows with every row, so the last row that fits is found by halving.
      to = from + 1;
      for (let high = rows - 1; to < high; ) {
        const middle = (to + high + 1) >> 1;
        if (bytes(from, middle) <= maxBytes) to = middle;
        else high = middle - 1;
      }
    }
    yield [from, to];
    from = to;
  }
}
