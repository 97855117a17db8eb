import { isText, type RawValues } from '../batch/columns.js';
import { WireReader } from './wire.js';

/** common.Status. `code` is Milvus' own code (2.3 and later), `legacyCode` the older enum. */
export interface Status {
  readonly legacyCode: number;
  readonly code: number;
  readonly reason: string;
  readonly retriable: boolean;
}

const OK: Status = { legacyCode: 0, code: 0, reason: '', retriable: false };

/** common.Status from its own message: 1 error_code, 2 reason, 3 code, 4 retriable. */
export function decodeStatus(reader: WireReader): Status {
  let status = OK;
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = { ...status, legacyCode: reader.int32() };
    else if (f.number === 2) status = { ...status, reason: reader.string() };
    else if (f.number === 3) status = { ...status, code: reader.int32() };
    else if (f.number === 4) status = { ...status, retriable: reader.int32() !== 0 };
    else reader.skip(f.type);
  }
  return status;
}

export interface Mutation {
  readonly status: Status;
  /** int64 keys of the rows, where the key is one. */
  readonly keys: BigInt64Array;
  readonly inserted: number;
  readonly upserted: number;
  readonly deleted: number;
  /** Rows that the server names as failed. */
  readonly failed: number;
}

/** Packed varints of `reader` as int64. */
function longs(reader: WireReader): BigInt64Array {
  // A varint ends at each byte without the high bit.
  let count = 0;
  for (let i = reader.at; i < reader.end; i++) if (reader.bytes[i]! < 0x80) count++;
  const halves = new Uint32Array(count * 2);
  for (let i = 0; i < halves.length; i += 2) {
    reader.varint64();
    halves[i] = reader.lo;
    halves[i + 1] = reader.hi;
  }
  return new BigInt64Array(halves.buffer);
}

function longArray(reader: WireReader): BigInt64Array {
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1 && f.type === 2) return longs(reader.message());
    reader.skip(f.type);
  }
  return new BigInt64Array(0);
}

function countPacked(reader: WireReader, type: number): number {
  if (type !== 2) {
    reader.skip(type);
    return 1;
  }
  const part = reader.message();
  let count = 0;
  for (; !part.done; count++) part.varint64();
  return count;
}

/** milvus.MutationResult: 1 status, 2 IDs, 4 err_index, 6 to 8 counts. */
export function decodeMutation(bytes: Uint8Array): Mutation {
  const reader = new WireReader(bytes);
  let status = OK;
  let keys: BigInt64Array = new BigInt64Array(0);
  const counts = { inserted: 0, deleted: 0, upserted: 0, failed: 0 };
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2) {
      const ids = reader.message();
      for (let g = ids.field(); g; g = ids.field()) {
        if (g.number === 1) keys = longArray(ids.message());
        else ids.skip(g.type);
      }
    } else if (f.number === 4) counts.failed += countPacked(reader, f.type);
    else if (f.number === 6) counts.inserted = reader.number();
    else if (f.number === 7) counts.deleted = reader.number();
    else if (f.number === 8) counts.upserted = reader.number();
    else reader.skip(f.type);
  }
  return { status, keys, ...counts };
}

/** One column of an answer. `width` as in {@link RawColumn}. */
export interface AnswerColumn {
  readonly name: string;
  readonly values: RawValues;
  readonly width: number;
}

export interface QueryAnswer {
  readonly status: Status;
  readonly columns: readonly AnswerColumn[];
  readonly rows: number;
}

function copied(view: Uint8Array): ArrayBuffer {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
}

function texts(reader: WireReader): RawValues {
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

/** ScalarField: 1 bool, 2 int32, 3 int64, 4 float, 5 double, 6 string, 9 JSON. */
function scalarValues(reader: WireReader): RawValues {
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
        return Int32Array.from(longArray(part), Number);
      case 3:
        return longArray(part);
      case 4:
        return new Float32Array(copied(packedBody(part)));
      case 5:
        return new Float64Array(copied(packedBody(part)));
      case 6:
      case 9:
        return texts(part);
    }
  }
  return new Uint8Array(0);
}

/** VectorField: 1 dim, 2 floats, 3 binary, 4 fp16, 5 bf16, 7 int8. */
function vectorValues(reader: WireReader): { values: RawValues; width: number } {
  let dim = 0;
  let values: RawValues = new Uint8Array(0);
  let width = 0;
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) dim = reader.number();
    else if (f.number === 2) values = new Float32Array(copied(packedBody(reader.message())));
    else if (f.type === 2) values = new Uint8Array(copied(reader.view()));
    else reader.skip(f.type);
    if (f.number === 2) width = dim;
    else if (f.number === 3) width = dim / 8;
    else if (f.number === 4 || f.number === 5) width = dim * 2;
    else if (f.number === 7) width = dim;
  }
  return { values, width: width || dim };
}

/** schema.FieldData: 2 name, 3 scalars, 4 vectors. */
function fieldData(reader: WireReader): AnswerColumn {
  let name = '';
  let column: { values: RawValues; width: number } = { values: new Uint8Array(0), width: 1 };
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 2) name = reader.string();
    else if (f.number === 3) column = { values: scalarValues(reader.message()), width: 1 };
    else if (f.number === 4) column = vectorValues(reader.message());
    else reader.skip(f.type);
  }
  return { name, ...column };
}

/** milvus.QueryResults: 1 status, 2 columns. Values are copied out of the message once, because it lies misaligned. */
export function decodeQuery(bytes: Uint8Array): QueryAnswer {
  const reader = new WireReader(bytes);
  let status = OK;
  const columns: AnswerColumn[] = [];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2) columns.push(fieldData(reader.message()));
    else reader.skip(f.type);
  }
  const first = columns[0];
  let rows = 0;
  if (first) rows = isText(first.values) ? first.values.offsets.length - 1 : first.values.length / first.width;
  return { status, columns, rows };
}
