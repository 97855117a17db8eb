import type { RecordBatch } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch, type RawColumn, rawColumn, rawColumns, rowBytes } from '../../../src/batch/columns.js';
import { type FieldSpec, fromArrowField } from '../../../src/batch/fields.js';
import { DATA_TYPE, encodeInsert } from '../../../src/milvus/encode.js';
import { batches, EVERY_TYPE, int64, LARGEST, SMALLEST, schemaOf, specOf, textColumn } from '../batch/support.js';
import { protoDecode } from './proto.js';

interface FieldData {
  readonly type: number;
  readonly field_name: string;
  readonly scalars?: Readonly<Record<string, { readonly data?: readonly unknown[] }>>;
  readonly vectors?: Readonly<Record<string, unknown>>;
}

const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };

/** Encodes all columns of a batch into a dirty buffer that is longer than needed. */
function encode(batch: RecordBatch, partition = ''): { bytes: Uint8Array; asked: number } {
  let asked = -1;
  const columns = rawColumns(batch).map((column) => ({ column, name: column.field.name }));
  const bytes = encodeInsert({ collection: 'Bücher', partition, rows: batch.numRows, columns }, (size) => {
    asked = size;
    return new Uint8Array(size + 100).fill(0xee);
  });
  return { bytes, asked };
}

/** What a server finds in the request, through protobufjs. */
function decoded(batch: RecordBatch, partition?: string): Record<string, unknown> & { fields: readonly FieldData[] } {
  const message = protoDecode('InsertRequest', encode(batch, partition).bytes);
  return { ...message, fields: (message.fields_data ?? []) as FieldData[] };
}

const SCALARS: Readonly<Record<string, string>> = {
  BOOL: 'bool_data',
  INT8: 'int_data',
  INT16: 'int_data',
  INT32: 'int_data',
  INT64: 'long_data',
  FLOAT: 'float_data',
  DOUBLE: 'double_data',
  VARCHAR: 'string_data',
  JSON: 'json_data',
};
const VECTORS: Readonly<Record<string, string>> = {
  FLOAT_VECTOR: 'float_vector',
  BINARY_VECTOR: 'binary_vector',
  FLOAT16_VECTOR: 'float16_vector',
  BFLOAT16_VECTOR: 'bfloat16_vector',
  INT8_VECTOR: 'int8_vector',
};

function expectedScalars(column: RawColumn, type: string): unknown[] {
  return Array.from({ length: column.rows }, (_, row) => {
    if (type === 'VARCHAR') return new TextDecoder().decode(rowBytes(column, row));
    if (type === 'JSON') return [...rowBytes(column, row)];
    const value = (column.values as Exclude<RawColumn['values'], { offsets: Int32Array }>)[row]!;
    if (type === 'BOOL') return value === 1;
    return typeof value === 'bigint' ? value.toString() : value;
  });
}

function expectColumn(field: FieldData, column: RawColumn): void {
  const spec = fromArrowField(column.field);
  expect(field.type).toBe(DATA_TYPE[spec.type]);
  expect(field.field_name).toBe(spec.name);
  const member = SCALARS[spec.type];
  if (member) {
    expect(Object.keys(field.scalars!)).toStrictEqual([member]);
    const data = (field.scalars![member]!.data ?? []).map((v) => (v instanceof Uint8Array ? [...v] : v));
    expect(data).toStrictEqual(expectedScalars(column, spec.type));
    return;
  }
  const vectors = field.vectors!;
  expect(Object.keys(vectors).filter((name) => name !== 'dim')).toStrictEqual([VECTORS[spec.type]]);
  expect(vectors.dim).toBe(String(spec.dim));
  const body = vectors[VECTORS[spec.type]!] as { data?: number[] } | Uint8Array;
  const have = body instanceof Uint8Array ? [...body] : (body.data ?? []);
  expect(have).toStrictEqual([...(column.values as Float32Array)]);
}

const ENCODED = EVERY_TYPE.filter((spec) => spec.type !== 'SPARSE_FLOAT_VECTOR');

