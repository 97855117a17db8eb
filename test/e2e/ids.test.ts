import { copyFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { counts, digest, makeCollection } from '../support/python.js';
import {
  digestsOf,
  dropCollections,
  faissFlat,
  faissIdMap,
  fixture,
  floatFields,
  QUICK,
  run,
  runOk,
  sourceFile,
  temporaryFolder,
  unique,
} from './support.js';

const NUMBERED = fixture('faiss/flat_l2.index');
const WITH_IDS = fixture('faiss/idmap2_flat.index');
const INDEX = { field: 'embedding', type: 'FLAT', metric: 'L2' };
const AUTO_ID = floatFields(16, { auto_id: true });

afterAll(dropCollections);

/** `rows` rows whose values say which row of which file they are. */
const value = (file: number) => (row: number, column: number) => file * 1000 + row + column / 8;
const numbered = (rows: number, file: number): Promise<string> =>
  sourceFile(`f${file}.index`, faissFlat(rows, 4, value(file)));

function rowsFrom(ids: readonly bigint[], file: number): { id: bigint; vector: number[] }[] {
  return ids.map((id, row) => ({ id, vector: [0, 1, 2, 3].map((column) => value(file)(row, column)) }));
}

const range = (start: bigint, rows: number): bigint[] => Array.from({ length: rows }, (_, i) => start + BigInt(i));

describe.concurrent('sources without ids', () => {
  test('of several files are numbered on, and the collection is dropped once', async () => {
    const collection = unique('numbered');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 20, first_id: 1000 }] });
    const files = [await numbered(30, 1), await numbered(50, 2), await numbered(1, 3)];
    const keys = { ...QUICK, data_path: files, mode: 'overwrite', dest_collection_name: collection };
    const done = await runOk(keys);
    expect(done.target).toMatchObject({ rows_written: 81, source: files.join(', ') });
    const rows = [...rowsFrom(range(0n, 30), 1), ...rowsFrom(range(30n, 50), 2), ...rowsFrom(range(80n, 1), 3)];
    expect(await digest({ collection })).toMatchObject({ count: 81, ...digestsOf(rows) });
  });

  test('go into the partitions that the files name', async () => {
    const collection = unique('parts');
    const [a, b, c] = [await numbered(30, 1), await numbered(50, 2), await numbered(5, 3)];
    const data_path = [
      { path: a, partition: 'one' },
      { path: b, partition: '02' },
      { path: c, partition: 'one' },
    ];
    const keys = { ...QUICK, data_path, mode: 'overwrite', dest_collection_name: collection };
    const done = await runOk(keys);
    expect(done.report.targets).toMatchObject([
      { partition: 'one', rows_written: 35, target_rows: 35 },
      { partition: '02', rows_written: 50, target_rows: 50 },
    ]);
    const rows = [...rowsFrom(range(0n, 30), 1), ...rowsFrom(range(80n, 5), 3)];
    expect(await digest({ collection, partition: 'one' })).toMatchObject({
      partition_counts: { _default: 0, one: 35, '02': 50 },
      ...digestsOf(rows),
    });
  });

  test('into a collection with rows need id_start', async () => {
    const collection = unique('start');
    const insert = [{ rows: 20, first_id: 41 }];
    await makeCollection({ collection, fields: floatFields(4), insert, index: INDEX });
    const keys = { ...QUICK, data_path: await numbered(30, 1), mode: 'append', dest_collection_name: collection };
    const refused = await run(keys);
    expect(refused.code).toBe(4);
    expect(refused.report.error).toMatchObject({ code: 'DST_IDS', hint: expect.stringContaining('id_start') });
    const auto = await runOk({ ...keys, id_start: 'auto' });
    expect(auto.target).toMatchObject({ rows_written: 30, target_rows: 50 });
    const given = await runOk({ ...keys, id_start: 9007199254740993n });
    expect(given.target).toMatchObject({ rows_written: 30, target_rows: 80 });
    const ids = [...range(41n, 50), ...range(9007199254740993n, 30)];
    const { sha256_ids } = digestsOf(ids.map((id) => ({ id, vector: [] })));
    expect(await digest({ collection })).toMatchObject({ count: 80, sha256_ids, load_state: 'NotLoad' });
  });

  test('id_start: auto needs an index to look with', async () => {
    const collection = unique('start');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 20 }] });
    const keys = { data_path: await numbered(30, 1), mode: 'append', dest_collection_name: collection };
    const refused = await run({ ...keys, id_start: 'auto' });
    expect(refused.code).toBe(4);
    expect(refused.report.error).toMatchObject({ code: 'DST_IDS', hint: expect.stringContaining('id_start: N') });
    expect((await counts({ collection })).count).toBe(20);
  });

  test('into an empty target start where id_start says', async () => {
    const collection = unique('start');
    const path = await numbered(30, 1);
    await runOk({ ...QUICK, data_path: path, mode: 'skip', dest_collection_name: collection, id_start: -10 });
    expect(await digest({ collection })).toMatchObject({ count: 30, ...digestsOf(rowsFrom(range(-10n, 30), 1)) });
  });
});

