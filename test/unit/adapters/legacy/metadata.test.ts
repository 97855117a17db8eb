import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectLegacy, isLegacy } from '../../../../src/adapters/legacy/index.js';
import {
  allIds,
  buildFolder,
  copyOf,
  errorOf,
  FILES,
  FIXTURES,
  metadataOf,
  open,
  openOne,
  range,
  TABLES,
  type TestTable,
  temporaryFolder,
  writeSegment,
  writeSqlite,
} from './support.js';

/** A work path with these statements as its metadata. */
function folderOf(statements: string): string {
  const path = temporaryFolder();
  mkdirSync(join(path, 'db'));
  writeSqlite(join(path, 'db/meta.sqlite'), statements);
  return path;
}

describe('other generations are refused by name', () => {
  const NLIST = TABLES.replace('index_params TEXT', 'nlist INTEGER');
  it.each([
    ['no segments', TABLES + FILES.replace('segment_id TEXT, ', ''), 'Milvus 0.6 or older'],
    ['no log', NLIST.replace(', flush_lsn INTEGER', '') + FILES, 'Milvus 0.6 or older'],
    ['snapshots', 'CREATE TABLE Collections(id INTEGER); CREATE TABLE SegmentFiles(id INTEGER);', 'Milvus 0.11'],
    ['snapshots', 'CREATE TABLE Collection(id INTEGER); CREATE TABLE segment_commit(id INTEGER);', 'Milvus 0.11'],
  ])('%s', async (_, statements, name) => {
    const error = await errorOf(() => open(folderOf(statements)));
    expect([error.code, error.exitCode]).toEqual(['SRC_UNSUPPORTED', 3]);
    expect(error.message).toContain(`holds the metadata of ${name}`);
  });

  it('and so are other databases', async () => {
    expect(
      (await errorOf(() => open(folderOf('CREATE TABLE Books(id INTEGER); CREATE TABLE Films(id INTEGER);')))).message,
    ).toMatch(/is no metadata of Milvus 0\.7 to 1\.1: it has "Books", "Films"$/);
    expect((await errorOf(() => open(folderOf('PRAGMA user_version = 3;')))).message).toMatch(/it has no tables$/);
    const lacking = TABLES.replace('dimension INTEGER, ', '') + FILES.replace(', row_count INTEGER', '');
    expect((await errorOf(() => open(folderOf(lacking)))).message).toMatch(
      /it lacks Tables\.dimension, TableFiles\.row_count$/,
    );
  });

  it('and what is no database', async () => {
    const path = temporaryFolder();
    mkdirSync(join(path, 'db'));
    writeFileSync(join(path, 'db/meta.sqlite'), 'hello');
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'SRC_UNREADABLE',
      message: expect.stringContaining('is no SQLite database'),
    });
  });
});

describe('the folder', () => {
  it('is a work path or its db folder', async () => {
    for (const path of ['small', 'small/db']) {
      await using catalog = await open(path);
      expect(catalog.collections.length).toBe(8);
      expect(await isLegacy(join(FIXTURES, path))).toBe(true);
    }
    expect(await isLegacy(FIXTURES)).toBe(false);
    expect(await isLegacy(join(FIXTURES, 'nowhere'))).toBe(false);
  });

  it('may have any name, and its log inside', async () => {
    const path = copyOf('log');
    const moved = join(temporaryFolder(), 'moved');
    renameSync(join(path, 'db'), moved);
    renameSync(join(path, 'wal'), join(moved, 'wal'));
    await using catalog = await open(moved);
    expect(catalog.warnings.join()).toContain('only in the log');
  });

  it('must be there', async () => {
    expect(await errorOf(() => open('/nowhere/at/all'))).toMatchObject({
      code: 'SRC_NOT_FOUND',
      message: '/nowhere/at/all is no folder',
    });
    const empty = temporaryFolder();
    const error = await errorOf(() => open(empty));
    expect([error.code, error.message]).toEqual([
      'SRC_NOT_FOUND',
      `${empty} holds neither db/meta.sqlite nor meta.sqlite`,
    ]);
    expect(error.hint).toContain('mysql_parameter');
    expect(await errorOf(() => open('small', { extraPaths: [join(empty, 'x')] }))).toMatchObject({
      code: 'SRC_NOT_FOUND',
      hint: 'Check extra_paths.',
    });
  });

  it('may be made of links', async () => {
    const path = temporaryFolder();
    const real = copyOf('small');
    symlinkSync(join(real, 'db'), join(path, 'db'));
    renameSync(join(real, 'db/tables/hamming'), join(temporaryFolder(), 'elsewhere'));
    const elsewhere = copyOf('small');
    symlinkSync(join(elsewhere, 'db/tables/hamming'), join(real, 'db/tables/hamming'));
    await using reader = await openOne(path, 'hamming');
    expect((await allIds(reader)).length).toBe(130);
  });

  it('is read where nothing can be written', async () => {
    const path = copyOf('again');
    const folders = [join(path, 'db'), path];
    for (const folder of folders) chmodSync(folder, 0o500);
    chmodSync(join(path, 'db/meta.sqlite'), 0o400);
    chmodSync(join(path, 'db/meta.sqlite-wal'), 0o400);
    try {
      await using reader = await openOne(path);
      expect((await allIds(reader)).length).toBe(10);
    } finally {
      for (const folder of folders) chmodSync(folder, 0o700);
    }
  });
});

