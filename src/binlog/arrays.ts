import type { FlatValues, ListColumn, TextColumn } from '../batch/columns.js';
import type { MilvusType } from '../batch/fields.js';
import { WireReader } from '../util/wire.js';

/** Member of schema.ScalarField's oneof that holds elements of a type. */
const MEMBERS: Partial<Record<MilvusType, number>> = {
  BOOL: 1,
  INT8: 2,
  INT16: 2,
  INT32: 2,
  INT64: 3,
  FLOAT: 4,
  DOUBLE: 5,
  VARCHAR: 6,
};

/** Bytes of an element as it travels; 0 for varints. */
const WIRE_BYTES: Partial<Record<MilvusType, number>> = { FLOAT: 4, DOUBLE: 8 };

function emptyItems(type: MilvusType, length: number): FlatValues {
  switch (type) {
    case 'INT8':
      return new Int8Array(length);
    case 'INT16':
      return new Int16Array(length);
    case 'INT32':
      return new Int32Array(length);
    case 'INT64':
      return new BigInt64Array(length);
    case 'FLOAT':
      return new Float32Array(length);
    case 'DOUBLE':
      return new Float64Array(length);
    default:
      return new Uint8Array(length);
  }
}

/** The values of one row: the part of its message that holds them, value by value or packed. */
function* valueParts(row: Uint8Array, member: number): Generator<{ part: WireReader; type: number }> {
  const reader = new WireReader(row);
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.type !== 2) {
      reader.skip(f.type);
      continue;
    }
    const part = reader.message();
    if (part.done) continue;
    if (f.number !== member) throw new RangeError(`an array has member ${f.number} where ${member} is its type`);
    for (let g = part.field(); g; g = part.field()) {
      if (g.number !== 1) part.skip(g.type);
      else if (g.type === 2) yield { part: part.message(), type: 2 };
      else {
        const from = part.at;
        part.skip(g.type);
        yield { part: new WireReader(part.bytes, from, part.at), type: g.type };
      }
    }
  }
}

function countNumbers(part: WireReader, size: number): number {
  const bytes = part.end - part.at;
  if (size > 0) {
    if (bytes % size !== 0) throw new RangeError(`${bytes} bytes are no whole number of elements`);
    return bytes / size;
  }
  let count = 0;
  for (let i = part.at; i < part.end; i++) if (part.bytes[i]! < 0x80) count++;
  if (bytes > 0 && part.bytes[part.end - 1]! >= 0x80) throw new RangeError('elements end inside a value');
  return count;
}

/** Writes the elements of a part to `items`, from `at` on; gives where the next ones go. */
function readNumbers(part: WireReader, type: MilvusType, items: FlatValues, at: number): number {
  const size = WIRE_BYTES[type] ?? 0;
  if (size > 0) {
    const bytes = part.bytes.subarray(part.at, part.end);
    new Uint8Array(items.buffer, items.byteOffset).set(bytes, at * size);
    return at + bytes.length / size;
  }
  let to = at;
  if (items instanceof BigInt64Array) {
    const halves = new Uint32Array(items.buffer, items.byteOffset, items.length * 2);
    for (; !part.done; to++) {
      part.varint64();
      halves[to * 2] = part.lo;
      halves[to * 2 + 1] = part.hi;
    }
    return to;
  }
  for (; !part.done; to++) {
    part.varint64();
    items[to] = type === 'BOOL' ? (part.lo === 0 ? 0 : 1) : part.lo | 0;
  }
  return to;
}

function textArrays(rows: readonly Uint8Array[]): ListColumn {
  const offsets = new Int32Array(rows.length + 1);
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const [i, row] of rows.entries()) {
    for (const { part, type } of valueParts(row, 6)) {
      if (type !== 2) throw new RangeError('a text that is none');
      parts.push(part.bytes.subarray(part.at, part.end));
      size += part.end - part.at;
    }
    offsets[i + 1] = parts.length;
  }
  const items = { bytes: new Uint8Array(size), offsets: new Int32Array(parts.length + 1) };
  for (const [i, part] of parts.entries()) {
    items.bytes.set(part, items.offsets[i]);
    items.offsets[i + 1] = items.offsets[i]! + part.length;
  }
  // An empty text is a value, too, which valueParts gives as an empty part.
  return { items, offsets };
}

/**
 * Arrays from their stored form: one schema.ScalarField a row. A row without bytes, or whose member is missing, is empty.
 * Throws RangeError for bytes that are none, and for elements of another type.
 */
export function decodeArrays(text: TextColumn, elementType: MilvusType): ListColumn {
  const member = MEMBERS[elementType];
  if (member === undefined) throw new RangeError(`arrays of ${elementType}`);
  const count = text.offsets.length - 1;
  const rows = Array.from({ length: count }, (_, i) => text.bytes.subarray(text.offsets[i]!, text.offsets[i + 1]!));
  if (elementType === 'VARCHAR') return textArrays(rows);
  const size = WIRE_BYTES[elementType] ?? 0;
  const offsets = new Int32Array(count + 1);
  for (const [i, row] of rows.entries()) {
    let elements = 0;
    for (const { part } of valueParts(row, member)) elements += countNumbers(part, size);
    offsets[i + 1] = offsets[i]! + elements;
  }
  const items = emptyItems(elementType, offsets[count]!);
  let at = 0;
  for (const row of rows) {
    for (const { part } of valueParts(row, member)) at = readNumbers(part, elementType, items, at);
  }
  return { items, offsets };
}