describe.concurrent('auto-id collections', () => {
  test('take files without ids, and the sample is found under the ids of the server', async () => {
    const collection = unique('auto');
    await makeCollection({ collection, fields: AUTO_ID, insert: [{ rows: 10 }], index: INDEX });
    const done = await runOk({ data_path: NUMBERED, mode: 'append', dest_collection_name: collection });
    expect(done.target).toMatchObject({ rows_written: 300, target_rows: 310, verified: 'sample' });
  });

  test('refuse files with ids, which would be lost, unless new_ids says so', async () => {
    const collection = unique('auto');
    await makeCollection({ collection, fields: AUTO_ID, insert: [{ rows: 10 }], index: INDEX });
    const keys = { data_path: WITH_IDS, mode: 'append', dest_collection_name: collection };
    const refused = await run(keys);
    expect(refused.code).toBe(4);
    expect(refused.report.error).toMatchObject({ code: 'DST_IDS', hint: expect.stringContaining('new_ids') });
    expect((await counts({ collection })).count).toBe(10);
    const done = await runOk({ ...keys, new_ids: true });
    expect(done.target).toMatchObject({ rows_written: 300, target_rows: 310, verified: 'sample' });
  });

  test('new_ids makes one where there is none', async () => {
    const collection = unique('auto');
    const done = await runOk({ data_path: WITH_IDS, mode: 'skip', dest_collection_name: collection, new_ids: true });
    expect(done.target).toMatchObject({ rows_written: 300, target_rows: 300, verified: 'sample' });
    expect((await counts({ collection })).fields[0]).toMatchObject({ name: 'id', primary: true, auto_id: true });
  });

  test('new_ids is refused by a collection that makes none', async () => {
    const collection = unique('auto');
    await makeCollection({ collection, fields: floatFields(16) });
    const done = await run({ data_path: WITH_IDS, mode: 'append', dest_collection_name: collection, new_ids: true });
    expect(done.code).toBe(4);
    expect(done.report.error!.code).toBe('DST_IDS');
  });
});

describe.concurrent('ids of the source', () => {
  test('are shifted by id_offset, exactly', async () => {
    const collection = unique('offset');
    const ids = [5n, -3n, 9007199254740993n];
    const data_path = await sourceFile('ids.index', faissIdMap(ids, 4, value(1)));
    const keys = { ...QUICK, data_path, mode: 'skip', dest_collection_name: collection };
    await runOk({ ...keys, id_offset: 9007199254740993n });
    const shifted = ids.map((id) => id + 9007199254740993n);
    expect(await digest({ collection })).toMatchObject({ count: 3, ...digestsOf(rowsFrom(shifted, 1)) });
  });

  test('that leave int64 under id_offset are refused, the target untouched', async () => {
    const collection = unique('offset');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 6 }] });
    const data_path = await sourceFile('ids.index', faissIdMap([1n, 2n ** 62n], 4, value(1)));
    const keys = { data_path, mode: 'overwrite', dest_collection_name: collection };
    const done = await run({ ...keys, id_offset: 2n ** 62n });
    expect(done.code).toBe(3);
    expect(done.report.error).toMatchObject({
      code: 'SRC_BAD_ROW',
      message: expect.stringContaining(String(2n ** 62n)),
    });
    expect((await counts({ collection })).count).toBe(6);
  });

  test('cannot be mixed with files without', async () => {
    const keys = { data_path: [NUMBERED, WITH_IDS], mode: 'overwrite', dest_collection_name: unique('mixed') };
    const done = await run(keys);
    expect(done.code).toBe(3);
    expect(done.report.error!.code).toBe('SRC_MISMATCH');
    expect(done.report.error!.message).toContain('idmap2_flat.index');
  });

  test('at the ends of int64 are written, with a warning', async () => {
    const collection = unique('extreme');
    const done = await runOk({ data_path: fixture('hdf5/ids_extreme.h5'), dest_collection_name: collection });
    expect(done.target).toMatchObject({ rows_written: 120, target_rows: 120, verified: 'sample' });
    expect(done.report.warnings.join('\n')).toMatch(/2 rows with the id 2\^63-1 or -2\^63/);
    expect(await digest({ collection })).toMatchObject({ count: 120, rows: 118 });
  });
});

