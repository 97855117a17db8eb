import { afterAll, describe, expect, test } from 'vitest';
import { digest } from '../support/python.js';
import { buildFolder, expectedOf, range, type TestTable, writeSegment } from '../unit/adapters/legacy/support.js';
import { expectCollection, QUICK_M2M, runTaskOk, writtenTask } from './catalog-support.js';
import { dropCollections, fixture, milvusUri, temporaryFolder, unique } from './support.js';

// What M2M makes of a target: indexes, keys, and what is there before, where other tools lose rows.

afterAll(dropCollections);

/** Indexes of the fixture's collections by the hints of the old server. */
const INDEXES: Readonly<Record<string, readonly [type: string, metric: string]>> = {
  float_l2: ['IVF_FLAT', 'L2'],
  float_ip_auto: ['HNSW', 'IP'],
  hamming: ['BIN_IVF_FLAT', 'HAMMING'],
  jaccard: ['BIN_IVF_FLAT', 'JACCARD'],
  tanimoto: ['BIN_IVF_FLAT', 'JACCARD'],
  substructure: ['BIN_FLAT', 'SUBSTRUCTURE'],
  superstructure: ['BIN_FLAT', 'SUPERSTRUCTURE'],
};

test('every metric and index of the old server has its counterpart, and ids that it gave are kept', async () => {
  const map = Object.fromEntries(Object.keys(INDEXES).map((name) => [name, unique(name)]));
  const done = await runTaskOk('M2M', {
    source_milvus_path: fixture('legacy/small'),
    source_collection: Object.keys(map),
    collection_map: map,
    dest_uri: milvusUri(),
    mode: 'overwrite',
    verify: 'count',
  });
  const warnings = done.report.warnings.join('\n');
  expect(warnings).toContain('no TANIMOTO: JACCARD is used');
  expect(warnings).toContain(`"${map.float_ip_auto}" is made without auto_id, so that the ids of the source are kept`);
  for (const [name, [type, metric]] of Object.entries(INDEXES)) {
    const found = await digest({ collection: map[name]! });
    expect(found.indexes, name).toEqual([{ field: 'embedding', type, metric }]);
    expect(found.fields.find((f) => f.primary)).toMatchObject({ name: 'id', type: 'INT64', auto_id: false });
    expect(found.load_state).not.toBe('Loaded');
  }
  for (const name of ['float_ip_auto', 'tanimoto'])
    await expectCollection(map[name]!, expectedOf('small').collections[name]!);
});

/** A folder with the collection `c` of these partitions; '' is its own rows, absent ones have no segment. */
function folderOf(partitions: Readonly<Record<string, number>>, dim = 2): string {
  const tags = Object.keys(partitions);
  const table = (tag: string): string => (tag === '' ? 'c' : String(1000 + tags.indexOf(tag)));
  const tables: TestTable[] = [
    { name: 'c', dim },
    ...tags.filter((tag) => tag !== '').map((tag) => ({ name: table(tag), owner: 'c', tag, dim })),
  ];
  const filled = tags.filter((tag) => partitions[tag]! > 0);
  const segment = (tag: string): string => String(1 + tags.indexOf(tag));
  const files = filled.map((tag) => ({ table: table(tag), segment: segment(tag), rows: partitions[tag]! }));
  const path = buildFolder(tables, files);
  for (const tag of filled) {
    const rows = partitions[tag]!;
    const vectors = Float32Array.from({ length: rows * dim }, (_, i) => i % 977);
    const ids = range(rows, tags.indexOf(tag) * 10_000);
    writeSegment(path, table(tag), segment(tag), ids, { vectors: new Uint8Array(vectors.buffer) });
  }
  return path;
}

