import { type FlatValues, flat, isText, type ListColumn, type RawValues, type TextColumn } from '../batch/columns.js';
import { WireReader } from '../util/wire.js';
import type { AnswerMemory } from './answer-memory.js';
import { decodeStatus, intArray, longArray, OK, type Status } from './decode.js';
import { spreadNulls } from './null-rows.js';

/** One column of an answer. `width` as in `RawColumn`. */
export interface AnswerColumn {
  readonly name: string;
  readonly values: RawValues;
  readonly width: number;
  /** One byte a row, 0 = null; null rows have a value, too: zeros, or nothing where the length varies. */
  readonly valid?: Uint8Array;
}

export interface QueryAnswer {
  readonly status: Status;
  readonly columns: readonly AnswerColumn[];
  readonly rows: number;
  /** Length of the message. */
  readonly bytes: number;
}

/** Vectors of an answer begin aligned, so that together they take a little more than the message. */
const ROOM_TO_ALIGN = 1024;

function copied(view: Uint8Array): ArrayBuffer {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
}

/** Repeated bytes or strings (member 1). */
function texts(reader: WireReader): TextColumn {
  const parts: Uint8Array[] = [];
  let size = 0;
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number !== 1) {
      reader.skip(f.type);
      continue;
    }
    const part = reader.view();
    parts.push(part);
    size += part.length;
  }
  const bytes = new Uint8Array(size);
  const offsets = new Int32Array(parts.length + 1);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    bytes.set(part, at);
    at += part.length;
    offsets[i + 1] = at;
  }
  return { bytes, offsets };
}

function packedBody(reader: WireReader): Uint8Array {
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1 && f.type === 2) return reader.view();
    reader.skip(f.type);
  }
  return new Uint8Array(0);
}

function concatText(parts: readonly TextColumn[]): TextColumn {
  const rows = parts.reduce((sum, p) => sum + p.offsets.length - 1, 0);
  const bytes = new Uint8Array(parts.reduce((sum, p) => sum + p.bytes.length, 0));
  const offsets = new Int32Array(rows + 1);
  let row = 0;
  let at = 0;
  for (const part of parts) {
    bytes.set(part.bytes, at);
    for (let i = 1; i < part.offsets.length; i++) offsets[++row] = at + part.offsets[i]!;
    at += part.bytes.length;
  }
  return { bytes, offsets };
}

function lengthOf(values: RawValues): number {
  return 'offsets' in values ? values.offsets.length - 1 : values.length;
}

/** The elements of all rows behind each other. Rows without elements say nothing of their type, so they are left out. */
function joinItems(parts: readonly RawValues[]): ListColumn['items'] {
  const [first] = parts;
  if (!first) return new Uint8Array(0);
  const texts = parts.filter(isText);
  if (texts.length === parts.length) return concatText(texts);
  const arrays = parts.map((part) => (isText(part) ? new Uint8Array(0) : flat(part)));
  const Items = arrays[0]!.constructor as new (length: number) => FlatValues;
  const items = new Items(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    if (!(array instanceof Items)) throw new RangeError('an array holds elements of several types');
    items.set(array as never, at);
    at += array.length;
  }
  return items;
}

/** ArrayArray: one ScalarField a row (member 1). */
function lists(reader: WireReader): ListColumn {
  const parts: RawValues[] = [];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) parts.push(scalarValues(reader.message(), false));
    else reader.skip(f.type);
  }
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + lengthOf(part);
  return { offsets, items: joinItems(parts.filter((part) => lengthOf(part) > 0)) };
}