describe('collections and partitions', () => {
  it('count by their state, each by its own', async () => {
    const tables: TestTable[] = [
      { name: 'a' },
      { name: 'b', state: 1 },
      { name: '11', owner: 'a', tag: 'p', state: 1 },
      { name: '12', owner: 'a', tag: 'p' },
      { name: '13', owner: 'a', tag: 'q', state: 1 },
      { name: '14', owner: 'b', tag: 'of a dropped one' },
      { name: '15', owner: 'nobody', tag: 'of none' },
    ];
    const path = buildFolder(tables, [
      { table: '11', segment: '1', rows: 3 },
      { table: '12', segment: '2', rows: 2 },
    ]);
    writeSegment(path, '11', '1', [1, 2, 3]);
    writeSegment(path, '12', '2', [4, 5]);
    await using catalog = await open(path);
    expect(catalog.collections.map(({ name, settings }) => [name, settings.partitions])).toEqual([
      ['a', ['_default', 'p']],
    ]);
    await using reader = await catalog.collections[0]!.open();
    expect(await allIds(reader)).toEqual([4n, 5n]);
  });

  it('take files of three kinds, each segment once, in the order of their making', async () => {
    const kinds = range(8).map((type) => ({ table: 'a', segment: `${100 + type}`, type, rows: 1 }));
    const path = buildFolder(
      [{ name: 'a' }],
      [
        ...kinds,
        { table: 'a', segment: '101', file: '500', type: 3, rows: 1 },
        { table: 'a', segment: '107', file: '501', type: 7, rows: 1 },
        { table: 'a', segment: '', file: '90', rows: 1 },
      ],
    );
    for (const { segment } of kinds) writeSegment(path, 'a', segment, [segment].map(BigInt));
    writeSegment(path, 'a', '90', [90]);
    await using reader = await openOne(path);
    expect(await allIds(reader)).toEqual([101n, 102n, 107n, 90n]);
  });

  it('are narrowed to the selection', async () => {
    await using catalog = await open('small', {
      select: { float_l2: ['part_*', ''], 'ha*': ['_default'] },
      exclude: { '*': ['part_b'] },
    });
    expect(catalog.collections.map(({ name, settings }) => [name, settings.partitions])).toEqual([
      ['float_l2', ['_default', 'part_a', 'part_empty']],
      ['hamming', ['_default']],
    ]);
    await using reader = await catalog.collections[0]!.open();
    expect(reader.info[0]!.rows).toBe(2000 - 5 + 300 - 5);
    expect(new Set((await reader.splits()).map(({ partition }) => partition))).toEqual(new Set(['_default', 'part_a']));
  });

  it('that are not there are named', async () => {
    expect(await errorOf(() => open('small', { select: { float_12: null } }))).toMatchObject({
      code: 'NOTHING_MATCHED',
      message: 'there is no collection "float_12", did you mean "float_l2"?',
    });
    // Dropped: its row lingers, its name does not count.
    expect((await errorOf(() => open('small', { select: { dropped: null } }))).message).toBe(
      'there is no collection "dropped"',
    );
    expect((await errorOf(() => open('small', { select: { float_l2: ['part_gone'] } }))).message).toContain(
      'no partition "part_gone"',
    );
  });

  it('without rows are there with their schema and no splits', async () => {
    await using catalog = await open('small', { select: { empty: null } });
    expect(catalog.collections[0]!.settings).toMatchObject({ partitions: ['_default'], autoId: false });
    await using reader = await catalog.collections[0]!.open();
    expect(await reader.splits()).toEqual([]);
    expect([reader.schema.fields.length, reader.info[0]!.rows]).toEqual([2, 0]);
  });

  it.each([
    ['../../../etc', '1'],
    ['..', '1'],
    ['a/b', '1'],
    ['a', '../../1'],
    ['a', '.'],
    ['a', '1\\2'],
  ])('must not lead out of the folder: %s/%s', async (name, segment) => {
    const path = buildFolder([{ name }], [{ table: name, segment, rows: 1 }]);
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining('no name of a folder'),
    });
    expect(await errorOf(() => inspectLegacy(path))).toMatchObject({ code: 'SRC_CORRUPT' });
  });

  it('keep numbers beyond 2^53 exact', async () => {
    // The log position of the partition is one below and one above what a double can tell apart.
    const lsn = 2n ** 53n;
    const path = buildFolder([
      { name: 'a', flushLsn: lsn + 1n },
      { name: '9', owner: 'a', tag: 'p', flushLsn: lsn },
    ]);
    const { openFolder } = await import('../../../../src/adapters/legacy/source.js');
    const { metadata } = await openFolder({ path });
    expect(metadata.collections[0]!.parts.map(({ tables }) => tables[0].flushLsn)).toEqual([lsn + 1n, lsn]);
  });

  it('must have whole numbers where numbers belong', async () => {
    const path = folderOf(`${metadataOf([{ name: 'a' }])} UPDATE Tables SET dimension = 'many';`);
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining('dimension of row 1 is no whole number, but many'),
    });
  });

  it('with attribute fields of the hybrid preview give a warning', async () => {
    const fields =
      "CREATE TABLE Fields(collection_id TEXT, field_name TEXT); INSERT INTO Fields VALUES('a', 'age'), ('a', 'name');";
    await using catalog = await open(folderOf(metadataOf([{ name: 'a' }]) + fields));
    expect(catalog.warnings).toEqual([expect.stringContaining('hybrid search preview are not carried over: 2 fields')]);
  });
});