describe.concurrent('what is in the target before', () => {
  const task = (target: string, path: string, more: object = {}): object => ({
    ...QUICK_M2M,
    source_milvus_path: path,
    source_collection: { c: null },
    collection_map: { c: target },
    dest_uri: milvusUri(),
    ...more,
  });

  test('is gone with overwrite, also where the source has no rows of its own', async () => {
    const target = unique('overwritten');
    await runTaskOk('M2M', task(target, folderOf({ '': 5, old: 6 })));
    const done = await runTaskOk('M2M', task(target, folderOf({ '': 0, fresh: 7 })));
    expect(done.report.targets.map((t) => [t.partition, t.rows_written, t.target_rows]).sort()).toEqual([
      ['_default', 0, 0],
      ['fresh', 7, 7],
    ]);
    const found = await digest({ collection: target });
    expect(found.partition_counts).toEqual({ _default: 0, fresh: 7 });
    const empty = await runTaskOk('M2M', task(target, folderOf({ '': 0 })));
    expect(empty.report.targets).toMatchObject([{ partition: '_default', rows_written: 0, target_rows: 0 }]);
    expect((await digest({ collection: target })).partition_counts).toEqual({ _default: 0 });
  });

  test('keeps only itself from being written with skip, when partitions are named', async () => {
    const target = unique('skipped');
    await runTaskOk('M2M', task(target, folderOf({ '': 5, p: 6 }), { source_collection: { c: ['p'] } }));
    const path = folderOf({ '': 5, p: 9, q: 8 });
    const named = { mode: 'skip', source_collection: { c: ['p', 'q'] } };
    const done = await runTaskOk('M2M', task(target, path, named));
    expect(done.report.status).toBe('done');
    expect(done.report.targets.map((t) => [t.partition, t.rows_written, t.rows_skipped, t.target_rows])).toEqual([
      ['p', 0, 9, 6],
      ['q', 8, 0, 8],
    ]);
    const whole = await runTaskOk('M2M', task(target, path, { mode: 'skip' }));
    expect(whole.report.status).toBe('skipped');
    expect((await digest({ collection: target })).partition_counts).toEqual({ _default: 0, p: 6, q: 8 });
  });
});

test('rows of 128 KiB go in batches that the server takes', async () => {
  const target = unique('wide');
  const done = await runTaskOk('M2M', {
    source_milvus_path: folderOf({ '': 300 }, 32_768),
    source_collection: 'c',
    collection_map: { c: target },
    dest_uri: milvusUri(),
    mode: 'overwrite',
    batch_bytes: '32MiB',
    collection_parameter: { index: 'none' },
  });
  expect(done.target).toMatchObject({ rows_written: 300, target_rows: 300 });
});

test('renamed and shortened vectors keep their index; the schema of an archive can be left aside', async () => {
  const target = unique('renamed');
  const transforms = [{ rename: { embedding: 'vec', id: 'pk' } }, { truncate_dim: { vec: 4 } }];
  const done = await runTaskOk('M2M', {
    source_milvus_path: fixture('legacy/small'),
    source_collection: { float_l2: ['part_a'] },
    collection_map: { float_l2: target },
    transforms,
    dest_uri: milvusUri(),
    mode: 'overwrite',
  });
  expect(done.target).toMatchObject({ rows_written: 295, verified: 'sample' });
  const found = await digest({ collection: target });
  expect(found.indexes).toEqual([{ field: 'vec', type: 'IVF_FLAT', metric: 'L2' }]);
  expect(found.fields).toMatchObject([
    { name: 'pk', primary: true },
    { name: 'vec', dim: 4 },
  ]);

  const dataDir = await temporaryFolder();
  await runTaskOk('M2H', {
    source_milvus_path: fixture('legacy/small'),
    source_collection: { float_l2: ['part_a'] },
    transforms,
    data_dir: dataDir,
  });
  const { data_path } = writtenTask(dataDir, 'float_l2');
  const keys = { data_path, dest_uri: milvusUri(), mode: 'overwrite', collection_parameter: { index: 'none' } };
  const plain = unique('plain');
  await runTaskOk('H2M', { ...keys, dest_collection_name: plain, stored_schema: 'ignore', verify: 'count' });
  expect((await digest({ collection: plain })).fields).toMatchObject([{ name: 'id' }, { name: 'embedding' }]);
  const restored = unique('restored');
  await runTaskOk('H2M', { ...keys, dest_collection_name: restored, verify: 'count' });
  expect((await digest({ collection: restored })).fields).toMatchObject([{ name: 'pk' }, { name: 'vec' }]);
});
