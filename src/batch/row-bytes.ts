import type { RecordBatch, Schema } from 'apache-arrow';
import { fail } from '../util/errors.js';
import { canonicalJson } from './canonical-json.js';
import {
  type FlatValues,
  isList,
  isText,
  keyIndex,
  type ListColumn,
  type RawColumn,
  rawColumn,
  type TextColumn,
} from './columns.js';
import { fromArrowField, isVector } from './fields.js';
import type { FixedBytes } from './row-hash.js';

/** Copies one field of a row into the scratch buffer and gives its new length. */
type FieldCopy = (row: number, at: number) => number;

/** Grows on demand; all field copies of a digester write here. */
interface Scratch {
  bytes: Uint8Array;
  view: DataView;
}

function ensure(scratch: Scratch, need: number): void {
  if (scratch.bytes.length >= need) return;
  const grown = new Uint8Array(Math.max(need, scratch.bytes.length * 2));
  grown.set(scratch.bytes);
  scratch.bytes = grown;
  scratch.view = new DataView(grown.buffer);
}

function textCopy(text: TextColumn, scratch: Scratch): FieldCopy {
  return (row, at) => {
    const from = text.offsets[row]!;
    const to = text.offsets[row + 1]!;
    ensure(scratch, at + 4 + to - from);
    scratch.view.setUint32(at, to - from, true);
    scratch.bytes.set(text.bytes.subarray(from, to), at + 4);
    return at + 4 + to - from;
  };
}

/** JSON by its content, not by how it is written. Text that is no JSON counts as it stands. */
function jsonCopy(text: TextColumn, scratch: Scratch): FieldCopy {
  return (row, at) => {
    const raw = Buffer.from(text.bytes.subarray(text.offsets[row]!, text.offsets[row + 1]!));
    let bytes = raw;
    try {
      bytes = Buffer.from(canonicalJson(raw.toString('utf8')));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    ensure(scratch, at + 4 + bytes.length);
    scratch.view.setUint32(at, bytes.length, true);
    scratch.bytes.set(bytes, at + 4);
    return at + 4 + bytes.length;
  };
}

function fixedCopy(values: FlatValues, width: number, scalar: boolean, scratch: Scratch): FieldCopy {
  const size = values.BYTES_PER_ELEMENT * width;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const float = scalar && (values instanceof Float32Array || values instanceof Float64Array) ? values : undefined;
  return (row, at) => {
    ensure(scratch, at + size);
    if (float && float[row] === 0) scratch.bytes.fill(0, at, at + size);
    else scratch.bytes.set(bytes.subarray(row * size, (row + 1) * size), at);
    return at + size;
  };
}

/** An array: its length, then element by element. */
function listCopy({ items, offsets }: ListColumn, scratch: Scratch): FieldCopy {
  const item = isText(items) ? textCopy(items, scratch) : fixedCopy(items, 1, true, scratch);
  return (row, start) => {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    ensure(scratch, start + 4);
    scratch.view.setUint32(start, to - from, true);
    let at = start + 4;
    for (let i = from; i < to; i++) at = item(i, at);
    return at;
  };
}

/** Null is one byte 0, a value of a field that may be null has one byte 1 before it. */
function nullableCopy(copy: FieldCopy, valid: Uint8Array | undefined, scratch: Scratch): FieldCopy {
  return (row, at) => {
    ensure(scratch, at + 1);
    const present = valid === undefined || valid[row] !== 0;
    scratch.bytes[at] = present ? 1 : 0;
    return present ? copy(row, at + 1) : at + 1;
  };
}

function fieldCopy(column: RawColumn, scratch: Scratch): FieldCopy {
  const { values, width, valid } = column;
  const { type, nullable } = fromArrowField(column.field);
  let copy: FieldCopy;
  if (isText(values)) copy = type === 'JSON' ? jsonCopy(values, scratch) : textCopy(values, scratch);
  else if (isList(values)) copy = listCopy(values, scratch);
  else copy = fixedCopy(values, width, !isVector(type), scratch);
  return nullable ? nullableCopy(copy, valid, scratch) : copy;
}

/** The bytes of a column as they are hashed; undefined where they differ from those in memory. */
function plainBytes({ values, width, field }: RawColumn): FixedBytes | undefined {
  const { type, nullable } = fromArrowField(field);
  if (nullable || isText(values) || isList(values) || type === 'FLOAT' || type === 'DOUBLE') return undefined;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { bytes, size: values.BYTES_PER_ELEMENT * width };
}

function fieldNamed(schema: Schema, name: string): number {
  const index = schema.fields.findIndex((f) => f.name === name);
  if (index < 0) throw fail('INTERNAL', `the digest is to take the field "${name}", which the batches do not have`);
  return index;
}

/** What the bytes of a row begin with. */
export type KeyKind = 'int64' | 'text' | 'none';

/** Gives the bytes of a row of one batch; they are valid until the next row is asked for. */
export type RowOf = (row: number) => Uint8Array;

/** Writes rows as the content digest hashes them (see digest.ts). */
export interface RowBytes {
  readonly key: KeyKind;
  /** For the rows of a batch that has the schema. */
  of(batch: RecordBatch): RowOf;
  /** The columns of a batch, in the order of a row's bytes, where a row is nothing but their values one behind the other. */
  columns(batch: RecordBatch): FixedBytes[] | undefined;
}

/**
 * @param order names of the fields after the key; schema order where absent. Throws INTERNAL for a name that is none
 */
export function createRowBytes(schema: Schema, order?: readonly string[]): RowBytes {
  const key = keyIndex(schema);
  const rest = order
    ? order.map((name) => fieldNamed(schema, name))
    : schema.fields.map((_, i) => i).filter((i) => i !== key);
  const indexes = key < 0 ? rest : [key, ...rest];
  const scratch: Scratch = { bytes: new Uint8Array(4096), view: new DataView(new ArrayBuffer(0)) };
  scratch.view = new DataView(scratch.bytes.buffer);
  const text = key >= 0 && fromArrowField(schema.fields[key]!).type === 'VARCHAR';
  return {
    key: key < 0 ? 'none' : text ? 'text' : 'int64',
    of(batch) {
      const copies = indexes.map((i) => fieldCopy(rawColumn(batch, i), scratch));
      return (row) => {
        let at = 0;
        for (const copy of copies) at = copy(row, at);
        return scratch.bytes.subarray(0, at);
      };
    },
    columns(batch) {
      const columns: FixedBytes[] = [];
      for (const i of indexes) {
        const plain = plainBytes(rawColumn(batch, i));
        if (!plain) return undefined;
        columns.push(plain);
      }
      return columns;
    },
  };
}

/** Bytes of the key at the front of a row, without the length of a text. */
export function keyBytes(row: Uint8Array, key: KeyKind): Uint8Array {
  if (key === 'none') return row.subarray(0, 0);
  if (key === 'int64') return row.subarray(0, 8);
  const length = row[0]! + row[1]! * 0x100 + row[2]! * 0x10000 + row[3]! * 0x1000000;
  return row.subarray(4, 4 + length);
}
