import { AvroReader, AvroWriter } from './avro-binary.js';
import type { AvroSchema } from './manifest-schema.js';

/** Reads and writes the values of one schema: BigInts for long, Uint8Array for bytes, plain objects for records. */
export interface AvroCodec<T> {
  /** The only datum of these bytes. Throws DatumError for what is none, in memory that `mostItems` bounds. */
  decode(bytes: Uint8Array): T;
  encode(value: T): Uint8Array;
}

interface Part {
  readonly read: (reader: AvroReader) => unknown;
  // biome-ignore lint/suspicious/noExplicitAny: a value of the part's schema
  readonly write: (writer: AvroWriter, value: any) => void;
}

const PRIMITIVES: Readonly<Record<string, Part>> = {
  long: { read: (reader) => reader.long(), write: (writer, value: bigint) => writer.long(value) },
  int: { read: (reader) => reader.int(), write: (writer, value: number) => writer.int(value) },
  string: { read: (reader) => reader.text(), write: (writer, value: string) => writer.text(value) },
  bytes: { read: (reader) => reader.bytes(), write: (writer, value: Uint8Array) => writer.bytes(value) },
  boolean: { read: (reader) => reader.boolean(), write: (writer, value: boolean) => writer.boolean(value) },
};

function arrayOf(item: Part): Part {
  return {
    read(reader) {
      const items: unknown[] = [];
      for (let count = reader.block(); count > 0; count = reader.block()) {
        for (; count > 0; count--) items.push(item.read(reader));
      }
      return items;
    },
    write(writer, value: readonly unknown[]) {
      if (value.length > 0) writer.int(value.length);
      for (const one of value) item.write(writer, one);
      writer.int(0);
    },
  };
}

/** Readers of records by name, in the order of their fields: for those that come by the ten thousand. */
export type RecordReaders = Readonly<Record<string, (reader: AvroReader) => unknown>>;

function partOf(schema: AvroSchema, named: Map<string, Part>, readers: RecordReaders): Part {
  if (typeof schema === 'string') return PRIMITIVES[schema] ?? named.get(schema)!;
  if (schema.type === 'array') return arrayOf(partOf(schema.items, named, readers));
  const fields = schema.fields.map(({ name, type }) => ({ name, ...partOf(type, named, readers) }));
  const part: Part = {
    read:
      readers[schema.name] ??
      ((reader) => {
        const value: Record<string, unknown> = {};
        for (const { name, read } of fields) value[name] = read(reader);
        return value;
      }),
    write(writer, value: Readonly<Record<string, unknown>>) {
      for (const { name, write } of fields) write(writer, value[name]);
    },
  };
  named.set(schema.name, part);
  return part;
}

/** The codec of a schema, for single datums with nothing around them. */
export function avroCodec<T>(
  schema: AvroSchema,
  o: { readonly mostItems: number; readonly readers: RecordReaders },
): AvroCodec<T> {
  const part = partOf(schema, new Map(), o.readers);
  return {
    decode(bytes) {
      const reader = new AvroReader(bytes, o.mostItems);
      const value = part.read(reader) as T;
      reader.end();
      return value;
    },
    encode(value) {
      const writer = new AvroWriter();
      part.write(writer, value);
      return writer.finish();
    },
  };
}
