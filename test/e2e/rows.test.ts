import { readFile } from 'node:fs/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { counts, digest, makeCollection } from '../support/python.js';
import {
  digestsOf,
  dropCollections,
  faissFlat,
  fixture,
  floatFields,
  run,
  runOk,
  sourceFile,
  unique,
} from './support.js';

const FLOATS = fixture('hdf5/float32.h5');
const BITS = fixture('hdf5/binary_uint8.h5');

afterAll(dropCollections);

describe.concurrent('rows that cannot be stored', () => {
  const value = (row: number, column: number): number =>
    row % 10 === 3 && column === 1 ? Number.NaN : row + column / 4;
  const source = sourceFile('nan.index', faissFlat(40, 4, value));
  const good = Array.from({ length: 40 }, (_, row) => row).filter((row) => row % 10 !== 3);

  test('stop the run before the target is touched', async () => {
    const collection = unique('bad');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 6 }] });
    const done = await run({ data_path: await source, mode: 'overwrite', dest_collection_name: collection });
    expect(done.code).toBe(3);
    expect(done.report.error).toMatchObject({
      code: 'SRC_BAD_ROW',
      message: expect.stringContaining('row 13 (id 13)'),
    });
    expect((await counts({ collection })).count).toBe(6);
  });

  test('are set aside under quarantine, and the rest arrives', async () => {
    const collection = unique('bad');
    const done = await run({
      data_path: await source,
      mode: 'overwrite',
      dest_collection_name: collection,
      on_bad_row: 'quarantine',
    });
    expect(done.code).toBe(7);
    expect(done.report).toMatchObject({ status: 'partial', error: { code: 'ROWS_QUARANTINED' } });
    expect(done.target).toMatchObject({
      rows_read: 40,
      rows_written: 36,
      rows_skipped: 4,
      target_rows: 36,
      verified: 'sample',
    });
    const side = /set aside in (\S+);/.exec(done.report.error!.message)![1]!;
    const rows = (await readFile(side, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows.map(({ row, id }) => [row, id])).toEqual([3, 13, 23, 33].map((row) => [row, String(row)]));
    expect(rows[0]).toEqual({ source: await source, row: 3, id: '3', reason: expect.stringContaining('NaN') });
    const arrived = good.map((row) => ({ id: BigInt(row), vector: [0, 1, 2, 3].map((column) => value(row, column)) }));
    expect(await digest({ collection })).toMatchObject({ count: 36, ...digestsOf(arrived) });
  });

  test('are refused when they are more than quarantine_limit', async () => {
    const collection = unique('bad');
    const keys = { data_path: await source, dest_collection_name: collection, on_bad_row: 'quarantine' };
    const done = await run({ ...keys, quarantine_limit: 3 });
    expect(done.code).toBe(3);
    expect(done.report.error!.message).toContain('quarantine_limit');
  });

  test.for(['error', 'quarantine'])('are found without a full preflight, too: %s', async (policy) => {
    const collection = unique('bad');
    const keys = { data_path: await source, dest_collection_name: collection, on_bad_row: policy };
    const done = await run({ ...keys, preflight: 'headers' });
    expect(done.code).toBe(policy === 'error' ? 3 : 7);
    if (policy === 'quarantine') expect(done.target).toMatchObject({ rows_written: 36, target_rows: 36 });
    else expect(done.report.error!.message).toContain('row 3 (id 3)');
  });
});

