import { afterAll, describe, expect, test } from 'vitest';
import { counts, digest, makeCollection } from '../support/python.js';
import { dropCollections, exists, fixture, floatFields, planOf, QUICK, run, runOk, unique } from './support.js';

/** 300 rows of 16 dimensions with ids from 100 to 5099, and the sha256 of its vectors in the order of the ids. */
const SOURCE = fixture('hdf5/float32.h5');
const SOURCE_SHA = '78b347';
const FLAT = { field: 'embedding', type: 'FLAT', metric: 'L2' };

afterAll(dropCollections);

describe.concurrent('skip', () => {
  test('writes nothing into a collection that exists, and shows both counts', async () => {
    const collection = unique('skip');
    await makeCollection({ collection, fields: floatFields(16), insert: [{ rows: 20 }] });
    const before = await digest({ collection });
    const done = await runOk({ data_path: SOURCE, mode: 'skip', dest_collection_name: collection });
    expect(done.report.status).toBe('skipped');
    expect(done.target).toMatchObject({ rows_written: 0, rows_skipped: 300, target_rows: 20, source: SOURCE });
    expect(await digest({ collection })).toEqual(before);
  });

  test('does not compare schemas, since it writes nothing', async () => {
    const collection = unique('skip');
    await makeCollection({ collection, fields: floatFields(4, { type: 'VARCHAR', max_length: 9 }) });
    const done = await runOk({ data_path: SOURCE, mode: 'skip', dest_collection_name: collection });
    expect(done.report.status).toBe('skipped');
  });

  test('is judged by the partition where one is named', async () => {
    const collection = unique('skip');
    await makeCollection({
      collection,
      fields: floatFields(16),
      partitions: ['there'],
      insert: [{ rows: 20, partition: 'there' }],
    });
    const keys = { ...QUICK, data_path: SOURCE, mode: 'skip', dest_collection_name: collection };
    const skipped = await runOk({ ...keys, dest_partition_name: 'there' });
    expect(skipped.report.status).toBe('skipped');
    expect(skipped.target).toMatchObject({ partition: 'there', rows_skipped: 300, target_rows: 20 });
    const written = await runOk({ ...keys, dest_partition_name: 'new' });
    expect(written.report.status).toBe('done');
    expect((await counts({ collection })).partition_counts).toEqual({ _default: 0, there: 20, new: 300 });
  });

  test('of files into several partitions writes those that are not there', async () => {
    const collection = unique('skip');
    await makeCollection({
      collection,
      fields: floatFields(16),
      partitions: ['a'],
      insert: [{ rows: 5, partition: 'a' }],
    });
    const done = await runOk({
      ...QUICK,
      data_path: [
        { path: SOURCE, partition: 'a' },
        { path: SOURCE, partition: 'b' },
      ],
      mode: 'skip',
      dest_collection_name: collection,
    });
    expect(done.report.status).toBe('done');
    expect(done.report.targets).toMatchObject([
      { partition: 'a', rows_written: 0, rows_skipped: 300 },
      { partition: 'b', rows_written: 300, rows_skipped: 0, target_rows: 300 },
    ]);
    expect((await counts({ collection })).partition_counts).toEqual({ _default: 0, a: 5, b: 300 });
  });
});

