import type { RecordBatch, Schema } from 'apache-arrow';
import type { Bitmap } from '../batch/bitmap.js';
import { isText, makeBatch, type RawColumn, type RawValues, rawColumns, type TextColumn } from '../batch/columns.js';
import type { Transformer } from './types.js';

type Numbers = Exclude<RawValues, TextColumn>;

/** Not by `slice`: that of a Node Buffer shares memory, and rows may be taken more than once. */
function emptyLike(values: Numbers, length: number): Numbers {
  if (values instanceof Uint8Array) return new Uint8Array(length);
  return new (values.constructor as new (length: number) => Numbers)(length);
}

function gather(column: RawColumn, rows: readonly number[]): RawValues {
  const { values, width } = column;
  if (isText(values)) {
    const offsets = new Int32Array(rows.length + 1);
    for (const [i, row] of rows.entries())
      offsets[i + 1] = offsets[i]! + values.offsets[row + 1]! - values.offsets[row]!;
    const bytes = new Uint8Array(offsets[rows.length]!);
    for (const [i, row] of rows.entries()) {
      bytes.set(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!), offsets[i]!);
    }
    return { bytes, offsets };
  }
  const out = emptyLike(values, rows.length * width);
  for (const [i, row] of rows.entries()) {
    out.set(values.subarray(row * width, (row + 1) * width) as never, i * width);
  }
  return out;
}

/** The rows of a batch, in the given order, as a batch of its own memory. */
export function takeRows(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  return makeBatch(
    batch.schema,
    rows.length,
    rawColumns(batch).map((column) => gather(column, rows)),
  );
}

/** Leaves out the rows of the run whose bit is set. A batch without such rows passes as it is. */
export function dropRows(schema: Schema, dropped: Bitmap): Transformer {
  return {
    schema,
    apply(batch, firstRow) {
      const kept: number[] = [];
      for (let i = 0; i < batch.numRows; i++) if (!dropped.has(firstRow + i)) kept.push(i);
      return kept.length === batch.numRows ? batch : takeRows(batch, kept);
    },
  };
}
