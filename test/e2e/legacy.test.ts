import { readdirSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import {
  buildFolder,
  type ExpectedCollections,
  expectedOf,
  range,
  writeSegment,
} from '../unit/adapters/legacy/support.js';
import {
  expectArchives,
  expectCollection,
  legacyDigest,
  QUICK_M2M,
  runTask,
  runTaskOk,
  writtenTask,
} from './catalog-support.js';
import { dropCollections, exists, fixture, milvusUri, temporaryFolder, unique } from './support.js';

// What breaks other tools, in directories of an old Milvus, through the command line.

afterAll(dropCollections);

const EDGE = expectedOf('edge').collections;

function targets(expected: ExpectedCollections | readonly string[]): Record<string, string> {
  const names = Array.isArray(expected) ? (expected as readonly string[]) : Object.keys(expected);
  return Object.fromEntries(names.map((name) => [name, unique('edge')]));
}

function edgeTask(map: Record<string, string>, more: object = {}): object {
  return {
    ...QUICK_M2M,
    source_milvus_path: fixture('legacy/edge'),
    dest_uri: milvusUri(),
    source_collection: Object.keys(map),
    collection_map: map,
    ...more,
  };
}

describe.concurrent('the edge directory', () => {
  test('arrives whole, with what is odd about it said', async () => {
    const { wide_ids: _, not_finite: __, ...plain } = EDGE;
    const map = targets(plain);
    const done = await runTaskOk('M2M', edgeTask(map, { on_missing_segment: 'skip' }));
    for (const [name, target] of Object.entries(map)) await expectCollection(target, plain[name]!);
    const warnings = done.report.warnings.join('\n');
    for (const said of [
      /entries of deleted_docs that name no row are ignored: .*3 of 4/,
      /segments without deleted_docs, taken as without deleted rows/,
      /row_count of the metadata differs from the files/,
      /ids that occur more than once: 25, 25 rows too many/,
      /collection "missing" lacks files of 4 segments with 40 rows .*; they are left out/,
      /2021-03/,
    ]) {
      expect(warnings).toMatch(said);
    }
    const repeated = done.report.targets.find((t) => t.collection === map.repeated_ids);
    expect(repeated).toMatchObject({ rows_written: 100, target_rows: 100, duplicates: 25 });
  });

  test('the ends of int64 are counted, and all others can be looked up', async () => {
    const map = targets(['wide_ids']);
    const done = await runTaskOk('M2M', { ...edgeTask(map), verify: 'sample', collection_parameter: {} });
    expect(done.target).toMatchObject({ rows_written: 8, target_rows: 8, verified: 'sample' });
    expect(done.report.warnings.join('\n')).toContain('2 rows with the id 2^63-1 or -2^63');
    expect((await legacyDigest(map.wide_ids!))._default!.rows).toBeGreaterThanOrEqual(6);
  });

  test('a vector with NaN is refused before anything is written, or set aside', async () => {
    const map = targets(['not_finite']);
    const refused = await runTask('M2M', edgeTask(map));
    expect(refused.code).toBe(3);
    expect(refused.report.error).toMatchObject({
      code: 'SRC_BAD_ROW',
      message: expect.stringMatching(/not_finite\/_default\/\d+ row 2 \(id 2\): NaN or infinity in the vector/),
    });
    expect(await exists(map.not_finite!)).toBe(false);
    const aside = await runTask('M2M', edgeTask(map, { on_bad_row: 'quarantine' }));
    expect(aside.code).toBe(7);
    expect(aside.target).toMatchObject({ rows_written: 9, rows_skipped: 1, target_rows: 9 });
  });

  test('a missing segment of one collection keeps all others from being begun', async () => {
    const map = targets(['deleted_twice', 'missing']);
    const done = await runTask('M2M', edgeTask(map));
    expect(done.code).toBe(3);
    expect(done.report.error).toMatchObject({
      code: 'SRC_NOT_FOUND',
      message: expect.stringContaining('collection "missing" lacks files of 4 segments with 40 rows'),
    });
    expect(done.report.targets).toEqual([]);
    for (const target of Object.values(map)) expect(await exists(target)).toBe(false);
    const folder = await temporaryFolder();
    const archived = await runTask('M2H', {
      source_milvus_path: fixture('legacy/edge'),
      source_collection: ['deleted_twice', 'missing'],
      data_dir: folder,
    });
    expect([archived.code, readdirSync(folder)]).toEqual([3, []]);
  });

  test('becomes archives under names that every file system takes, and comes back', async () => {
    const { not_finite: _, ...plain } = EDGE;
    const folder = await temporaryFolder();
    const done = await runTaskOk('M2H', {
      source_milvus_path: fixture('legacy/edge'),
      source_collection: Object.keys(plain),
      on_missing_segment: 'skip',
      data_dir: folder,
    });
    expect(new Set(done.report.targets.map((t) => t.verified))).toEqual(new Set(['full']));
    for (const collection of new Set(done.report.targets.map((t) => t.collection))) {
      const name = Object.keys(plain).find((n) => n.replace(/[^A-Za-z0-9_]/g, '_') === collection)!;
      await expectArchives(folder, collection, plain[name]!);
    }
    const target = unique('tags');
    const { dest_host: __, dest_port: ___, ...keys } = writtenTask(folder, 'tags');
    await runTaskOk('H2M', { ...keys, dest_uri: milvusUri(), dest_collection_name: target, verify: 'count' });
    await expectCollection(target, plain.tags!);
  });
});

test('two tags that would get one name are refused, until partition_map tells them apart', async () => {
  const path = buildFolder(
    [{ name: 'c' }, { name: '1', owner: 'c', tag: 'a b' }, { name: '2', owner: 'c', tag: 'a-b' }],
    [
      { table: '1', segment: '10', rows: 3 },
      { table: '2', segment: '20', rows: 4 },
    ],
  );
  writeSegment(path, '1', '10', range(3));
  writeSegment(path, '2', '20', range(4, 100));
  const map = targets(['c']);
  const keys = { ...edgeTask(map), source_milvus_path: path };
  const refused = await runTask('M2M', keys);
  expect(refused.code).toBe(2);
  expect(refused.report.error?.message).toMatch(/"a b".*"a-b"|"a-b".*"a b"/);
  expect(await exists(map.c!)).toBe(false);
  const done = await runTaskOk('M2M', { ...keys, partition_map: { 'a-b': 'dashed' } });
  expect(done.report.targets.map((t) => [t.partition, t.rows_written]).sort()).toEqual([
    ['_default', 0],
    ['a_b', 3],
    ['dashed', 4],
  ]);
});
