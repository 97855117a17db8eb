import type { RecordBatch } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { createFileSet, type FileSet } from '../../../../../src/adapters/milvus/bulk/file-set.js';
import type { FieldLimits } from '../../../../../src/adapters/milvus/bulk/limits.js';
import type { FileKind } from '../../../../../src/adapters/milvus/bulk/set-files.js';
import { makeBatch, type RawValues } from '../../../../../src/batch/columns.js';
import { createMemoryStore, type MemoryStore } from '../../../../support/memory-store.js';
import { readParquet } from './parquet/read.js';
import { type FieldSpec, schemaOf } from './support.js';

const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
const TEXT: FieldSpec = { name: 'text', type: 'VARCHAR', maxLength: 65535 };
const TAGS: FieldSpec = { name: 'tags', type: 'ARRAY', elementType: 'INT8', maxCapacity: 64 };
const KINDS: FileKind[] = ['numpy', 'Parquet'];

interface Bench {
  readonly set: FileSet;
  readonly store: MemoryStore;
  batch(first: number, rows: number, more: RawValues): RecordBatch;
}

function bench(kind: FileKind, field: FieldSpec, o: { maxFileBytes?: number; limits?: FieldLimits } = {}): Bench {
  const store = createMemoryStore();
  const schema = schemaOf([KEY, field]);
  const set = createFileSet({
    kind,
    store,
    folder: 'job/set/',
    mapping: {
      fields: new Map([[field.name, field.name]]),
      keyField: 'pk',
      keyType: 'INT64',
      vectorField: '',
      autoId: false,
    },
    limits: new Map([[field.name, o.limits ?? {}]]),
    maxFileBytes: o.maxFileBytes ?? 1 << 20,
  });
  const ids = (first: number, rows: number): BigInt64Array =>
    BigInt64Array.from({ length: rows }, (_, i) => BigInt(first + i));
  return { set, store, batch: (first, rows, more) => makeBatch(schema, rows, [ids(first, rows), more]) };
}

/** Texts of these lengths in bytes. */
function texts(lengths: readonly number[]): RawValues {
  const offsets = Int32Array.from([0, ...lengths]);
  for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
  return { bytes: new Uint8Array(offsets.at(-1)!).fill(0x78), offsets };
}

function arrays(lengths: readonly number[]): RawValues {
  const { offsets } = texts(lengths) as { offsets: Int32Array };
  return { items: new Int8Array(offsets.at(-1)!), offsets };
}

describe.each(KINDS)('a set of %s files', (kind) => {
  it('is as long as it says, closed when full, and removed with all it has', async () => {
    const { set, store, batch } = bench(kind, TEXT, { maxFileBytes: 2500 });
    const more = batch(0, 10, texts(Array(10).fill(20)));
    let rows = 0;
    for (; set.fits(more); rows += 10) await set.append(more);
    expect(rows).toBeGreaterThanOrEqual(20);
    expect(set.rows).toBe(rows);
    await set.finish();
    const sizes = set.keys.map((key) => store.objects.get(key)!.length);
    const footer = kind === 'numpy' ? 0 : 500;
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2500 + footer);
    expect(Math.abs(sizes.reduce((sum, size) => sum + size, 0) - set.bytes)).toBeLessThanOrEqual(footer);
    await set.remove();
    expect([...store.objects.keys()]).toEqual([]);
  });

  it('refuses a text that is longer than the field of the target, as requests do', async () => {
    const limits = { maxLength: 7 };
    const fine = bench(kind, TEXT, { limits });
    await fine.set.append(fine.batch(0, 2, texts([1, 7])));
    await expect(fine.set.append(fine.batch(2, 3, texts([1, 8, 2])))).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: 'a text has 8 bytes, and the field "text" takes 7',
    });
  });

  it('refuses a batch that alone makes a file far too long', async () => {
    const { set, batch } = bench(kind, TEXT, { maxFileBytes: 1000 });
    await expect(set.append(batch(0, 3, texts([2000, 2000, 2000])))).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringMatching(/ would have \d+\.\d KiB by 3 rows alone/),
    });
  });
});

describe('a set of Parquet files', () => {
  it('takes the room of the texts, not that of the longest for each', async () => {
    const batchOf = (b: Bench): RecordBatch => b.batch(0, 1000, texts([50_000, ...Array(999).fill(1)]));
    const parquet = bench('Parquet', TEXT, { maxFileBytes: 100_000 });
    await parquet.set.append(batchOf(parquet));
    expect(parquet.set.bytes).toBeLessThan(70_000);
    const numpy = bench('numpy', TEXT, { maxFileBytes: 100_000 });
    await expect(numpy.set.append(batchOf(numpy))).rejects.toMatchObject({
      message: expect.stringContaining('in a numpy file every text takes the room of the longest'),
    });
  });

  it('refuses an array with more elements than the field takes', async () => {
    const { set, batch } = bench('Parquet', TAGS, { limits: { maxCapacity: 4 } });
    await set.append(batch(0, 2, arrays([0, 4])));
    await expect(set.append(batch(2, 3, arrays([4, 5, 0])))).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: 'an array has 5 elements, and the field "tags" takes 4',
    });
  });

  it('has a column for each field, by the names of the target', async () => {
    const { set, store, batch } = bench('Parquet', TAGS);
    await set.append(batch(0, 2, arrays([0, 3])));
    await set.append(batch(2, 1, arrays([1])));
    await set.finish();
    expect(set.keys).toEqual(['job/set/rows.parquet']);
    const { columns } = readParquet(store.objects.get('job/set/rows.parquet')!);
    expect(columns).toEqual({ pk: [0n, 1n, 2n], tags: [[], [0, 0, 0], [0]] });
  });
});
