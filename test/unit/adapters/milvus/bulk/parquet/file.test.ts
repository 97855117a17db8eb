import type { RecordBatch } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { MAGIC_BYTES, parquetFile } from '../../../../../../src/adapters/milvus/bulk/parquet/file.js';
import { parquetField } from '../../../../../../src/adapters/milvus/bulk/parquet/leaf.js';
import { makeBatch, type RawValues, rawColumns } from '../../../../../../src/batch/columns.js';
import { createMemoryStore } from '../../../../../support/memory-store.js';
import { type FieldSpec, type MilvusType, schemaOf } from '../support.js';
import { type Row, readParquet, type Shown } from './read.js';

const ELEMENTS = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT', 'DOUBLE', 'VARCHAR'] as const;
type Element = (typeof ELEMENTS)[number];

/** Values at the ends of each type, in turn. */
const VALUES: Readonly<Record<Element, readonly Row[]>> = {
  BOOL: [true, false, false, true, true],
  INT8: [-128, 127, 0, -1],
  INT16: [-32768, 32767, 0, -1],
  INT32: [-(2 ** 31), 2 ** 31 - 1, 0, -1],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n],
  FLOAT: [-0.5, 3.4028234663852886e38, 0, 1.401298464324817e-45],
  DOUBLE: [-0.1, Number.MAX_VALUE, 0, Number.MIN_VALUE],
  VARCHAR: ['', 'a', 'Grüße', '中文 😀', 'nul\0inside', 'x'.repeat(300)],
};

const valueAt = (type: Element, i: number): Row => VALUES[type][i % VALUES[type].length]!;
const valuesOf = (type: Element, from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => valueAt(type, from + i));

function texts(values: readonly string[]): { bytes: Uint8Array; offsets: Int32Array } {
  const parts = values.map((value) => Buffer.from(value));
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
  return { bytes: new Uint8Array(Buffer.concat(parts)), offsets };
}

function raw(type: Element, values: readonly Row[]) {
  switch (type) {
    case 'BOOL':
      return Uint8Array.from(values as boolean[], Number);
    case 'INT8':
      return Int8Array.from(values as number[]);
    case 'INT16':
      return Int16Array.from(values as number[]);
    case 'INT32':
      return Int32Array.from(values as number[]);
    case 'INT64':
      return BigInt64Array.from(values as bigint[]);
    case 'FLOAT':
      return Float32Array.from(values as number[]);
    case 'DOUBLE':
      return Float64Array.from(values as number[]);
    default:
      return texts(values as string[]);
  }
}

function arrays(type: Element, lengths: readonly number[]): { values: RawValues; rows: Row[][] } {
  const offsets = new Int32Array(lengths.length + 1);
  for (const [i, length] of lengths.entries()) offsets[i + 1] = offsets[i]! + length;
  const items = valuesOf(type, 0, offsets.at(-1)!);
  const rows = lengths.map((_, i) => items.slice(offsets[i], offsets[i + 1]));
  return { values: { items: raw(type, items), offsets }, rows };
}

/** Text comes back as its bytes. */
function shown(row: Row): Row {
  if (typeof row === 'string') return Buffer.from(row).toString('latin1');
  return Array.isArray(row) ? row.map(shown) : row;
}

async function written(
  specs: readonly FieldSpec[],
  batches: readonly RecordBatch[],
  groupBytes?: number,
): Promise<Shown> {
  const store = createMemoryStore();
  const fields = specs.map((spec) => parquetField(spec)!);
  const file = parquetFile(fields, await store.begin('f.parquet', MAGIC_BYTES), groupBytes);
  for (const batch of batches) await file.append(rawColumns(batch));
  await file.finish();
  expect(file.held).toBe(0);
  const bytes = store.objects.get('f.parquet')!;
  expect(bytes.length).toBeGreaterThan(file.bytes);
  return readParquet(bytes);
}

/** Writes one column, in batches of these numbers of rows, and gives it back as it is read. */
async function roundTrip(spec: FieldSpec, values: RawValues, rows: number, cuts: readonly number[], groupBytes = 1) {
  const batch = makeBatch(schemaOf([spec]), rows, [values]);
  const edges = [0, ...cuts, rows];
  const pieces = edges.slice(1).map((to, i) => batch.slice(edges[i]!, to));
  const read = await written([spec], pieces, groupBytes);
  expect(read.rows).toBe(rows);
  return read;
}