describe.concurrent('metric, index and load', () => {
  test('packed bytes with a float metric are refused with the way out', async () => {
    const done = await run({
      data_path: BITS,
      dest_collection_name: unique('metric'),
      collection_parameter: { metric_type: 'L2' },
    });
    expect(done.code).toBe(2);
    expect(done.report.error).toMatchObject({
      code: 'CFG_CONFLICT',
      hint: expect.stringContaining('vector_type: FLOAT_VECTOR'),
    });
  });

  test('TANIMOTO becomes JACCARD, with a warning', async () => {
    const collection = unique('metric');
    const parameter = { metric_type: 'TANIMOTO' };
    const done = await runOk({ data_path: BITS, dest_collection_name: collection, collection_parameter: parameter });
    expect(done.report.warnings.join('\n')).toMatch(/no TANIMOTO: JACCARD/);
    expect((await counts({ collection })).indexes).toEqual([
      { field: 'embedding', type: 'BIN_IVF_FLAT', metric: 'JACCARD' },
    ]);
  });

  test.for(['SUBSTRUCTURE', 'SUPERSTRUCTURE'])('%s gets the index that can do it', async (metric) => {
    const collection = unique('metric');
    const parameter = { metric_type: metric };
    const done = await runOk({ data_path: BITS, dest_collection_name: collection, collection_parameter: parameter });
    expect(done.target.verified).toBe('sample');
    expect((await counts({ collection })).indexes).toEqual([{ field: 'embedding', type: 'BIN_FLAT', metric }]);
  });

  test('the metric of the YAML wins over that of the file, with a warning', async () => {
    const collection = unique('metric');
    const data_path = fixture('faiss/flat_ip.index');
    const parameter = { metric_type: 'l2' };
    const done = await runOk({ data_path, dest_collection_name: collection, collection_parameter: parameter });
    expect(done.report.warnings.join('\n')).toMatch(/L2 of the YAML differs from IP/);
    expect((await counts({ collection })).indexes).toMatchObject([{ metric: 'L2' }]);
  });

  test('a metric that Milvus lacks has to be replaced', async () => {
    const done = await run({ data_path: fixture('faiss/flat_l1.index'), dest_collection_name: unique('metric') });
    expect(done.code).toBe(2);
    expect(done.report.error!.message).toContain('L1');
  });

  test('index none: counted only, which the report says', async () => {
    const collection = unique('index');
    const parameter = { index: 'none' };
    const done = await runOk({ data_path: FLOATS, dest_collection_name: collection, collection_parameter: parameter });
    expect(done.target).toMatchObject({ verified: 'count', target_rows: 300 });
    expect(done.report.warnings.join('\n')).toMatch(/row count only/);
    expect((await counts({ collection })).indexes).toEqual([]);
  });

  test('HNSW with its parameters, names, shards, and loaded at the end', async () => {
    const collection = unique('index');
    const parameter = {
      dimension: 16,
      index_file_size: 1024,
      metric_type: 'COSINE',
      id_field: 'key',
      vector_field: 'vec',
      index: { type: 'HNSW', params: { M: 12, efConstruction: 100 } },
      shards: 2,
      load: true,
    };
    const done = await runOk({ data_path: FLOATS, dest_collection_name: collection, collection_parameter: parameter });
    expect(done.target).toMatchObject({ verified: 'sample', target_rows: 300 });
    expect(done.report.warnings.join('\n')).toMatch(/index_file_size/);
    const found = await digest({ collection });
    expect(found).toMatchObject({ count: 300, load_state: 'Loaded' });
    expect(found.fields.map((field) => field.name)).toEqual(['key', 'vec']);
    expect(found.indexes).toEqual([{ field: 'vec', type: 'HNSW', metric: 'COSINE' }]);
  });

  test('an index that does not go with the metric fails with what the server says', async () => {
    const collection = unique('index');
    const parameter = { index: { type: 'NO_SUCH_INDEX' } };
    const done = await run({ data_path: FLOATS, dest_collection_name: collection, collection_parameter: parameter });
    expect(done.code).toBe(4);
    expect(done.report.error).toMatchObject({ code: 'DST_REFUSED', message: expect.stringContaining('NO_SUCH_INDEX') });
    expect(done.target.rows_written).toBe(300);
  });
});

describe.concurrent('verification', () => {
  test.for(['none', 'count'])('%s', async (verify) => {
    const collection = unique('verify');
    const done = await runOk({ data_path: FLOATS, dest_collection_name: collection, verify });
    expect(done.target).toMatchObject({ verified: verify, target_rows: verify === 'none' ? null : 300 });
    expect(await counts({ collection })).toMatchObject({ count: 300, load_state: 'NotLoad' });
  });

  test('several requests in flight and out of order: every row arrives', async () => {
    const collection = unique('verify');
    const rows = 40_000;
    const value = (row: number, column: number): number => row + column / 8;
    const data_path = await sourceFile('many.index', faissFlat(rows, 8, value));
    const keys = { data_path, dest_collection_name: collection, batch_bytes: '64KiB', parallelism: 8 };
    const done = await runOk({ ...keys, collection_parameter: { index: { type: 'FLAT' } } });
    expect(done.target).toMatchObject({ rows_written: rows, target_rows: rows, verified: 'sample' });
    const all = Array.from({ length: rows }, (_, row) => ({
      id: BigInt(row),
      vector: Array.from({ length: 8 }, (_, column) => value(row, column)),
    }));
    expect(await digest({ collection })).toMatchObject({ count: rows, ...digestsOf(all) });
  });
});

test.concurrent('a wrong dimension is refused before the target is asked', async () => {
  const keys = { data_path: FLOATS, dest_uri: 'http://127.0.0.1:9', dest_collection_name: 'never' };
  const done = await run({ ...keys, collection_parameter: { dimension: 32 } });
  expect(done.code).toBe(2);
  expect(done.report.error!.message).toMatch(/32.*16/);
});

test.concurrent('further columns, text among them, are verified bit for bit', async () => {
  const collection = unique('columns');
  const columns = { a_int8: 'small', n_free: 'title', l_bool: 'flag', j_float64: 'price' };
  const done = await runOk({ data_path: fixture('hdf5/columns.h5'), dest_collection_name: collection, columns });
  expect(done.target).toMatchObject({ verified: 'sample' });
  const { fields } = await counts({ collection });
  expect(Object.fromEntries(fields.map((field) => [field.name, field.type]))).toEqual({
    id: 'INT64',
    embedding: 'FLOAT_VECTOR',
    small: 'INT8',
    title: 'VARCHAR',
    flag: 'BOOL',
    price: 'DOUBLE',
  });
});

test.concurrent('text keys: skipped, appended, replaced', async () => {
  const collection = unique('text');
  const keys = { data_path: fixture('hdf5/ids_text_fixed.h5'), dest_collection_name: collection };
  await runOk({ ...keys, mode: 'overwrite' });
  const done = await runOk({ ...keys, mode: 'append' });
  expect(done.target).toMatchObject({ rows_written: 120, target_rows: 240, verified: 'sample' });
  const again = await runOk({ ...keys, mode: 'overwrite', dest_partition_name: '_default' });
  expect(again.target).toMatchObject({ rows_written: 120, target_rows: 120, verified: 'sample' });
  expect(await digest({ collection })).toMatchObject({ count: 120, rows: 120 });
});
