import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { columnFile, fitsNumpy } from '../../../../../src/adapters/milvus/bulk/column.js';
import { HEADER_BYTES, npyHeader } from '../../../../../src/adapters/milvus/bulk/npy.js';
import { makeBatch, type RawColumn, type RawValues, rawColumn } from '../../../../../src/batch/columns.js';
import { createMemoryStore } from '../../../../support/memory-store.js';
import { type FieldSpec, type MilvusType, schemaOf } from './support.js';

interface Expected {
  readonly rows: number;
  readonly values: readonly (number | string)[];
}

const FOLDER = new URL('../../../../../fixtures/numpy/', import.meta.url);
const EXPECTED: Readonly<Record<string, Expected>> = JSON.parse(readFileSync(new URL('expected.json', FOLDER), 'utf8'));
const DIMS: Readonly<Record<string, number>> = { FLOAT_VECTOR: 4, BINARY_VECTOR: 16 };

function texts(values: readonly string[]): RawValues {
  const parts = values.map((value) => Buffer.from(value));
  const offsets = Int32Array.from([0, ...parts.map((_, i) => parts.slice(0, i + 1).reduce((n, p) => n + p.length, 0))]);
  return { bytes: Buffer.concat(parts), offsets };
}

function rawValues(type: string, values: Expected['values']): RawValues {
  const numbers = values as number[];
  switch (type) {
    case 'INT64':
      return BigInt64Array.from(values as string[], BigInt);
    case 'INT32':
      return Int32Array.from(numbers);
    case 'INT16':
      return Int16Array.from(numbers);
    case 'INT8':
      return Int8Array.from(numbers);
    case 'DOUBLE':
      return Float64Array.from(numbers);
    case 'FLOAT':
    case 'FLOAT_VECTOR':
      return Float32Array.from(numbers);
    case 'VARCHAR':
      return texts(values as string[]);
    default:
      return Uint8Array.from(numbers);
  }
}

function columnOf(type: string, { rows, values }: Expected): { spec: FieldSpec; column: RawColumn } {
  const dim = DIMS[type];
  const spec = { name: 'field', type: type as MilvusType, ...(dim === undefined ? {} : { dim }) };
  return { spec, column: rawColumn(makeBatch(schemaOf([spec]), rows, [rawValues(type, values)]), 0) };
}

async function written(spec: FieldSpec, columns: readonly RawColumn[]): Promise<{ bytes: Uint8Array; told: number }> {
  const store = createMemoryStore();
  const file = columnFile(spec, await store.begin('field.npy', HEADER_BYTES));
  for (const column of columns) {
    const told = file.bytesWith(column);
    await file.append(column);
    expect(file.bytes).toBe(told);
  }
  const told = file.bytes;
  await file.finish();
  return { bytes: store.objects.get('field.npy')!, told };
}

describe('a column as a .npy file', () => {
  it.each(Object.keys(EXPECTED))('is byte for byte what numpy writes: %s', async (type) => {
    const { spec, column } = columnOf(type, EXPECTED[type]!);
    const { bytes, told } = await written(spec, [column]);
    const numpy = readFileSync(new URL(`${type}.npy`, FOLDER));
    expect(Buffer.from(bytes).toString('hex')).toBe(numpy.toString('hex'));
    expect(told).toBe(numpy.length);
  });

  it('is the same in several pieces, also when a later text is longer', async () => {
    const all = columnOf('VARCHAR', EXPECTED.VARCHAR!);
    const values = EXPECTED.VARCHAR!.values as string[];
    const pieces = [values.slice(0, 2), values.slice(2, 3), values.slice(3)];
    const columns = pieces.map((part) => columnOf('VARCHAR', { rows: part.length, values: part }).column);
    expect((await written(all.spec, columns)).bytes).toEqual((await written(all.spec, [all.column])).bytes);
  });

  it('takes slices of batches', async () => {
    const { spec } = columnOf('VARCHAR', EXPECTED.VARCHAR!);
    const values = EXPECTED.VARCHAR!.values as string[];
    const batch = makeBatch(schemaOf([spec]), values.length, [texts(values)]).slice(2, 5);
    const direct = columnOf('VARCHAR', { rows: 3, values: values.slice(2, 5) }).column;
    expect((await written(spec, [rawColumn(batch, 0)])).bytes).toEqual((await written(spec, [direct])).bytes);
  });

  it('refuses a NUL in a text, which would end it for the reader', async () => {
    const { spec, column } = columnOf('VARCHAR', { rows: 2, values: ['fine', 'a\0b'] });
    await expect(written(spec, [column])).rejects.toMatchObject({ code: 'DST_REFUSED', hint: 'Set write: insert.' });
  });

  it('knows what numpy has no type for', () => {
    const refused = ['ARRAY', 'FLOAT16_VECTOR', 'BFLOAT16_VECTOR', 'INT8_VECTOR', 'SPARSE_FLOAT_VECTOR'] as const;
    expect(refused.filter((type) => fitsNumpy({ name: 'x', type }))).toEqual([]);
  });

  it('is not for text that may be long', () => {
    const text = (maxLength?: number): FieldSpec => ({
      name: 'x',
      type: 'VARCHAR',
      ...(maxLength ? { maxLength } : {}),
    });
    expect([text(1024), text(1025), text()].map(fitsNumpy)).toEqual([true, false, false]);
    expect(fitsNumpy({ name: 'x', type: 'JSON' })).toBe(false);
  });

  it('has a header of one length for every number of rows', () => {
    const lengths = [0, 1, 2 ** 40].map((rows) => npyHeader('<U16383', [rows]).length);
    expect(lengths).toEqual([HEADER_BYTES, HEADER_BYTES, HEADER_BYTES]);
  });
});