const LENGTHS: readonly (readonly [what: string, lengths: readonly number[]])[] = [
  ['of varying length', [3, 0, 1, 9, 0, 0, 17, 2, 5]],
  ['all empty', [0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ['of the same length', [4, 4, 4, 4, 4, 4, 4, 4, 4]],
  ['empty at both ends', [0, 8, 8, 1, 1, 1, 0]],
  ['longer than a run of bits', [1000, 0, 129]],
];

describe('a Parquet file', () => {
  describe.each(ELEMENTS)('of %s', (type) => {
    const spec: FieldSpec = { name: 'field', type };
    const array: FieldSpec = { name: 'field', type: 'ARRAY', elementType: type };

    it('holds every value, over several batches and row groups', async () => {
      const all = valuesOf(type, 0, 61);
      const read = await roundTrip(spec, raw(type, all), 61, [1, 9, 20, 20, 45]);
      expect(read.columns.field).toEqual(all.map(shown));
      expect(read.pages.field).toEqual([1, 8, 11, 25, 16]);
    });

    it.each(LENGTHS)('holds arrays %s', async (_, lengths) => {
      const { values, rows } = arrays(type, lengths);
      const whole = await roundTrip(array, values, rows.length, []);
      expect(whole.columns.field).toEqual(rows.map(shown));
      const cut = await roundTrip(array, values, rows.length, [1, 2]);
      expect(cut.columns.field).toEqual(rows.map(shown));
      expect(cut.groups).toHaveLength(3);
    });
  });

  it.each([1, 2, 3, 8, 128, 129])('holds float vectors of %i dimensions as lists', async (dim) => {
    const all = Float32Array.from({ length: 70 * dim }, (_, i) => i / 7);
    const { columns } = await roundTrip({ name: 'field', type: 'FLOAT_VECTOR', dim }, all, 70, [33]);
    expect(columns.field).toEqual(Array.from({ length: 70 }, (_, i) => [...all.subarray(i * dim, (i + 1) * dim)]));
  });

  it('holds binary vectors as bytes, JSON as text', async () => {
    const bits = Uint8Array.from({ length: 60 }, (_, i) => i * 7);
    const binary = await roundTrip({ name: 'field', type: 'BINARY_VECTOR', dim: 32 }, bits, 15, [4]);
    const row = (i: number): string => Buffer.from(bits.subarray(i * 4, i * 4 + 4)).toString('latin1');
    expect(binary.columns.field).toEqual(Array.from({ length: 15 }, (_, i) => row(i)));
    expect(binary.schema[1]).toMatchObject({ type: 6 });
    expect(binary.schema[1]!.converted).toBe(undefined);
    const json = ['{}', '{"ä":[1,"x"]}', '"text"'];
    const read = await roundTrip({ name: 'field', type: 'JSON' }, texts(json), 3, []);
    expect(read.columns.field).toEqual(json.map(shown));
    expect(read.schema[1]).toMatchObject({ type: 6, converted: 0 });
  });

  it('gathers batches in row groups, and tells what each holds', async () => {
    const specs: FieldSpec[] = [
      { name: 'id', type: 'INT64', primaryKey: true },
      { name: 'tags', type: 'ARRAY', elementType: 'INT8' },
    ];
    const batch = (first: number): RecordBatch =>
      makeBatch(schemaOf(specs), 10, [
        BigInt64Array.from({ length: 10 }, (_, i) => BigInt(first + i)),
        arrays('INT8', [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]).values,
      ]);
    const batches = Array.from({ length: 7 }, (_, i) => batch(i * 10));
    const read = await written(specs, batches, 400);
    expect(read.groups.map(({ rows }) => rows)).toEqual([20, 20, 20, 10]);
    expect(read.columns.id).toEqual(Array.from({ length: 70 }, (_, i) => BigInt(i)));
    expect(read.columns.tags).toHaveLength(70);
    for (const { bytes, chunks } of read.groups) {
      expect(chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)).toBe(bytes);
    }
    const [first] = read.groups;
    expect(first!.chunks.map(({ path, count }) => [path.join('.'), count])).toEqual([
      ['id', 20],
      ['tags.list.element', 44],
    ]);
    expect(read.schema).toEqual([
      { name: 'schema', children: 2 },
      { name: 'id', children: 0, type: 2, repetition: 0 },
      { name: 'tags', children: 1, repetition: 0, converted: 3 },
      { name: 'list', children: 1, repetition: 2 },
      { name: 'element', children: 0, type: 1, repetition: 0, converted: 15 },
    ]);
  });

  it('keeps nothing of a batch once it is appended', async () => {
    const spec: FieldSpec = { name: 'vector', type: 'FLOAT_VECTOR', dim: 2 };
    const store = createMemoryStore();
    const file = parquetFile([parquetField(spec)!], await store.begin('f', MAGIC_BYTES));
    const values = Float32Array.of(1, 2, 3, 4);
    await file.append(rawColumns(makeBatch(schemaOf([spec]), 2, [values])));
    values.fill(9);
    await file.append(rawColumns(makeBatch(schemaOf([spec]), 2, [values])));
    values.fill(0);
    await file.finish();
    const { columns } = readParquet(store.objects.get('f')!);
    expect(columns.vector).toEqual([
      [1, 2],
      [3, 4],
      [9, 9],
      [9, 9],
    ]);
  });

  it('without rows is one all the same', async () => {
    const read = await written([{ name: 'id', type: 'INT64' }], []);
    expect(read).toMatchObject({ rows: 0, groups: [] });
  });

  it('has no column for what imports do not take', () => {
    const types: MilvusType[] = ['FLOAT16_VECTOR', 'BFLOAT16_VECTOR', 'INT8_VECTOR', 'SPARSE_FLOAT_VECTOR'];
    expect(types.filter((type) => parquetField({ name: 'x', type }))).toEqual([]);
    expect(parquetField({ name: 'x', type: 'ARRAY', elementType: 'JSON' })).toBe(undefined);
  });
});
