import type { RecordBatch } from 'apache-arrow';
import {
  type FlatValues,
  isList,
  isText,
  makeBatch,
  type RawColumn,
  type RawValues,
  rawColumns,
  type TextColumn,
} from './columns.js';

/** Not by `slice`: that of a Node Buffer shares memory, and rows may be taken more than once. */
function emptyLike(values: FlatValues, length: number): FlatValues {
  if (values instanceof Uint8Array) return new Uint8Array(length);
  return new (values.constructor as new (length: number) => FlatValues)(length);
}

/** Offsets of the taken rows, and the elements that they point to. */
function spread(offsets: Int32Array, rows: readonly number[]): { offsets: Int32Array; elements: number[] } {
  const out = new Int32Array(rows.length + 1);
  const elements: number[] = [];
  for (const [i, row] of rows.entries()) {
    for (let at = offsets[row]!; at < offsets[row + 1]!; at++) elements.push(at);
    out[i + 1] = elements.length;
  }
  return { offsets: out, elements };
}

function gatherText(text: TextColumn, rows: readonly number[]): TextColumn {
  const offsets = new Int32Array(rows.length + 1);
  for (const [i, row] of rows.entries()) offsets[i + 1] = offsets[i]! + text.offsets[row + 1]! - text.offsets[row]!;
  const bytes = new Uint8Array(offsets[rows.length]!);
  for (const [i, row] of rows.entries()) {
    bytes.set(text.bytes.subarray(text.offsets[row]!, text.offsets[row + 1]!), offsets[i]!);
  }
  return { bytes, offsets };
}

function gatherFlat(values: FlatValues, width: number, rows: readonly number[]): FlatValues {
  const out = emptyLike(values, rows.length * width);
  for (const [i, row] of rows.entries()) {
    out.set(values.subarray(row * width, (row + 1) * width) as never, i * width);
  }
  return out;
}

/** Rows of a column, in the given order, in memory of their own. */
export function gather({ values, width }: Pick<RawColumn, 'values' | 'width'>, rows: readonly number[]): RawValues {
  if (isText(values)) return gatherText(values, rows);
  if (!isList(values)) return gatherFlat(values, width, rows);
  const { offsets, elements } = spread(values.offsets, rows);
  const { items } = values;
  return { offsets, items: isText(items) ? gatherText(items, elements) : gatherFlat(items, 1, elements) };
}

/** The rows of a batch, in the given order, as a batch of its own memory. */
export function takeRows(batch: RecordBatch, rows: readonly number[]): RecordBatch {
  const columns = rawColumns(batch);
  const valid = columns.map((c) => c.valid && (gatherFlat(c.valid, 1, rows) as Uint8Array));
  return makeBatch(
    batch.schema,
    rows.length,
    columns.map((column) => gather(column, rows)),
    valid,
  );
}

/** The rows of a column that are not null, as a column without nulls. */
export function presentRows(column: RawColumn, valid: Uint8Array): RawColumn {
  const rows: number[] = [];
  for (let i = 0; i < column.rows; i++) if (valid[i]) rows.push(i);
  return { field: column.field, width: column.width, rows: rows.length, values: gather(column, rows) };
}
