import {
  flat,
  isList,
  isText,
  type ListColumn,
  type RawColumn,
  type RawValues,
  type TextColumn,
} from '../batch/columns.js';
import { type FieldSpec, fromArrowField, isVector, type MilvusType } from '../batch/fields.js';
import { presentRows } from '../batch/gather.js';
import { asBytes } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { delimitedSize, varint64Size, varintSize, WireWriter } from '../util/wire.js';

/** schema.proto DataType. */
export const DATA_TYPE: Readonly<Record<MilvusType, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 3,
  INT32: 4,
  INT64: 5,
  FLOAT: 10,
  DOUBLE: 11,
  VARCHAR: 21,
  ARRAY: 22,
  JSON: 23,
  BINARY_VECTOR: 100,
  FLOAT_VECTOR: 101,
  FLOAT16_VECTOR: 102,
  BFLOAT16_VECTOR: 103,
  SPARSE_FLOAT_VECTOR: 104,
  INT8_VECTOR: 105,
};

/** VectorField: which member of the oneof holds the type (schema.proto). */
const VECTOR_MEMBER: Partial<Record<MilvusType, number>> = {
  FLOAT_VECTOR: 2,
  BINARY_VECTOR: 3,
  FLOAT16_VECTOR: 4,
  BFLOAT16_VECTOR: 5,
  INT8_VECTOR: 7,
};

/** How one column is laid out in a FieldData message: sizes first, then the bytes. */
interface ColumnPlan {
  /** FieldData's own length. */
  readonly size: number;
  write(out: WireWriter): void;
}

/** ScalarField member (1..9) holding a packed or repeated array of `length` bytes. */
function scalarPlan(type: MilvusType, name: Uint8Array, member: number, array: ArrayPlan): ColumnPlan {
  const body = array.packed ? delimitedSize(array.size) : array.size;
  const scalars = delimitedSize(body);
  const size = 1 + varintSize(DATA_TYPE[type]) + delimitedSize(name.length) + delimitedSize(scalars);
  return {
    size,
    write(out) {
      out.tagVarint(1);
      out.varint(DATA_TYPE[type]);
      out.text(2, name);
      out.open(3, scalars);
      out.open(member, body);
      if (array.packed) out.open(1, array.size);
      array.write(out);
    },
  };
}

interface ArrayPlan {
  readonly packed: boolean;
  readonly size: number;
  write(out: WireWriter): void;
}

function rawArray(view: ArrayBufferView): ArrayPlan {
  return { packed: true, size: view.byteLength, write: (out) => out.raw(asBytes(view)) };
}

function int64Array(values: BigInt64Array): ArrayPlan {
  const halves = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  let size = 0;
  for (let i = 0; i < halves.length; i += 2) size += varint64Size(halves[i]!, halves[i + 1]!);
  return {
    packed: true,
    size,
    write(out) {
      for (let i = 0; i < halves.length; i += 2) out.varint64(halves[i]!, halves[i + 1]!);
    },
  };
}

function int32Array(values: ArrayLike<number>): ArrayPlan {
  let size = 0;
  for (let i = 0; i < values.length; i++) size += values[i]! < 0 ? 10 : varint64Size(values[i]!, 0);
  return {
    packed: true,
    size,
    write(out) {
      for (let i = 0; i < values.length; i++) out.varint64(values[i]! >>> 0, values[i]! < 0 ? 0xffffffff : 0);
    },
  };
}

function textArray(column: TextColumn, rows: number): ArrayPlan {
  const { bytes, offsets } = column;
  let size = 0;
  for (let i = 0; i < rows; i++) size += delimitedSize(offsets[i + 1]! - offsets[i]!);
  return {
    packed: false,
    size,
    write(out) {
      for (let i = 0; i < rows; i++) out.text(1, bytes.subarray(offsets[i]!, offsets[i + 1]!));
    },
  };
}

function vectorPlan(type: MilvusType, name: Uint8Array, dim: number, values: ArrayBufferView): ColumnPlan {
  const member = VECTOR_MEMBER[type];
  if (member === undefined) throw fail('INTERNAL', `vectors of type ${type} have no encoding yet`);
  const packed = type === 'FLOAT_VECTOR';
  const body = packed ? delimitedSize(values.byteLength) : values.byteLength;
  const vectors = 1 + varintSize(dim) + delimitedSize(body);
  const size = 1 + varintSize(DATA_TYPE[type]) + delimitedSize(name.length) + delimitedSize(vectors);
  return {
    size,
    write(out) {
      out.tagVarint(1);
      out.varint(DATA_TYPE[type]);
      out.text(2, name);
      out.open(4, vectors);
      out.tagVarint(1);
      out.varint(dim);
      out.open(member, body);
      if (packed) out.open(1, values.byteLength);
      out.raw(asBytes(values));
    },
  };
}

/** The ScalarField member that holds values of a type, and its array. */
function scalarArray(type: MilvusType, values: RawValues, rows: number): { member: number; array: ArrayPlan } {
  if (isText(values)) return { member: type === 'JSON' ? 9 : 6, array: textArray(values, rows) };
  switch (type) {
    case 'BOOL':
      return { member: 1, array: rawArray(flat(values)) };
    case 'INT8':
    case 'INT16':
    case 'INT32':
      return { member: 2, array: int32Array(flat(values) as Int32Array) };
    case 'INT64':
      return { member: 3, array: int64Array(flat(values) as BigInt64Array) };
    case 'FLOAT':
      return { member: 4, array: rawArray(flat(values)) };
    case 'DOUBLE':
      return { member: 5, array: rawArray(flat(values)) };
    default:
      throw fail('INTERNAL', `values of type ${type} have no encoding`);
  }
}

