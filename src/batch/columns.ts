import { type Data, type Field, makeData, RecordBatch, type Schema, Struct, Type } from 'apache-arrow';
import { fail } from '../util/errors.js';
import { fromArrowField } from './fields.js';

/** A text column: `bytes` holds the UTF-8 of all rows, row i from `offsets[i]` to `offsets[i + 1]`. Also sparse vectors. */
export interface TextColumn {
  readonly bytes: Uint8Array;
  readonly offsets: Int32Array;
}

/** A column of arrays: the elements of row i stand from `offsets[i]` to `offsets[i + 1]` of `items`. */
export interface ListColumn {
  readonly items: FlatValues | TextColumn;
  readonly offsets: Int32Array;
}

export type FlatValues = BigInt64Array | Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

/** What a column is made of. Booleans are one byte a row (0 or 1). */
export type RawValues = FlatValues | TextColumn | ListColumn;

/** A column without Arrow around it: typed arrays cut to exactly `rows` rows. Shares memory with the batch. */
export interface RawColumn {
  readonly field: Field;
  readonly rows: number;
  readonly values: RawValues;
  /** Elements of `values` per row: 1 for scalars, text and arrays, the dimension for float vectors, bytes for the other vectors. */
  readonly width: number;
  /** One byte a row, 0 = null; absent where every row has a value. */
  readonly valid?: Uint8Array;
}

export function isText(values: RawValues): values is TextColumn {
  return 'bytes' in values;
}

export function isList(values: RawValues): values is ListColumn {
  return 'items' in values;
}

/** The typed array of a column that has one; INTERNAL for text and arrays, which the caller has to treat before. */
export function flat(values: RawValues): FlatValues {
  if (isText(values) || isList(values))
    throw fail('INTERNAL', 'a column of variable length where one of fixed length is needed');
  return values;
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

function dataValues(data: Data, field: Field, rows: number): RawValues {
  const width = widthOf(field);
  switch (field.type.typeId) {
    case Type.FixedSizeList:
      return ((data.children[0] as Data).values as Float32Array).subarray(0, rows * width);
    case Type.Bool:
      return expandBits(data.values as Uint8Array, data.offset, rows);
    case Type.Utf8:
    case Type.Binary:
      return { bytes: data.values as Uint8Array, offsets: (data.valueOffsets as Int32Array).subarray(0, rows + 1) };
    case Type.List: {
      const child = data.children[0] as Data;
      const item = (field.type as unknown as { children: Field[] }).children[0]!;
      const items = dataValues(child, item, child.length) as ListColumn['items'];
      return { items, offsets: (data.valueOffsets as Int32Array).subarray(0, rows + 1) };
    }
    default:
      return (data.values as FlatValues).subarray(0, rows * width);
  }
}

/**
 * Column `index` of a batch as plain typed arrays. In a sliced batch Arrow has already cut `values` and list children;
 * bits (booleans, validity) are addressed with the offset, and offsets of text and arrays are cut but not rebased: this
 * function hides all that.
 */
export function rawColumn(batch: RecordBatch, index: number): RawColumn {
  const field = batch.schema.fields[index]!;
  const data = batch.data.children[index] as Data;
  const rows = batch.numRows;
  const column = { field, rows, width: widthOf(field), values: dataValues(data, field, rows) };
  if (data.nullCount === 0 || !data.nullBitmap || data.nullBitmap.length === 0) return column;
  return { ...column, valid: expandBits(data.nullBitmap, data.offset, rows) };
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

function itemsLength(items: ListColumn['items']): number {
  return isText(items) ? items.offsets.length - 1 : items.length;
}

function toData(field: Field, values: RawValues, rows: number, valid?: Uint8Array): Data {
  const type = field.type;
  const short = (have: number, need: number): Error =>
    fail('INTERNAL', `column "${field.name}" has ${have} values where ${rows} rows need ${need}`);
  const nulls = valid ? { nullBitmap: packBits(valid, rows), nullCount: -1 } : { nullCount: 0 };
  const make = (more: object): Data => makeData({ type, length: rows, ...nulls, ...more } as never);
  if (isText(values) || isList(values)) {
    if (values.offsets.length < rows + 1) throw short(values.offsets.length, rows + 1);
    if (isText(values)) return make({ valueOffsets: values.offsets, data: values.bytes });
    const item = (type as unknown as { children: Field[] }).children[0]!;
    const child = toData(item, values.items, itemsLength(values.items));
    return make({ valueOffsets: values.offsets, child });
  }
  const need = rows * widthOf(field);
  if (values.length < need) throw short(values.length, need);
  if (type.typeId === Type.FixedSizeList) {
    const item = (type as unknown as { children: Field[] }).children[0]!;
    const child = makeData({ type: item.type, length: need, nullCount: 0, data: values } as never);
    return make({ child });
  }
  return make({ data: type.typeId === Type.Bool ? packBits(values as Uint8Array, rows) : values });
}

/**
 * A record batch over the given typed arrays, one per schema field, without copying (booleans are packed).
 * The arrays may be longer than `rows` needs; the caller must not change them while the batch is in use.
 * `valid` has one byte a row (0 = null) for the columns that have nulls.
 */
export function makeBatch(
  schema: Schema,
  rows: number,
  columns: readonly RawValues[],
  valid: readonly (Uint8Array | undefined)[] = [],
): RecordBatch {
  const children = schema.fields.map((field, i) => toData(field, columns[i]!, rows, valid[i]));
  const data = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children } as never);
  return new RecordBatch(schema, data as never);
}

/** Index of the primary key column, or -1 where the source has no ids. */
export function keyIndex(schema: Schema): number {
  return schema.fields.findIndex((field) => fromArrowField(field).primaryKey);
}

/** Bytes of all values of a batch. */
export function batchBytes(batch: RecordBatch): number {
  return rawColumns(batch).reduce((sum, column) => sum + columnBytes(column), 0);
}

function columnBytes({ values, rows, width }: Pick<RawColumn, 'values' | 'rows' | 'width'>): number {
  if (isText(values)) return values.offsets[rows]! - values.offsets[0]!;
  if (!isList(values)) return values.BYTES_PER_ELEMENT * width * rows;
  const from = values.offsets[0]!;
  const to = values.offsets[rows]!;
  const { items } = values;
  if (isText(items)) return items.offsets[to]! - items.offsets[from]!;
  return items.BYTES_PER_ELEMENT * (to - from);
}

/** Values of one row of a column of fixed length or of text as bytes; shares memory. */
export function rowBytes(column: Pick<RawColumn, 'values' | 'width'>, row: number): Uint8Array {
  const { values, width } = column;
  if (isText(values)) return values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!);
  const array = flat(values);
  const size = array.BYTES_PER_ELEMENT * width;
  return new Uint8Array(array.buffer, array.byteOffset + row * size, size);
}
