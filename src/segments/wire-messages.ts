import { WireReader } from '../util/wire.js';

/** Reads one field of a message; `before` is what the message has there so far. */
export type ReadField = (reader: WireReader, type: number, before: unknown) => unknown;

/** A protobuf message: its zero value, and by number the key of each field that is read; others are passed over. */
export interface WireMessage<T extends object> {
  readonly zero: T;
  readonly fields: Readonly<Record<number, readonly [key: keyof T & string, read: ReadField]>>;
}

const LENGTH_DELIMITED = 2;

export const text: ReadField = (reader) => reader.string();
export const bytes: ReadField = (reader) => reader.view();
export const base64: ReadField = (reader) => Buffer.from(reader.view()).toString('base64');
export const bool: ReadField = (reader) => reader.int32() !== 0;
export const int32: ReadField = (reader) => reader.int32();
/** A 64-bit integer that is a count: exact below 2^53. */
export const count: ReadField = (reader) => Number(reader.bigint());
export const int64: ReadField = (reader) => reader.bigint();
export const uint64: ReadField = (reader) => BigInt.asUintN(64, reader.bigint());

/** A repeated field; numbers may come packed. */
export function repeated(read: ReadField, packed = false): ReadField {
  return (reader, type, before) => {
    const items = before as unknown[];
    if (packed && type === LENGTH_DELIMITED) {
      for (const part = reader.message(); !part.done; ) items.push(read(part, 0, undefined));
    } else items.push(read(reader, type, undefined));
    return items;
  };
}

export function message<T extends object>(wire: WireMessage<T>): ReadField {
  return (reader) => decodeMessage(wire, reader.message());
}

/** A map with text as its keys. */
export function mapOf(read: ReadField): ReadField {
  return (reader, _, before) => {
    const entry = reader.message();
    let key = '';
    let value: unknown;
    for (let f = entry.field(); f; f = entry.field()) {
      if (f.number === 1) key = entry.string();
      else if (f.number === 2) value = read(entry, f.type, undefined);
      else entry.skip(f.type);
    }
    return { ...(before as object), [key]: value };
  };
}

/** Lists are filled in place, so that each message needs its own. */
function fresh<T extends object>(zero: T): Record<string, unknown> {
  return Object.fromEntries(Object.entries(zero).map(([key, value]) => [key, Array.isArray(value) ? [] : value]));
}

/** Throws RangeError for bytes that are no such message. */
export function decodeMessage<T extends object>(wire: WireMessage<T>, reader: WireReader): T {
  const made = fresh(wire.zero);
  for (let f = reader.field(); f; f = reader.field()) {
    const known = wire.fields[f.number];
    if (known) made[known[0]] = known[1](reader, f.type, made[known[0]]);
    else reader.skip(f.type);
  }
  return made as T;
}

export function decodeBytes<T extends object>(wire: WireMessage<T>, encoded: Uint8Array): T {
  return decodeMessage(wire, new WireReader(encoded));
}

function varint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...out, Number(rest)]);
}

/** A request of few and small fields: by number a text, a list of texts, an integer or a list of integers. */
export function encodeRequest(
  fields: Readonly<Record<number, string | bigint | readonly string[] | readonly bigint[]>>,
): Uint8Array {
  const parts = Object.entries(fields).flatMap(([number, value]) => {
    const values: readonly (string | bigint)[] = typeof value === 'object' ? value : [value];
    return values.flatMap((item) => {
      if (typeof item === 'bigint') return [varint(BigInt(number) << 3n), varint(item)];
      const encoded = Buffer.from(item);
      return [varint((BigInt(number) << 3n) | 2n), varint(BigInt(encoded.length)), encoded];
    });
  });
  return Buffer.concat(parts);
}
