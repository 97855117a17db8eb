import { type Data, type Field, makeData, RecordBatch, type Schema, Struct, Type } from 'apache-arrow';
import { fail } from '../util/errors.js';
import { fromArrowField } from './fields.js';

/** A text column: `bytes` holds the UTF-8 of all rows, row i from `offsets[i]` to `offsets[i + 1]`. */
export interface TextColumn {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

/** What a column is made of. Booleans are one byte a row (0 or 1). */
export type RawValues =
  | BigInt64Array
  | Float32Array
  | Float64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | TextColumn;

/** A column without Arrow around it: typed arrays cut to exactly `rows` rows. Shares memory with the batch. */
export interface RawColumn {
  readonly field: Field;
  readonly rows: number;
  readonly values: RawValues;
  /** Elements of `values` per row: 1 for scalars and text, the dimension for float vectors, bytes for the other vectors. */
  readonly width: number;
}

export function isText(values: RawValues): values is TextColumn {
  return 'offsets' in values;
}

/** Width of a field's rows in elements of its typed array. */
function widthOf(field: Field): number {
  const type = field.type;
  if (type.typeId === Type.FixedSizeList) return (type as unknown as { listSize: number }).listSize;
  if (type.typeId === Type.FixedSizeBinary) return (type as unknown as { byteWidth: number }).byteWidth;
  return 1;
}

function expandBits(bits: Uint8Array, offset: number, rows: number): Uint8Array {
  const out = new Uint8Array(rows);
  for (let i = 0; i < rows; i++) {
    const bit = offset + i;
    out[i] = (bits[bit >> 3]! >> (bit & 7)) & 1;
  }
  return out;
}

/**
 * Column `index` of a batch as plain typed arrays. In a sliced batch Arrow has already cut `values` and list children;
 * bits of booleans are addressed with the offset, and text offsets are cut but not rebased: this function hides all that.
 */
export function rawColumn(batch: RecordBatch, index: number): RawColumn {
  const field = batch.schema.fields[index]!;
  const data = batch.data.children[index] as Data;
  const rows = batch.numRows;
  const width = widthOf(field);
  switch (field.type.typeId) {
    case Type.FixedSizeList: {
      const child = data.children[0] as Data;
      return { field, rows, width, values: (child.values as Float32Array).subarray(0, rows * width) };
    }
    case Type.Bool:
      return { field, rows, width, values: expandBits(data.values as Uint8Array, data.offset, rows) };
    case Type.Utf8:
    case Type.Binary: {
      const offsets = (data.valueOffsets as Int32Array).subarray(0, rows + 1);
      return { field, rows, width, values: { bytes: data.values as Uint8Array, offsets } };
    }
    default:
      return { field, rows, width, values: (data.values as Exclude<RawValues, TextColumn>).subarray(0, rows * width) };
  }
}

/** All columns of a batch, in schema order. */
export function rawColumns(batch: RecordBatch): RawColumn[] {
  return batch.schema.fields.map((_, i) => rawColumn(batch, i));
}

function packBits(values: Uint8Array, rows: number): Uint8Array {
  const out = new Uint8Array((rows + 7) >> 3);
  for (let i = 0; i < rows; i++) if (values[i]) out[i >> 3]! |= 1 << (i & 7);
  return out;
}

function toData(field: Field, values: RawValues, rows: number): Data {
  const type = field.type;
  const short = (have: number, need: number): Error =>
    fail('INTERNAL', `column "${field.name}" has ${have} values where ${rows} rows need ${need}`);
  if (isText(values)) {
    if (values.offsets.length < rows + 1) throw short(values.offsets.length, rows + 1);
    return makeData({ type, length: rows, nullCount: 0, valueOffsets: values.offsets, data: values.bytes } as never);
  }
  const need = rows * widthOf(field);
  if (values.length < need) throw short(values.length, need);
  if (type.typeId === Type.FixedSizeList) {
    const child = makeData({
      type: (type as unknown as { children: Field[] }).children[0]!.type,
      length: need,
      nullCount: 0,
      data: values,
    } as never);
    return makeData({ type, length: rows, nullCount: 0, child } as never);
  }
  const data = type.typeId === Type.Bool ? packBits(values as Uint8Array, rows) : values;
  return makeData({ type, length: rows, nullCount: 0, data } as never);
}

/**
 * A record batch over the given typed arrays, one per schema field, without copying (booleans are packed).
 * The arrays may be longer than `rows` needs; the caller must not change them while the batch is in use.
 */
export function makeBatch(schema: Schema, rows: number, columns: readonly RawValues[]): RecordBatch {
  const children = schema.fields.map((field, i) => toData(field, columns[i]!, rows));
  const data = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children } as never);
  return new RecordBatch(schema, data as never);
}

/** Index of the primary key column, or -1 where the source has no ids. */
export function keyIndex(schema: Schema): number {
  return schema.fields.findIndex((field) => fromArrowField(field).primaryKey);
}

/** Values of one row of a column as bytes; shares memory. */
export function rowBytes(column: RawColumn, row: number): Uint8Array {
  const { values, width } = column;
  if (isText(values)) return values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!);
  const size = values.BYTES_PER_ELEMENT * width;
  return new Uint8Array(values.buffer, values.byteOffset + row * size, size);
}
