import { afterAll, describe, expect, test } from 'vitest';
import { dropCollections, faissFlat, faissIdMap, runOk, sourceFile, unique } from './support.js';

afterAll(dropCollections);

describe.concurrent('verify: full', () => {
  test('compares every row of a new collection', async () => {
    const data_path = await sourceFile(
      'a.index',
      faissFlat(20_000, 16, (row, column) => row + column / 16),
    );
    const done = await runOk({ data_path, verify: 'full', dest_collection_name: unique('full') });
    expect(done.target).toMatchObject({ verified: 'full', rows_written: 20_000, target_rows: 20_000 });
  });

  test('compares what was appended, whatever stood there before', async () => {
    const dest_collection_name = unique('full');
    const ids = (first: number): bigint[] => Array.from({ length: 500 }, (_, i) => BigInt(first + i));
    const value = (row: number, column: number): number => row * 3 + column;
    const first = await sourceFile('a.index', faissIdMap(ids(0), 8, value));
    const second = await sourceFile('b.index', faissIdMap(ids(10_000), 8, value));
    const keys = { mode: 'append', verify: 'full', dest_collection_name };
    expect((await runOk({ ...keys, data_path: first })).target.verified).toBe('full');
    const added = await runOk({ ...keys, data_path: second });
    expect(added.target).toMatchObject({ verified: 'full', rows_written: 500, target_rows: 1000 });
  });

  test('of rows whose keys the server makes compares values, and beside rows of others only a sample', async () => {
    const ids = Array.from({ length: 300 }, (_, i) => BigInt(i));
    const data_path = await sourceFile(
      'a.index',
      faissIdMap(ids, 8, (row, column) => row + column),
    );
    const keys = { data_path, verify: 'full', new_ids: true, mode: 'append' };
    const dest_collection_name = unique('full');
    expect((await runOk({ ...keys, dest_collection_name })).target.verified).toBe('full');
    const added = await runOk({ ...keys, dest_collection_name });
    expect(added.report.warnings.join()).toContain('keys that the server made');
    expect(added.target.verified).toBe('sample');
  });
});
