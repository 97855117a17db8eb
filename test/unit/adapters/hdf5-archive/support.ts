import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordBatch, Schema } from 'apache-arrow';
import fc from 'fast-check';
import { afterAll } from 'vitest';
import { type ArchiveFileOptions, createArchiveFile, openHdf5 } from '../../../../src/adapters/hdf5/index.js';
import type { Reader, ReadOptions } from '../../../../src/adapters/types.js';
import { makeBatch, type RawValues, rawColumns } from '../../../../src/batch/columns.js';
import { createDigester, type Digest } from '../../../../src/batch/digest.js';
import { type FieldSpec, isVector } from '../../../../src/batch/fields.js';
import { type Value, valueAt } from '../../../../src/batch/values.js';
import type { Hdf5Source } from '../../../../src/config/types.js';
import { schemaOf, specOf, TYPES, textColumn, valuesFor } from '../../batch/support.js';
import { NAMES, source } from '../hdf5/support.js';

/** A folder for the tests of one file, removed behind them. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hdf5-archive-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}

const ELEMENTS = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT', 'DOUBLE', 'VARCHAR'] as const;

/** Every type of field and of array element, each also with nulls, and the dynamic field. */
export const EVERYTHING: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', primaryKey: true },
  { ...specOf('FLOAT_VECTOR', 'vec'), description: 'vectors, ünïcode' },
  ...TYPES.flatMap((type) => [
    specOf(type, type.toLowerCase(), type === 'VARCHAR' ? { maxLength: 100, partitionKey: true } : {}),
    specOf(type, `${type.toLowerCase()}_null`, { nullable: true }),
  ]),
  ...ELEMENTS.flatMap((elementType): FieldSpec[] => [
    { name: `list_${elementType}`, type: 'ARRAY', elementType, maxCapacity: 9, ...longest(elementType) },
    {
      name: `list_${elementType}_null`,
      type: 'ARRAY',
      elementType,
      maxCapacity: 9,
      nullable: true,
      ...longest(elementType),
    },
  ]),
  { name: '$meta', type: 'JSON', dynamic: true },
  { name: 'with_default', type: 'INT32', nullable: true, defaultValue: '7', clusteringKey: true },
];

function longest(type: string): Partial<FieldSpec> {
  return type === 'VARCHAR' ? { maxLength: 20 } : {};
}

function listOf(spec: FieldSpec, rows: number): fc.Arbitrary<RawValues> {
  const lengths = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: rows, maxLength: rows });
  return lengths.chain((list) => {
    const offsets = new Int32Array(rows + 1);
    for (const [i, length] of list.entries()) offsets[i + 1] = offsets[i]! + length;
    const item = { name: 'item', type: spec.elementType ?? 'INT64' };
    return valuesFor(item, offsets[rows]!).map((items) => ({ items, offsets }) as RawValues);
  });
}

function columnOf(spec: FieldSpec, rows: number): fc.Arbitrary<RawValues> {
  if (spec.type === 'ARRAY') return listOf(spec, rows);
  if (spec.type !== 'SPARSE_FLOAT_VECTOR') return valuesFor(spec, rows);
  const pair = fc.uint8Array({ minLength: 8, maxLength: 8 });
  const row = fc.array(pair, { maxLength: 3 }).map((pairs) => new Uint8Array(Buffer.concat(pairs)));
  return fc.array(row, { minLength: rows, maxLength: rows }).map(textColumn);
}

/** Batches of these fields, with nulls where they may be. */
export function batchOf(specs: readonly FieldSpec[], sizes: { min: number; max: number }): fc.Arbitrary<RecordBatch> {
  return fc.integer(sizes).chain((rows) => {
    const columns = fc.tuple(...specs.map((spec) => columnOf(spec, rows)));
    const flags = fc.tuple(
      ...specs.map((spec) => fc.uint8Array({ min: 0, max: spec.nullable ? 1 : 0, minLength: rows, maxLength: rows })),
    );
    return fc.tuple(columns, flags).map(([values, valid]) => {
      const nulls = specs.map((spec, i) => (spec.nullable ? valid[i] : undefined));
      return makeBatch(schemaOf(...specs), rows, values, nulls);
    });
  });
}

let files = 0;

/** Writes batches to an archive in the folder and gives its path. */
export async function write(
  folder: string,
  schema: Schema,
  batches: readonly RecordBatch[],
  more: Partial<ArchiveFileOptions> = {},
): Promise<string> {
  const path = join(folder, `${files++}.h5`);
  await using archive = await createArchiveFile({ path, schema, meta: {}, keyName: 'id', vectorName: 'vec', ...more });
  for (const batch of batches) await archive.append(batch);
  await archive.finish();
  return more.path ?? path;
}

/** Opens archives with the usual options. The caller disposes of the reader. */
export function open(paths: readonly string[], more: Partial<Hdf5Source> = {}): Promise<Reader> {
  return openHdf5(source(paths, more), NAMES);
}

/** Content digest of some batches. */
export async function digestOf(schema: Schema, batches: Iterable<RecordBatch>): Promise<Digest> {
  const digester = await createDigester(schema);
  for (const batch of batches) digester.add(batch);
  return digester.result();
}

/** Every row of a batch as values. */
export function rowsOf(batch: RecordBatch): Value[][] {
  const columns = rawColumns(batch);
  return Array.from({ length: batch.numRows }, (_, row) =>
    columns.map((column) => valueAt(column, row, isVector(column.field.metadata.get('milvus.type') as never))),
  );
}

/** What reading a split gave. */
export interface ReadBack {
  readonly rows: Value[][];
  readonly digest: Digest;
  /** Rows of each batch. */
  readonly sizes: number[];
  readonly cursors: string[];
}

/** Reads a split to its end. */
export async function readBack(reader: Reader, options: Partial<ReadOptions> = {}, index = 0): Promise<ReadBack> {
  const split = (await reader.splits())[index]!;
  const back = { rows: [] as Value[][], sizes: [] as number[], cursors: [] as string[] };
  let digester: Awaited<ReturnType<typeof createDigester>> | undefined;
  for await (const { batch, cursor } of reader.read(split, { maxBytes: 1 << 20, ...options })) {
    digester ??= await createDigester(batch.schema);
    digester.add(batch);
    back.rows.push(...rowsOf(batch));
    back.sizes.push(batch.numRows);
    back.cursors.push(cursor);
  }
  return { ...back, digest: digester?.result() ?? (await digestOf(reader.schema, [])) };
}

/** A batch of an int64 key and float vectors: ids run on from `first`, values from them. */
export function simpleBatch(rows: number, dim: number, first = 0): RecordBatch {
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(first + i));
  const vectors = Float32Array.from({ length: rows * dim }, (_, i) => first + i / 8);
  return makeBatch(schemaOf(...simpleSpecs(dim)), rows, [ids, vectors]);
}

export function simpleSpecs(dim: number): FieldSpec[] {
  return [
    { name: 'id', type: 'INT64', primaryKey: true },
    { name: 'vec', type: 'FLOAT_VECTOR', dim },
  ];
}
