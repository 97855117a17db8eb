import type { RecordBatch } from 'apache-arrow';
import type { Bitmap } from '../batch/bitmap.js';
import {
  type FlatValues,
  isList,
  isText,
  makeBatch,
  type RawColumn,
  type RawValues,
  rawColumns,
} from '../batch/columns.js';
import { gather } from '../batch/gather.js';

/** Rows that stay, as `[from, to)` runs. */
function runsOf(rows: number, first: number, gone: Bitmap): [from: number, to: number][] {
  const runs: [number, number][] = [];
  for (let row = 0; row < rows; row++) {
    if (gone.has(first + row)) continue;
    const last = runs.at(-1);
    if (last?.[1] === row) last[1] = row + 1;
    else runs.push([row, row + 1]);
  }
  return runs;
}

function closeUp<T extends FlatValues>(values: T, width: number, runs: readonly [number, number][]): T {
  let to = 0;
  for (const [from, end] of runs) {
    if (to !== from) values.copyWithin(to * width, from * width, end * width);
    to += end - from;
  }
  return values.subarray(0, to * width) as T;
}

function surviving({ values, width }: RawColumn, runs: readonly [number, number][]): RawValues {
  if (!isText(values) && !isList(values)) return closeUp(values, width, runs);
  const rows = runs.flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i));
  return gather({ values, width }, rows);
}

/**
 * The rows of a batch that are not gone; the batch itself where none is, undefined where all are. Values of fixed length are
 * moved together in the batch's own memory.
 * @param first number of the batch's first row in the bitmap
 */
export function survivors(batch: RecordBatch, first: number, gone: Bitmap | undefined): RecordBatch | undefined {
  if (!gone) return batch;
  const runs = runsOf(batch.numRows, first, gone);
  const rows = runs.reduce((sum, [from, to]) => sum + to - from, 0);
  if (rows === batch.numRows) return batch;
  if (rows === 0) return undefined;
  const columns = rawColumns(batch);
  return makeBatch(
    batch.schema,
    rows,
    columns.map((column) => surviving(column, runs)),
    columns.map(({ valid }) => valid && closeUp(valid, 1, runs)),
  );
}