describe('encodeInsert', () => {
  it('writes what the proto reads, for every type, whole and sliced', () => {
    fc.assert(
      fc.property(batches(ENCODED, { min: 0, max: 30 }), fc.nat(), fc.nat(), (whole, a, b) => {
        const [x, y] = [a % (whole.numRows + 1), b % (whole.numRows + 1)];
        for (const batch of [whole, whole.slice(Math.min(x, y), Math.max(x, y))]) {
          const message = decoded(batch);
          expect(message.collection_name).toBe('Bücher');
          expect(message.num_rows ?? 0).toBe(batch.numRows);
          expect(message.fields).toHaveLength(ENCODED.length);
          for (const [i, field] of message.fields.entries()) expectColumn(field, rawColumn(batch, i));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('asks for exactly the bytes that it fills', () => {
    fc.assert(
      fc.property(batches(ENCODED, { min: 0, max: 10 }), fc.string({ maxLength: 5 }), (batch, partition) => {
        const { bytes, asked } = encode(batch, partition);
        expect(bytes.length).toBe(asked);
      }),
      { numRuns: 40 },
    );
  });

  it('is read the same as an UpsertRequest', () => {
    const batch = makeBatch(schemaOf(KEY, specOf('FLOAT_VECTOR')), 1, [
      BigInt64Array.of(7n),
      new Float32Array(16).fill(2),
    ]);
    const { bytes } = encode(batch, 'p');
    expect(protoDecode('UpsertRequest', bytes)).toStrictEqual(protoDecode('InsertRequest', bytes));
  });

  it('holds ids of all sizes', () => {
    fc.assert(
      fc.property(fc.array(int64(), { maxLength: 50 }), (ids) => {
        const all = [LARGEST, SMALLEST, -1n, 2n ** 53n + 1n, ...ids];
        const [field] = decoded(makeBatch(schemaOf(KEY), all.length, [BigInt64Array.from(all)])).fields;
        expect(field!.scalars!.long_data!.data).toStrictEqual(all.map(String));
      }),
    );
  });

  it('holds every power of two and its neighbours as an id', () => {
    const ids: bigint[] = [];
    for (let bit = 0n; bit < 64n; bit++) for (const d of [-1n, 0n, 1n]) ids.push(BigInt.asIntN(64, 2n ** bit + d));
    const [field] = decoded(makeBatch(schemaOf(KEY), ids.length, [BigInt64Array.from(ids)])).fields;
    expect(field!.scalars!.long_data!.data).toStrictEqual(ids.map(String));
  });

  it('holds text beyond ASCII, empty text and long text', () => {
    const texts = ['', 'é', '日本語', '😀', 'a\u0000b', 'x'.repeat(70_000)];
    const [field] = decoded(makeBatch(schemaOf(specOf('VARCHAR')), texts.length, [textColumn(texts)])).fields;
    expect(field!.scalars!.string_data!.data).toStrictEqual(texts);
  });

  it('holds vectors of 32,768 dimensions', () => {
    const values = Float32Array.from({ length: 3 * 32_768 }, (_, i) => Math.sin(i));
    const spec = specOf('FLOAT_VECTOR', 'v', { dim: 32_768 });
    const batch = makeBatch(schemaOf(spec), 3, [values]);
    expectColumn(decoded(batch).fields[0]!, rawColumn(batch, 0));
    expectColumn(decoded(batch.slice(1, 3)).fields[0]!, rawColumn(batch.slice(1, 3), 0));
    const bits = specOf('BINARY_VECTOR', 'b', { dim: 262_144 });
    const packed = makeBatch(schemaOf(bits), 2, [Uint8Array.from({ length: 65_536 }, (_, i) => i)]);
    expectColumn(decoded(packed).fields[0]!, rawColumn(packed, 0));
  });

  it('keeps the bits of unusual floats', () => {
    const bits = Uint32Array.of(0x80000000, 1, 0x7f7fffff, 0x7fc00001, 0xff800000, 0x007fffff);
    const batch = makeBatch(schemaOf(specOf('FLOAT_VECTOR', 'v', { dim: 6 })), 1, [new Float32Array(bits.buffer)]);
    const { bytes } = encode(batch);
    expect(Buffer.from(bytes).includes(Buffer.from(bits.buffer))).toBe(true);
  });

  it('names collection, partition and fields of the target', () => {
    const batch = makeBatch(schemaOf(KEY), 1, [BigInt64Array.of(1n)]);
    const columns = [{ column: rawColumn(batch, 0), name: 'schlüssel' }];
    const bytes = encodeInsert({ collection: 'c', partition: '分区', rows: 1, columns }, (n) => new Uint8Array(n));
    expect(protoDecode('InsertRequest', bytes)).toStrictEqual({
      collection_name: 'c',
      partition_name: '分区',
      fields_data: [{ type: 5, field_name: 'schlüssel', scalars: { long_data: { data: ['1'] } } }],
      num_rows: 1,
    });
  });

  it('writes no partition where none is named', () => {
    expect(decoded(makeBatch(schemaOf(KEY), 0, [new BigInt64Array(0)]))).not.toHaveProperty('partition_name');
  });
});