describe.concurrent('append', () => {
  test('adds to what is there, under the names of the collection, and leaves its index alone', async () => {
    const collection = unique('append');
    await makeCollection({
      collection,
      fields: floatFields(16, { name: 'pk' }, 'vec'),
      insert: [{ rows: 20, first_id: 10_000 }],
      index: { ...FLAT, field: 'vec', metric: 'IP' },
    });
    const done = await runOk({ data_path: SOURCE, mode: 'append', dest_collection_name: collection });
    expect(done.target).toMatchObject({ rows_written: 300, target_rows: 320, verified: 'sample' });
    expect(done.report.warnings.join()).toContain('indexed with IP');
    const found = await digest({ collection, vectorField: 'vec' });
    expect(found).toMatchObject({ rows: 320, load_state: 'NotLoad' });
    expect(found.indexes).toEqual([{ field: 'vec', type: 'FLAT', metric: 'IP' }]);
    expect(found.fields.map((field) => field.name)).toEqual(['pk', 'vec']);
  });

  test('twice is twice the rows, and the second run is a new one', async () => {
    const collection = unique('append');
    const keys = { ...QUICK, data_path: SOURCE, mode: 'append', dest_collection_name: collection };
    const first = await runOk(keys);
    const second = await runOk(keys, { stateFolder: first.stateFolder });
    expect(second.target).toMatchObject({ rows_written: 300, target_rows: 600 });
    expect((await counts({ collection })).count).toBe(600);
  });

  test('makes the partition that is named', async () => {
    const collection = unique('append');
    await makeCollection({ collection, fields: floatFields(16), insert: [{ rows: 7 }] });
    const keys = { ...QUICK, data_path: SOURCE, mode: 'append', dest_collection_name: collection };
    await runOk({ ...keys, dest_partition_name: '2021' });
    expect((await counts({ collection })).partition_counts).toEqual({ _default: 7, 2021: 300 });
  });

  const misfits: [string, Parameters<typeof makeCollection>[0]['fields'], string[]][] = [
    ['dimension', floatFields(8), ['FLOAT_VECTOR(16)', 'FLOAT_VECTOR(8)']],
    [
      'vector type',
      [
        { name: 'id', type: 'INT64', primary: true },
        { name: 'bits', type: 'BINARY_VECTOR', dim: 16 },
      ],
      ['FLOAT_VECTOR(16)', 'BINARY_VECTOR(16)'],
    ],
    ['key type', floatFields(16, { type: 'VARCHAR', max_length: 20 }), ['INT64', 'VARCHAR']],
    ['a field without values', [...floatFields(16), { name: 'price', type: 'DOUBLE' }], ['"price" DOUBLE']],
  ];
  test.for(misfits)('refuses another %s and names both', async ([, fields, named]) => {
    const collection = unique('misfit');
    await makeCollection({ collection, fields, insert: [{ rows: 3 }] });
    const done = await run({ data_path: SOURCE, mode: 'append', dest_collection_name: collection });
    expect(done.code).toBe(4);
    expect(done.report.error!.code).toBe('DST_SCHEMA_MISMATCH');
    for (const part of [...named, collection]) expect(done.report.error!.message).toContain(part);
    expect((await counts({ collection })).count).toBe(3);
  });
});