describe('metrics and indexes', () => {
  async function settings(table: Partial<TestTable>) {
    await using catalog = await open(buildFolder([{ name: 'a', ...table }]));
    return { ...catalog.collections[0]!.settings, warnings: catalog.warnings };
  }

  it.each([
    [1, '{}', 'FLAT', {}],
    [2, '{"nlist": 1024}', 'IVF_FLAT', { nlist: 1024 }],
    [3, '{"nlist": 16384}', 'IVF_SQ8', { nlist: 16384 }],
    [6, '{"m": 8, "nlist": 64}', 'IVF_PQ', { nlist: 64, m: 8 }],
    [11, '{"M": 16, "efConstruction": 500, "other": 1}', 'HNSW', { M: 16, efConstruction: 500 }],
  ])('engine %i with %s becomes %s', async (engine, params, type, expected) => {
    const found = await settings({ engine, params });
    expect(found.indexes).toEqual([{ field: 'embedding', type, metric: 'L2', params: expected }]);
    expect(found.warnings).toEqual([]);
  });

  it.each([
    [4, 'RNSG'],
    [5, 'IVF_SQ8_HYBRID'],
    [7, 'SPTAG_KDT'],
    [8, 'SPTAG_BKT'],
    [12, 'ANNOY'],
    [99, 'engine_type 99'],
  ])('engine %i (%s) becomes AUTOINDEX, which is said', async (engine, name) => {
    const found = await settings({ engine });
    expect(found.indexes).toEqual([{ field: 'embedding', type: 'AUTOINDEX', metric: 'L2', params: {} }]);
    expect(found.warnings).toEqual([
      `index of collection "a": Milvus 2.x has no ${name} for these vectors, so AUTOINDEX is taken`,
    ]);
  });

  it.each(['', '{}', '{"nlist": "many"}', 'not json', '[]', 'null'])(
    'an index without its parameters (%s) becomes AUTOINDEX',
    async (params) => {
      const found = await settings({ engine: 2, params });
      expect(found.indexes?.[0]?.type).toBe('AUTOINDEX');
      expect(found.warnings).toEqual([expect.stringContaining('IVF_FLAT lacks its parameter nlist')]);
    },
  );

  it.each([
    [3, 'HAMMING', 9, '{}', 'BIN_FLAT'],
    [4, 'JACCARD', 10, '{"nlist": 128}', 'BIN_IVF_FLAT'],
    [5, 'TANIMOTO', 2, '{"nlist": 128}', 'BIN_IVF_FLAT'],
    [6, 'SUBSTRUCTURE', 10, '{"nlist": 128}', 'BIN_FLAT'],
    [7, 'SUPERSTRUCTURE', 1, '{}', 'BIN_FLAT'],
    [3, 'HAMMING', 11, '{"M": 16, "efConstruction": 500}', 'AUTOINDEX'],
  ])('metric %i is %s, with engine %i %s', async (metric, name, engine, params, type) => {
    const found = await settings({ metric, engine, params, dim: 16 });
    expect([found.metric, found.indexes?.[0]?.metric, found.indexes?.[0]?.type]).toEqual([name, name, type]);
  });

  it('of float vectors are L2 and IP, without binary indexes', async () => {
    expect((await settings({ metric: 2 })).metric).toBe('IP');
    expect((await settings({ engine: 9 })).indexes?.[0]?.type).toBe('AUTOINDEX');
  });

  it.each([
    [{ metric: 8 }, 'SRC_UNSUPPORTED', 'unknown metric_type 8'],
    [{ metric: 0 }, 'SRC_UNSUPPORTED', 'unknown metric_type 0'],
    [{ dim: 0 }, 'SRC_CORRUPT', 'dimension 0, possible: 1 to 32768'],
    [{ dim: 32769 }, 'SRC_CORRUPT', 'dimension 32769'],
    [{ dim: 12, metric: 3 }, 'SRC_CORRUPT', 'dimension 12, possible: 1 to 32768, a multiple of 8'],
  ])('that cannot be are refused: %j', async (table, code, message) => {
    expect(await errorOf(() => settings(table))).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it.each([
    [0, false],
    [1, true],
    [2, false],
  ])('flag %i: ids by the server is %s', async (flag, autoId) => {
    expect((await settings({ flag })).autoId).toBe(autoId);
  });
});

describe('inspection', () => {
  it('shows everything without failing on bad segments', async () => {
    const found = await inspectLegacy(join(FIXTURES, 'edge'));
    const missing = found.collections.find(({ name }) => name === 'missing')!;
    expect(missing).toMatchObject({ rows: 10, deletedRows: 0, ids: 'user', index: 'FLAT', metric: 'L2' });
    expect(missing.partitions).toEqual([
      {
        name: '_default',
        segments: 5,
        rows: 10,
        deletedRows: 0,
        bytes: 240,
        badSegments: 4,
        unflushedRows: 0,
        unflushedDeletes: 0,
      },
    ]);
    expect(found.warnings.filter((text) => text.includes('"missing"'))).toEqual([
      expect.stringMatching(
        /without their files: \d+ \(no \.rv\), \d+ \(no \.uid\), \d+ \(no \.rv and \.uid\), \d+ \(no folder\)$/,
      ),
    ]);
    expect(found).toMatchObject({
      format: 'legacy',
      path: join(FIXTURES, 'edge/db'),
      metadata: join(FIXTURES, 'edge/db/meta.sqlite'),
    });
  });

  it('shows indexes, ids and what is only in the log', async () => {
    const small = await inspectLegacy(join(FIXTURES, 'small'));
    const byName = new Map(small.collections.map((collection) => [collection.name, collection]));
    expect(byName.get('float_l2')).toMatchObject({
      index: 'IVF_FLAT {"nlist": 1024}',
      ids: 'user',
      rows: 1995 + 2 * 295,
      deletedRows: 15,
    });
    expect([byName.get('float_ip_auto')!.ids, byName.get('empty')!.ids]).toEqual(['server', undefined]);
    const log = await inspectLegacy(join(FIXTURES, 'log/db'));
    const parts = log.collections.flatMap(({ partitions }) =>
      partitions.map((part) => [part.name, part.unflushedRows, part.unflushedDeletes]),
    );
    expect(parts).toEqual([
      ['_default', 93, 8],
      ['p', 20, 10],
      ['quiet', 0, 8],
      ['_default', 16, 0],
    ]);
  });

  it('names damaged segments', async () => {
    const path = copyOf('binary');
    rmSync(join(path, 'db/tables/one_segment'), { recursive: true });
    const dir = join(path, 'db/tables/two_segments');
    writeFileSync(join(dir, (await import('node:fs')).readdirSync(dir)[0]!, 'deleted_docs'), 'short');
    const found = await inspectLegacy(path);
    expect(found.collections.map(({ rows }) => rows)).toEqual([0, 200]);
    expect(found.warnings.slice(1)).toEqual([
      expect.stringMatching(/^collection "one_segment": segments without their files/),
      expect.stringMatching(/^collection "two_segments": damaged segments: .*deleted_docs: need 8 bytes, have 5$/),
    ]);
  });
});