/** ScalarField: 1 bool, 2 int32, 3 int64, 4 float, 5 double, 6 string, 8 arrays, 9 JSON. Arrays do not hold arrays. */
function scalarValues(reader: WireReader, arrays = true): RawValues {
  for (let f = reader.field(); f; f = reader.field()) {
    const part = f.type === 2 ? reader.message() : undefined;
    if (!part) {
      reader.skip(f.type);
      continue;
    }
    switch (f.number) {
      case 1:
        return new Uint8Array(copied(packedBody(part)));
      case 2:
        return intArray(part);
      case 3:
        return longArray(part);
      case 4:
        return new Float32Array(copied(packedBody(part)));
      case 5:
        return new Float64Array(copied(packedBody(part)));
      case 6:
      case 9:
        return texts(part);
      case 8:
        if (!arrays) throw new RangeError('an array stands inside an array');
        return lists(part);
    }
  }
  return new Uint8Array(0);
}

function floats(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw new RangeError(`${bytes.length} bytes are no whole number of floats`);
  return new Float32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 4);
}

/** VectorField: 1 dim, 2 floats, 3 binary, 4 fp16, 5 bf16, 6 sparse, 7 int8. */
function vectorValues(reader: WireReader, memory: AnswerMemory | undefined): { values: RawValues; width: number } {
  const copy = (view: Uint8Array): Uint8Array => memory?.copy(view) ?? new Uint8Array(copied(view));
  let dim = 0;
  let member = 0;
  let values: RawValues = new Uint8Array(0);
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) dim = reader.number();
    else if (f.type !== 2) reader.skip(f.type);
    else {
      member = f.number;
      const part = reader.message();
      if (member === 2) values = floats(copy(packedBody(part)));
      else if (member === 6) values = texts(part);
      else values = copy(part.bytes.subarray(part.at, part.end));
    }
  }
  const width = member === 3 ? dim / 8 : member === 4 || member === 5 ? dim * 2 : member === 6 ? 1 : dim;
  return { values, width };
}

/** schema.FieldData: 2 name, 3 scalars, 4 vectors, 7 valid_data. */
export function fieldData(reader: WireReader, memory?: AnswerMemory): AnswerColumn {
  let name = '';
  let column: { values: RawValues; width: number } = { values: new Uint8Array(0), width: 1 };
  let valid: Uint8Array | undefined;
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 2) name = reader.string();
    else if (f.number === 3) column = { values: scalarValues(reader.message()), width: 1 };
    else if (f.number === 4) column = vectorValues(reader.message(), memory);
    else if (f.number === 7 && f.type === 2) valid = new Uint8Array(copied(reader.view()));
    else reader.skip(f.type);
  }
  if (!valid?.includes(0)) return { name, ...column };
  return { name, width: column.width, values: spreadNulls(column.values, column.width, valid), valid };
}

/** Rows of a column. An answer without rows may leave the dimension out. */
function rowsOf({ values, width }: AnswerColumn): number {
  return lengthOf(values) / ('offsets' in values ? 1 : width || 1);
}

/** The rows of an answer: as many in every column. */
function commonRows(columns: readonly AnswerColumn[]): number {
  const [first] = columns;
  if (!first) return 0;
  const rows = rowsOf(first);
  const other = columns.find((c) => rowsOf(c) !== rows || (c.valid && c.valid.length !== rows));
  if (other) {
    throw new RangeError(
      `"${first.name}" has ${rows} rows, "${other.name}" ${rowsOf(other)}${other.valid ? ` and ${other.valid.length} marks of null` : ''}`,
    );
  }
  if (!Number.isInteger(rows)) throw new RangeError(`"${first.name}" ends inside a row`);
  return rows;
}

/**
 * milvus.QueryResults: 1 status, 2 columns. Values are copied out of the message once, because it lies misaligned, vectors
 * into `memory` where it is given. Throws RangeError for bytes that are no such message, and where columns differ in length.
 */
export function decodeQuery(bytes: Uint8Array, memory?: AnswerMemory): QueryAnswer {
  memory?.begin(bytes.length + ROOM_TO_ALIGN);
  const reader = new WireReader(bytes);
  let status = OK;
  const columns: AnswerColumn[] = [];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2) columns.push(fieldData(reader.message(), memory));
    else reader.skip(f.type);
  }
  return { status, columns, rows: commonRows(columns), bytes: bytes.length };
}