describe.concurrent('ids that repeat', () => {
  const ids = [7n, 1n, 7n, 3n, 1n, 7n, 2n];
  const source = sourceFile('repeated.index', faissIdMap(ids, 4, value(1)));
  const rows = rowsFrom(ids, 1);
  const kept = (which: readonly number[]) => digestsOf(which.map((row) => rows[row]!));
  const keysFor = async (policy: string | undefined, collection: string) => ({
    data_path: await source,
    mode: 'overwrite',
    dest_collection_name: collection,
    ...(policy ? { on_duplicate_id: policy } : {}),
  });

  test('are all written by default, and told', async () => {
    const collection = unique('repeated');
    const done = await runOk(await keysFor(undefined, collection));
    expect(done.target).toMatchObject({ rows_written: 7, duplicates: 3, target_rows: 7, verified: 'sample' });
    expect(done.report.warnings.join('\n')).toMatch(/more than once: 2, 3 rows too many.*7 \(rows 0, 2, 5\)/);
    expect((await counts({ collection })).count).toBe(7);
  });

  test('first keeps the first', async () => {
    const collection = unique('repeated');
    const done = await runOk(await keysFor('first', collection));
    expect(done.target).toMatchObject({
      rows_read: 7,
      rows_written: 4,
      rows_skipped: 3,
      duplicates: 3,
      target_rows: 4,
    });
    expect(await digest({ collection })).toMatchObject({ count: 4, ...kept([0, 1, 3, 6]) });
  });

  test('last keeps the last', async () => {
    const collection = unique('repeated');
    const done = await runOk(await keysFor('last', collection));
    expect(done.target).toMatchObject({
      rows_read: 7,
      rows_written: 4,
      rows_skipped: 3,
      duplicates: 3,
      target_rows: 4,
    });
    expect(await digest({ collection })).toMatchObject({ count: 4, ...kept([3, 4, 5, 6]) });
  });

  test('error refuses before anything is dropped', async () => {
    const collection = unique('repeated');
    await makeCollection({ collection, fields: floatFields(4), insert: [{ rows: 6 }] });
    const done = await run(await keysFor('error', collection));
    expect(done.code).toBe(3);
    expect(done.report.error).toMatchObject({
      code: 'SRC_DUPLICATE_ID',
      message: expect.stringContaining('id 7 in rows 0, 2, 5'),
    });
    expect((await counts({ collection })).count).toBe(6);
  });

  test('in two files of a run are found, too', async () => {
    const [a, b] = [
      await sourceFile('a.index', faissIdMap([1n, 2n], 4, value(1))),
      await sourceFile('b.index', faissIdMap([2n, 3n], 4, value(2))),
    ];
    const collection = unique('repeated');
    const keys = { data_path: [a, b], mode: 'overwrite', dest_collection_name: collection, on_duplicate_id: 'last' };
    const done = await runOk(keys);
    expect(done.target).toMatchObject({ rows_written: 3, duplicates: 1 });
    const rows = [...rowsFrom([1n], 1), ...rowsFrom([2n, 3n], 2)];
    expect(await digest({ collection })).toMatchObject({ count: 3, ...digestsOf(rows) });
  });
});

test.concurrent('data_dir takes the HDF5 files by name and lists what it skips', async () => {
  const folder = await temporaryFolder();
  await copyFile(fixture('hdf5/v108.h5'), join(folder, 'b.hdf5'));
  await copyFile(fixture('hdf5/latest.h5'), join(folder, 'a.h5'));
  await writeFile(join(folder, 'notes.txt'), 'not for us');
  const collection = unique('dir');
  const done = await runOk({ ...QUICK, data_dir: folder, mode: 'skip', dest_collection_name: collection });
  expect(done.target).toMatchObject({ rows_written: 240, duplicates: 120 });
  expect(done.target.source.split(', ').map((path) => basename(path))).toEqual(['a.h5', 'b.hdf5']);
  expect(done.report.warnings.join('\n')).toMatch(/skipped.*notes\.txt/);
  expect((await counts({ collection })).count).toBe(240);
});
