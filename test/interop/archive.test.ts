import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordBatch } from 'apache-arrow';
import { Schema } from 'apache-arrow';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { createArchiveFile, openHdf5 } from '../../src/adapters/hdf5/index.js';
import { makeBatch, type RawValues } from '../../src/batch/columns.js';
import { createDigester, type Digest } from '../../src/batch/digest.js';
import { type FieldSpec, toArrowField } from '../../src/batch/fields.js';
import { asBytes } from '../../src/util/bytes.js';
import { python } from '../support/python.js';

const ROWS = 30_000;
const DIM = 24;
const folder = join(inject('runFolder'), 'archives');
beforeAll(() => void mkdirSync(folder, { recursive: true }));

interface Shown {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly sha256: string;
}

async function show(path: string): Promise<Record<string, Shown>> {
  return JSON.parse(await python('archive.py', ['show', path])) as Record<string, Shown>;
}

function sha256(values: ArrayBufferView): string {
  return createHash('sha256').update(asBytes(values)).digest('hex');
}

function textColumn(values: readonly string[]): RawValues & { bytes: Uint8Array; offsets: Int32Array } {
  const parts = values.map((value) => Buffer.from(value));
  const offsets = new Int32Array(values.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
  return { bytes: new Uint8Array(Buffer.concat(parts)), offsets };
}

async function write(name: string, specs: readonly FieldSpec[], columns: RawValues[], rows: number): Promise<string> {
  const path = join(folder, name);
  const schema = new Schema(specs.map(toArrowField));
  const valid = specs.map((spec) => (spec.nullable ? Uint8Array.from({ length: rows }, (_, i) => i % 2) : undefined));
  await using archive = await createArchiveFile({ path, schema, meta: {}, keyName: 'id', vectorName: 'vec' });
  await archive.append(makeBatch(schema, rows, columns, valid));
  await archive.finish();
  return path;
}

async function digestOf(path: string): Promise<Digest> {
  const source = { adapter: 'hdf5' as const, files: [{ path }], dataset: 'embeddings', idsDataset: 'ids' };
  await using reader = await openHdf5(
    { ...source, idsOptional: true, columns: {} },
    { idField: 'i', vectorField: 'v' },
  );
  const digester = await createDigester(reader.schema);
  const [split] = await reader.splits();
  const add = (batch: RecordBatch): void => digester.add(batch);
  for await (const { batch } of reader.read(split!, { maxBytes: 1 << 20 })) add(batch);
  return digester.result();
}

describe('h5py finds in an archive', () => {
  const ids = BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i) * 2n ** 40n - 2n ** 53n);
  const vectors = Float32Array.from({ length: ROWS * DIM }, (_, i) => Math.sin(i));

  it('embeddings and ids as older scripts expect them', async () => {
    const specs: FieldSpec[] = [
      { name: 'id', type: 'INT64', primaryKey: true },
      { name: 'vec', type: 'FLOAT_VECTOR', dim: DIM },
      { name: 'price', type: 'DOUBLE' },
    ];
    const prices = Float64Array.from({ length: ROWS }, (_, i) => i / 7);
    const path = await write('float.h5', specs, [ids, vectors, prices], ROWS);
    const shown = await show(path);
    expect(shown.embeddings).toEqual({ shape: [ROWS, DIM], dtype: '<f4', sha256: sha256(vectors) });
    expect(shown.ids).toEqual({ shape: [ROWS], dtype: '<i8', sha256: sha256(ids) });
    expect(shown.price).toEqual({ shape: [ROWS], dtype: '<f8', sha256: sha256(prices) });
    expect(Object.keys(shown)).toEqual(['embeddings', 'ids', 'milvusdm_schema', 'price']);
  });

  it('binary vectors as packed uint8', async () => {
    const specs: FieldSpec[] = [
      { name: 'id', type: 'INT64', primaryKey: true },
      { name: 'vec', type: 'BINARY_VECTOR', dim: 64 },
    ];
    const bits = Uint8Array.from({ length: 100 * 8 }, (_, i) => (i * 37) % 256);
    const path = await write('binary.h5', specs, [ids.slice(0, 100), bits], 100);
    expect((await show(path)).embeddings).toEqual({ shape: [100, 8], dtype: '|u1', sha256: sha256(bits) });
  });

  it('texts, nulls and half-precision vectors', async () => {
    const specs: FieldSpec[] = [
      { name: 'id', type: 'VARCHAR', maxLength: 20, primaryKey: true },
      { name: 'vec', type: 'FLOAT16_VECTOR', dim: 2 },
      { name: 'title', type: 'VARCHAR', maxLength: 50, nullable: true },
    ];
    const keys = ['ä', '', '日本', 'd'];
    const half = asBytes(Uint16Array.from([0x3c00, 0xc000, 0x3800, 0, 0x7bff, 1, 0x8000, 0x4248]));
    const path = await write('texts.h5', specs, [textColumn(keys), half, textColumn(['', 'zwei', 'x', 'ü'])], 4);
    expect(JSON.parse(await python('archive.py', ['texts', path, 'ids']))).toEqual(keys);
    expect(JSON.parse(await python('archive.py', ['texts', path, 'title']))).toEqual([null, 'zwei', null, 'ü']);
    const read = JSON.parse(await python('archive.py', ['halves', path, 'vec'])) as number[][];
    expect(read).toEqual([
      [1, -2],
      [0.5, 0],
      [65504, 2 ** -24],
      [-0, 3.140625],
    ]);
  });
});

it('an archive that h5py wrote anew, with other chunks and filters, holds the same', async () => {
  const specs: FieldSpec[] = [
    { name: 'id', type: 'INT64', primaryKey: true },
    { name: 'vec', type: 'FLOAT_VECTOR', dim: DIM },
    { name: 'text', type: 'JSON', nullable: true },
    { name: 'tags', type: 'ARRAY', elementType: 'VARCHAR', maxCapacity: 4, maxLength: 9 },
    { name: 'none', type: 'SPARSE_FLOAT_VECTOR' },
  ];
  const rows = 9000;
  const ids = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  const vectors = Float32Array.from({ length: rows * DIM }, (_, i) => i % 1000);
  const tags = textColumn(Array.from({ length: rows * 2 }, (_, i) => `t${i % 97}`));
  const columns = [
    ids,
    vectors,
    textColumn(Array.from({ length: rows }, (_, i) => `{"n":${i}}`)),
    { items: tags, offsets: Int32Array.from({ length: rows + 1 }, (_, i) => i * 2) },
    { bytes: new Uint8Array(0), offsets: new Int32Array(rows + 1) },
  ];
  const path = await write('whole.h5', specs, columns, rows);
  const copy = join(folder, 'repacked.h5');
  await python('archive.py', ['repack', path, copy]);
  const digest = await digestOf(path);
  expect(digest.rows).toBe(rows);
  expect(await digestOf(copy)).toEqual(digest);
});
