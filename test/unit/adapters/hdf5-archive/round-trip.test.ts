import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectHdf5, readArchiveSettings } from '../../../../src/adapters/hdf5/index.js';
import { makeBatch } from '../../../../src/batch/columns.js';
import { type FieldSpec, specsOf } from '../../../../src/batch/fields.js';
import { schemaOf, textColumn } from '../../batch/support.js';
import { errorOf } from '../hdf5/support.js';
import {
  batchOf,
  digestOf,
  EVERYTHING,
  open,
  readBack,
  rowsOf,
  scratchFolder,
  simpleBatch,
  simpleSpecs,
  write,
} from './support.js';

const folder = scratchFolder();

describe('an archive of every type', () => {
  const schema = schemaOf(...EVERYTHING);

  it('gives back schema, rows and digest, whatever the batches were', async () => {
    const batches = fc.array(batchOf(EVERYTHING, { min: 0, max: 12 }), { maxLength: 3 });
    const property = fc.asyncProperty(batches, fc.integer({ min: 1, max: 4000 }), async (written, maxBytes) => {
      const path = await write(folder, schema, written);
      await using reader = await open([path]);
      expect(specsOf(reader.schema)).toEqual(EVERYTHING);
      const back = await readBack(reader, { maxBytes });
      expect(back.rows).toEqual(written.flatMap(rowsOf));
      expect(back.digest).toEqual(await digestOf(schema, written));
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it('takes slices of batches, which share the memory of the whole', async () => {
    const property = fc.asyncProperty(
      batchOf(EVERYTHING, { min: 2, max: 20 }),
      fc.nat(),
      fc.nat(),
      async (batch, a, b) => {
        const [from, to] = [a % batch.numRows, b % batch.numRows].sort((x, y) => x - y) as [number, number];
        const parts = [batch.slice(0, from), batch.slice(from, to), batch.slice(to, batch.numRows)];
        const path = await write(folder, schema, parts);
        await using reader = await open([path]);
        expect((await readBack(reader)).rows).toEqual(rowsOf(batch));
      },
    );
    await fc.assert(property, { numRuns: 10 });
  });

  it('gives any part of the fields, and goes on behind any batch', async () => {
    const [batch] = fc.sample(batchOf(EVERYTHING, { min: 60, max: 60 }), { numRuns: 1, seed: 7 });
    const path = await write(folder, schema, [batch!]);
    await using reader = await open([path]);
    const all = await readBack(reader, { maxBytes: 3000 });
    expect(all.sizes.length).toBeGreaterThan(3);
    for (const [i, after] of all.cursors.entries()) {
      const rest = await readBack(reader, { maxBytes: 1000, after });
      const done = all.sizes.slice(0, i + 1).reduce((sum, n) => sum + n, 0);
      expect(rest.rows).toEqual(all.rows.slice(done));
    }
    const names = ['list_VARCHAR_null', 'id', 'sparse_float_vector'];
    const at = EVERYTHING.flatMap((spec, i) => (names.includes(spec.name) ? [i] : []));
    const some = await readBack(reader, { columns: names });
    expect(some.rows).toEqual(all.rows.map((row) => at.map((i) => row[i])));
    const error = await errorOf(readBack(reader, { after: '61' }));
    expect(error.code).toBe('SRC_CHANGED');
  });

  it('is compressed where that is asked for', async () => {
    const [batch] = fc.sample(batchOf(EVERYTHING, { min: 50, max: 50 }), { numRuns: 1, seed: 8 });
    const path = await write(folder, schema, [batch!, batch!], { gzip: 4 });
    await using reader = await open([path]);
    expect((await readBack(reader)).rows).toEqual([...rowsOf(batch!), ...rowsOf(batch!)]);
    const { details } = await inspectHdf5(path);
    expect(details.find((line) => line.startsWith('dataset embeddings:'))).toMatch(/gzip 4/);
  });
});

describe('the rows of an archive', () => {
  // 64 KiB chunks and more: 16,384 rows of 16 floats make one of 1 MiB.
  it.each([0, 1, 16_383, 16_384, 16_385, 40_000])('may be %i', async (rows) => {
    const batches = rows === 0 ? [] : [simpleBatch(rows, 16)];
    const path = await write(folder, schemaOf(...simpleSpecs(16)), batches);
    await using reader = await open([path]);
    expect((await reader.splits())[0]).toMatchObject({ rows, bytes: rows * 72 });
    const back = await readBack(reader, { maxBytes: 300_000 });
    expect(back.rows.length).toBe(rows);
    expect(back.digest).toEqual(await digestOf(schemaOf(...simpleSpecs(16)), batches));
  });

  it('may come in any pieces', async () => {
    const whole = simpleBatch(40_000, 16);
    const pieces = [1, 16_382, 2, 16_384, 0, 7231].map((rows) => rows);
    let at = 0;
    const batches = pieces.map((rows) => {
      at += rows;
      return whole.slice(at - rows, at);
    });
    const path = await write(folder, whole.schema, batches);
    await using reader = await open([path]);
    expect((await readBack(reader)).digest).toEqual(await digestOf(whole.schema, [whole]));
  });

  it('may be of 32,768 dimensions', async () => {
    const batch = simpleBatch(37, 32_768);
    const path = await write(folder, batch.schema, [batch]);
    await using reader = await open([path]);
    const back = await readBack(reader, { maxBytes: 400_000 });
    expect(Math.max(...back.sizes)).toBe(3);
    expect(back.digest).toEqual(await digestOf(batch.schema, [batch]));
  });

  it('come one by one where a single one exceeds the batch', async () => {
    const specs: FieldSpec[] = [...simpleSpecs(4), { name: 'text', type: 'VARCHAR', maxLength: 65_535 }];
    const texts = ['x'.repeat(60_000), '', 'ü'.repeat(30_000), 'y'];
    const ids = BigInt64Array.from([1n, 2n, 3n, 4n]);
    const batch = makeBatch(schemaOf(...specs), 4, [ids, new Float32Array(16), textColumn(texts)]);
    const path = await write(folder, batch.schema, [batch]);
    await using reader = await open([path]);
    const back = await readBack(reader, { maxBytes: 10_000 });
    expect(back.sizes).toEqual([1, 1, 1, 1]);
    expect(back.rows).toEqual(rowsOf(batch));
  });
});

describe('names of fields', () => {
  it('may be those of datasets, or no names of HDF5 at all', async () => {
    const names = [
      'embeddings',
      'ids',
      'milvusdm_schema',
      'a/b',
      'a_b',
      '.',
      'x',
      'x__offsets',
      'x__valid',
      '日本',
      '$meta',
    ];
    const specs: FieldSpec[] = [
      ...simpleSpecs(4),
      ...names.map((name): FieldSpec => ({ name, type: name.startsWith('x') ? 'VARCHAR' : 'INT16', nullable: true })),
    ];
    const [batch] = fc.sample(batchOf(specs, { min: 5, max: 5 }), { numRuns: 1, seed: 3 });
    const path = await write(folder, schemaOf(...specs), [batch!]);
    await using reader = await open([path]);
    expect(reader.schema.fields.map((field) => field.name)).toEqual(['id', 'vec', ...names]);
    expect((await readBack(reader)).rows).toEqual(rowsOf(batch!));
  });

  it('of key and vectors may be the other way round', async () => {
    const specs: FieldSpec[] = [
      { name: 'ids', type: 'FLOAT_VECTOR', dim: 4 },
      { name: 'embeddings', type: 'VARCHAR', maxLength: 9, primaryKey: true },
    ];
    const batch = makeBatch(schemaOf(...specs), 2, [new Float32Array(8).fill(2), textColumn(['ä', 'b'])]);
    const path = await write(folder, batch.schema, [batch], { keyName: 'embeddings', vectorName: 'ids' });
    await using reader = await open([path]);
    expect(specsOf(reader.schema)).toEqual(specs);
    expect((await readBack(reader)).rows).toEqual(rowsOf(batch));
  });
});

describe('an archive of other vectors', () => {
  it.each(['SPARSE_FLOAT_VECTOR', 'FLOAT16_VECTOR', 'BFLOAT16_VECTOR', 'INT8_VECTOR', 'BINARY_VECTOR'] as const)(
    'of %s only',
    async (type) => {
      const dim = type === 'SPARSE_FLOAT_VECTOR' ? {} : { dim: 8 };
      const specs: FieldSpec[] = [
        { name: 'id', type: 'VARCHAR', maxLength: 5, primaryKey: true },
        { name: 'vec', type, ...dim },
      ];
      const [batch] = fc.sample(batchOf(specs, { min: 9, max: 9 }), { numRuns: 1, seed: 5 });
      const path = await write(folder, schemaOf(...specs), [batch!]);
      await using reader = await open([path]);
      expect(specsOf(reader.schema)).toEqual(specs);
      expect(reader.info[0]).toMatchObject({ vectorType: type, ids: 'stored', kind: 'HDF5 archive of milvusdm' });
      expect((await readBack(reader)).rows).toEqual(rowsOf(batch!));
    },
  );
});

describe('what else an archive keeps', () => {
  it('are the settings of its collection', async () => {
    const settings = {
      description: 'Bücher 本',
      metric: 'COSINE',
      indexes: [{ field: 'vec', type: 'HNSW', metric: 'COSINE', params: { M: 16, efConstruction: '200' } }],
      shards: 2,
      consistency: 'Bounded',
      properties: { 'collection.ttl.seconds': '3600' },
      aliases: ['a', 'b'],
      dynamic: true,
      autoId: false,
      partitionCount: 16,
      partitions: ['_default', 'red'],
    };
    const meta = { settings, collection: 'books', partition: 'red', ts: 2n ** 60n };
    const path = await write(folder, schemaOf(...simpleSpecs(4)), [simpleBatch(3, 4)], { meta });
    expect(await readArchiveSettings(path)).toEqual({
      collection: 'books',
      partition: 'red',
      settings,
      fields: simpleSpecs(4),
      rows: 3,
      meta: { ...meta, ts: String(2n ** 60n) },
    });
    expect(await inspectHdf5(path)).toMatchObject({ metric: 'COSINE', rows: 3, dim: 4 });
    expect((await inspectHdf5(path)).details[0]).toBe('written from books/red');
  });

  it('are none for a file of another kind', async () => {
    const path = new URL('../../../../fixtures/hdf5/float32.h5', import.meta.url).pathname;
    expect(await readArchiveSettings(path)).toBeUndefined();
  });

  it('are kept when they are longer than an attribute may be', async () => {
    const aliases = Array.from({ length: 5000 }, (_, i) => `alias_${i}_${'x'.repeat(20)}`);
    const path = await write(folder, schemaOf(...simpleSpecs(4)), [], { meta: { settings: { aliases } } });
    expect((await readArchiveSettings(path))?.settings).toEqual({ aliases });
  });
});

describe('reading an archive otherwise', () => {
  it('takes its datasets by name where they are named, and where the schema is to be ignored', async () => {
    const specs: FieldSpec[] = [...simpleSpecs(4), { name: 'price', type: 'DOUBLE' }];
    const batch = makeBatch(schemaOf(...specs), 2, [
      BigInt64Array.from([5n, 6n]),
      Float32Array.from({ length: 8 }, (_, i) => i),
      Float64Array.from([0.5, 1.5]),
    ]);
    const path = await write(folder, batch.schema, [batch]);
    const names = async (more: Parameters<typeof open>[1]): Promise<string[]> => {
      await using reader = await open([path], more);
      return reader.schema.fields.map((field) => field.name);
    };
    expect(await names({})).toEqual(['id', 'vec', 'price']);
    expect(await names({ archive: 'ignore' })).toEqual(['key', 'vec']);
    expect(await names({ columns: { price: 'cost' } })).toEqual(['key', 'vec', 'cost']);
    expect(await names({ idsOptional: false })).toEqual(['key', 'vec']);
    expect(await names({ vectorType: 'FLOAT_VECTOR' })).toEqual(['key', 'vec']);
  });

  it('joins archives of equal fields, and refuses others', async () => {
    const specs = (maxLength: number, nullable: boolean): FieldSpec[] => [
      ...simpleSpecs(4),
      { name: 'text', type: 'VARCHAR', maxLength, ...(nullable ? { nullable: true } : {}) },
    ];
    const part = async (fields: FieldSpec[], seed: number): Promise<string> => {
      const [batch] = fc.sample(batchOf(fields, { min: 4, max: 4 }), { numRuns: 1, seed });
      return write(folder, schemaOf(...fields), [batch!]);
    };
    const [short, long] = [await part(specs(10, false), 1), await part(specs(20, true), 2)];
    await using reader = await open([short, long]);
    expect(specsOf(reader.schema)).toEqual(specs(20, true));
    expect((await readBack(reader, {}, 0)).rows.length).toBe(4);
    expect((await readBack(reader, {}, 1)).rows.length).toBe(4);
    const other = await part([...simpleSpecs(4), { name: 'text', type: 'JSON' }], 3);
    expect((await errorOf(open([short, other]))).message).toMatch(/"text" differs: .* VARCHAR, .* JSON/);
    const fewer = await part(simpleSpecs(4), 4);
    expect((await errorOf(open([fewer, short]))).message).toMatch(/"text" differs: .*no such field/);
    const plain = new URL('../../../../fixtures/hdf5/float32.h5', import.meta.url).pathname;
    expect((await errorOf(open([short, plain]))).code).toBe('SRC_MISMATCH');
  });
});

describe('the file', () => {
  it('is small where its content is', async () => {
    const [batch] = fc.sample(batchOf(EVERYTHING, { min: 3, max: 3 }), { numRuns: 1, seed: 9 });
    const path = await write(folder, schemaOf(...EVERYTHING), [batch!]);
    expect(readFileSync(path).length).toBeLessThan(128 << 10);
  });

  it('leaves nothing beside it', () => {
    expect(readdirSync(folder).filter((name) => !name.endsWith('.h5'))).toEqual([]);
    expect(readdirSync(join(folder)).length).toBeGreaterThan(20);
  });
});