describe.concurrent('overwrite', () => {
  test('of a collection: the plan lists what dies with it, then only the source is there', async () => {
    const collection = unique('overwrite');
    await makeCollection({
      collection,
      fields: floatFields(4, { name: 'pk' }, 'vec'),
      partitions: ['old'],
      insert: [{ rows: 20 }, { rows: 30, partition: 'old' }],
      index: { ...FLAT, field: 'vec' },
      load: true,
      aliases: [`${collection}_alias`],
      properties: { 'collection.ttl.seconds': '86400' },
    });
    const keys = { data_path: SOURCE, mode: 'overwrite', dest_collection_name: collection };
    const { actions } = await planOf(keys);
    const drop = actions.find((action) => action.kind === 'drop')!;
    expect(drop.target).toBe(collection);
    for (const part of ['50 rows', 'old', `${collection}_alias`, 'collection.ttl.seconds', 'FLAT on vec']) {
      expect(drop.detail).toContain(part);
    }
    expect((await counts({ collection })).count).toBe(50);
    const done = await runOk(keys);
    expect(done.target).toMatchObject({ rows_written: 300, target_rows: 300, verified: 'sample' });
    const found = await digest({ collection });
    expect(found).toMatchObject({
      rows: 300,
      count: 300,
      partitions: ['_default'],
      aliases: [],
      load_state: 'NotLoad',
    });
    expect(found.sha256.startsWith(SOURCE_SHA)).toBe(true);
    expect(found.indexes).toEqual([{ field: 'embedding', type: 'AUTOINDEX', metric: 'L2' }]);
  });

  test('of a named partition replaces only that one, and the collection stays loaded', async () => {
    const collection = unique('overwrite');
    await makeCollection({
      collection,
      fields: floatFields(16),
      partitions: ['p', 'q'],
      insert: [{ rows: 20 }, { rows: 30, partition: 'p' }, { rows: 40, partition: 'q' }],
      index: FLAT,
      load: true,
      aliases: [`${collection}_alias`],
    });
    const other = await digest({ collection, partition: 'q' });
    const keys = { data_path: SOURCE, mode: 'overwrite', dest_collection_name: collection, dest_partition_name: 'p' };
    expect((await planOf(keys)).actions).toMatchObject([
      { kind: 'drop', target: `${collection}/p`, detail: expect.stringContaining('30 rows') },
      { kind: 'create', target: `${collection}/p` },
    ]);
    const done = await runOk(keys);
    expect(done.target).toMatchObject({ partition: 'p', rows_written: 300, target_rows: 300, verified: 'sample' });
    const found = await digest({ collection, partition: 'p' });
    expect(found.partition_counts).toEqual({ _default: 20, p: 300, q: 40 });
    expect(found.sha256.startsWith(SOURCE_SHA)).toBe(true);
    expect(found).toMatchObject({ aliases: [`${collection}_alias`], load_state: 'Loaded' });
    expect((await digest({ collection, partition: 'q' })).sha256).toBe(other.sha256);
  });

  test('of _default empties it, and nothing else', async () => {
    const collection = unique('overwrite');
    await makeCollection({
      collection,
      fields: floatFields(16),
      partitions: ['q'],
      insert: [{ rows: 9000 }, { rows: 40, partition: 'q' }],
      index: FLAT,
    });
    const keys = { data_path: SOURCE, mode: 'overwrite', dest_collection_name: collection };
    const done = await runOk({ ...keys, dest_partition_name: '_default' });
    expect(done.target).toMatchObject({ partition: '_default', rows_written: 300, target_rows: 300 });
    const found = await digest({ collection, partition: '_default' });
    expect(found.partition_counts).toEqual({ _default: 300, q: 40 });
    expect(found.sha256.startsWith(SOURCE_SHA)).toBe(true);
    expect(found.load_state).toBe('NotLoad');
  });

  test('by an empty source empties the collection', async () => {
    const collection = unique('overwrite');
    await makeCollection({ collection, fields: floatFields(16), insert: [{ rows: 20 }] });
    const keys = { data_path: fixture('hdf5/empty.h5'), mode: 'overwrite', dest_collection_name: collection };
    const done = await runOk(keys);
    expect(done.target).toMatchObject({ rows_read: 0, rows_written: 0, target_rows: 0 });
    expect((await counts({ collection })).count).toBe(0);
  });

  test('by an empty source empties the partition', async () => {
    const collection = unique('overwrite');
    const insert = [{ rows: 20 }, { rows: 30, partition: 'p' }];
    await makeCollection({ collection, fields: floatFields(16), partitions: ['p'], insert });
    const keys = { data_path: fixture('faiss/empty_idmap.index'), mode: 'overwrite', dest_collection_name: collection };
    const done = await runOk({ ...keys, dest_partition_name: 'p' });
    expect(done.target).toMatchObject({ rows_written: 0, target_rows: 0 });
    expect((await counts({ collection })).partition_counts).toEqual({ _default: 20, p: 0 });
  });

  test('through an alias is refused', async () => {
    const collection = unique('overwrite');
    const alias = `${collection}_alias`;
    await makeCollection({ collection, fields: floatFields(16), insert: [{ rows: 20 }], aliases: [alias] });
    const done = await run({ data_path: SOURCE, mode: 'overwrite', dest_collection_name: alias });
    expect(done.code).toBe(4);
    expect(done.report.error!.message).toContain(collection);
    expect((await counts({ collection })).count).toBe(20);
  });
});

test.concurrent.for(['skip', 'append', 'overwrite'])('%s by an empty source makes the collection', async (mode) => {
  const collection = unique('empty');
  const done = await runOk({ data_path: fixture('hdf5/empty.h5'), mode, dest_collection_name: collection });
  expect(done.target).toMatchObject({ rows_read: 0, rows_written: 0, target_rows: 0 });
  expect(await exists(collection)).toBe(true);
});