function sliceText(text: TextColumn, from: number, to: number): TextColumn {
  return { bytes: text.bytes, offsets: text.offsets.subarray(from, to + 1) };
}

/** ArrayArray: one ScalarField per row (member 1), then the element type (member 2). */
function listArray(type: MilvusType, { items, offsets }: ListColumn, rows: number): ArrayPlan {
  // Made twice, as a batch of short rows has hundreds of thousands of them: kept, they were most of the memory of a run.
  const fieldOf = (row: number): { member: number; array: ArrayPlan; body: number } => {
    const [from, to] = [offsets[row]!, offsets[row + 1]!];
    const part = isText(items) ? sliceText(items, from, to) : items.subarray(from, to);
    const { member, array } = scalarArray(type, part, to - from);
    return { member, array, body: array.packed ? delimitedSize(array.size) : array.size };
  };
  let size = 1 + varintSize(DATA_TYPE[type]);
  for (let row = 0; row < rows; row++) size += delimitedSize(delimitedSize(fieldOf(row).body));
  return {
    packed: false,
    size,
    write(out) {
      for (let row = 0; row < rows; row++) {
        const { member, array, body } = fieldOf(row);
        out.open(1, delimitedSize(body));
        out.open(member, body);
        if (array.packed) out.open(1, array.size);
        array.write(out);
      }
      out.tagVarint(2);
      out.varint(DATA_TYPE[type]);
    },
  };
}

/** SparseFloatArray (member 6): a row's bytes are pairs of uint32 index and float32 value; the dimension is the largest index + 1. */
function sparsePlan(name: Uint8Array, column: TextColumn, rows: number): ColumnPlan {
  const contents = textArray(column, rows);
  const view = new DataView(column.bytes.buffer, column.bytes.byteOffset, column.bytes.byteLength);
  let dim = 0;
  for (let at = column.offsets[0]!; at < column.offsets[rows]!; at += 8)
    dim = Math.max(dim, view.getUint32(at, true) + 1);
  const body = contents.size + 1 + varintSize(dim);
  const vectors = 1 + varintSize(dim) + delimitedSize(body);
  const size = 1 + varintSize(DATA_TYPE.SPARSE_FLOAT_VECTOR) + delimitedSize(name.length) + delimitedSize(vectors);
  return {
    size,
    write(out) {
      out.tagVarint(1);
      out.varint(DATA_TYPE.SPARSE_FLOAT_VECTOR);
      out.text(2, name);
      out.open(4, vectors);
      out.tagVarint(1);
      out.varint(dim);
      out.open(6, body);
      contents.write(out);
      out.tagVarint(2);
      out.varint(dim);
    },
  };
}

function valuesPlan(column: RawColumn, spec: FieldSpec, name: Uint8Array): ColumnPlan {
  const { values, rows } = column;
  if (spec.type === 'SPARSE_FLOAT_VECTOR' && isText(values)) return sparsePlan(name, values, rows);
  if (isVector(spec.type)) return vectorPlan(spec.type, name, spec.dim ?? 0, flat(values));
  if (isList(values)) return scalarPlan('ARRAY', name, 8, listArray(spec.elementType ?? 'INT64', values, rows));
  const { member, array } = scalarArray(spec.type, values, rows);
  return scalarPlan(spec.type, name, member, array);
}

/** FieldData with what stands behind its values: 6 is_dynamic, 7 valid_data (one bool a row; null rows have no value). */
function columnPlan(column: RawColumn, targetName: string): ColumnPlan {
  const spec = fromArrowField(column.field);
  const name = new TextEncoder().encode(targetName);
  const plan = valuesPlan(column.valid ? presentRows(column, column.valid) : column, spec, name);
  const valid = spec.nullable ? (column.valid ?? new Uint8Array(column.rows).fill(1)) : undefined;
  if (!valid && !spec.dynamic) return plan;
  const size = plan.size + (spec.dynamic ? 2 : 0) + (valid ? delimitedSize(valid.length) : 0);
  return {
    size,
    write(out) {
      plan.write(out);
      if (spec.dynamic) {
        out.tagVarint(6);
        out.varint(1);
      }
      if (valid) out.text(7, valid);
    },
  };
}

export interface InsertMessage {
  readonly collection: string;
  readonly partition: string;
  readonly rows: number;
  /** Columns with the field name of the target. */
  readonly columns: readonly { readonly column: RawColumn; readonly name: string }[];
}

/**
 * InsertRequest and UpsertRequest of milvus.proto (the fields used here have the same numbers in both): 3 collection,
 * 4 partition, 5 columns, 7 number of rows. The database travels in the call's metadata.
 * `acquire` gives a buffer of at least that many bytes; the result is a view of its front.
 * Each vector column is copied exactly once.
 */
export function encodeInsert(message: InsertMessage, acquire: (bytes: number) => Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  const collection = encoder.encode(message.collection);
  const partition = encoder.encode(message.partition);
  const plans = message.columns.map((c) => columnPlan(c.column, c.name));
  let size = delimitedSize(collection.length) + (partition.length > 0 ? delimitedSize(partition.length) : 0);
  for (const plan of plans) size += delimitedSize(plan.size);
  size += 1 + varintSize(message.rows);
  const out = new WireWriter(acquire(size));
  out.text(3, collection);
  if (partition.length > 0) out.text(4, partition);
  for (const plan of plans) {
    out.open(5, plan.size);
    plan.write(out);
  }
  out.tagVarint(7);
  out.varint(message.rows);
  return out.bytes.subarray(0, out.at);
}
