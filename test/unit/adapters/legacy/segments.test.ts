import {
  appendFileSync,
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { asBytes } from '../../../../src/util/bytes.js';
import {
  allIds,
  buildFolder,
  copyOf,
  errorOf,
  FIXTURES,
  open,
  openOne,
  range,
  readAll,
  readSplit,
  type TestFile,
  withLength,
  writeSegment,
} from './support.js';

/** A folder with one collection `a` of 2 dimensions and the given segments. */
function folderWith(...segments: TestFile[]): string {
  return buildFolder([{ name: 'a' }], segments);
}

/** A folder with one segment of ten rows, and that segment's folder. */
function tenRows(deleted: readonly number[] | null = []): { path: string; segment: string } {
  const path = folderWith({ table: 'a', segment: '1', rows: 10 - (deleted?.length ?? 0) });
  return { path, segment: writeSegment(path, 'a', '1', range(10), { deleted }) };
}

describe('deleted rows', () => {
  it.each([
    ['unsorted', [7, 3, 5], [0, 1, 2, 4, 6, 8, 9]],
    ['repeated', [3, 3, 9, 3], [0, 1, 2, 4, 5, 6, 7, 8]],
    ['the first', [0, 1, 2], [3, 4, 5, 6, 7, 8, 9]],
    ['the last', [9, 8], [0, 1, 2, 3, 4, 5, 6, 7]],
    ['every other', [0, 2, 4, 6, 8], [1, 3, 5, 7, 9]],
    ['all', range(10), []],
    ['none', [], range(10)],
  ])('%s', async (_, deleted, left) => {
    const { path } = tenRows(deleted);
    for (const maxBytes of [1, 33, 100, 1 << 20]) {
      await using reader = await openOne(path);
      expect((await reader.splits())[0]).toMatchObject({ rows: left.length, bytes: left.length * 16 });
      const rows = (await readAll(reader, { maxBytes })).get('_default')!;
      expect(rows.ids).toEqual(left.map(BigInt));
      expect(rows.vectors).toEqual(left.map((i) => asBytes(Float32Array.of(i, i))));
      expect(reader.warnings).toEqual([]);
    }
  });

  it('that are none are counted in a warning', async () => {
    const { path } = tenRows([-1, 10, 2 ** 31 - 1, -(2 ** 31), 4]);
    await using reader = await openOne(path);
    expect((await allIds(reader)).length).toBe(9);
    expect(reader.warnings[0]).toBe('collection "a": entries of deleted_docs that name no row are ignored: 1 (4 of 5)');
  });

  it('unknown without deleted_docs, which is said', async () => {
    const { path } = tenRows(null);
    await using reader = await openOne(path);
    expect((await allIds(reader)).length).toBe(10);
    expect(reader.warnings).toEqual([
      'collection "a": segments without deleted_docs, taken as without deleted rows: 1',
    ]);
  });

  it('of a crash while they were being added do not count', async () => {
    const { path, segment } = tenRows([1]);
    writeFileSync(join(segment, 'temp_del'), withLength(asBytes(Int32Array.of(1, 2, 3))));
    await using reader = await openOne(path);
    expect((await allIds(reader)).length).toBe(9);
  });

  it('leave batches well filled, and their positions count the rows of the file', async () => {
    const path = folderWith({ table: 'a', segment: '1', rows: 0 });
    writeSegment(path, 'a', '1', range(1000), { deleted: range(1000).filter((i) => i % 100 !== 7 && i > 200) });
    await using reader = await openOne(path);
    const [split] = await reader.splits();
    const rows = await readSplit(reader, split!, { maxBytes: 16 * 50 });
    expect(rows.sizes.every((size, i) => size >= 38 || i === rows.sizes.length - 1)).toBe(true);
    expect(rows.sizes.reduce((a, b) => a + b)).toBe(split!.rows);
    expect(rows.cursors[0]).toBe('50');
    expect(Number(rows.cursors.at(-1))).toBeGreaterThan(900);
    expect((await readSplit(reader, split!, { after: '1000' })).ids).toEqual([]);
  });
});

describe('row_count of the metadata', () => {
  it.each([
    ['live rows', [1, 1], 9],
    ['rows less every entry', [1, 1], 8],
  ])('may be %s', async (_, deleted, rows) => {
    const path = folderWith({ table: 'a', segment: '1', rows });
    writeSegment(path, 'a', '1', range(10), { deleted });
    await using reader = await openOne(path);
    expect(reader.warnings).toEqual([]);
  });

  it('that differs is said and not relied on', async () => {
    const path = folderWith({ table: 'a', segment: '1', rows: 3 });
    writeSegment(path, 'a', '1', range(10));
    await using reader = await openOne(path);
    expect((await allIds(reader)).length).toBe(10);
    expect(reader.warnings).toEqual([
      'collection "a": row_count of the metadata differs from the files, which count: 1 (3, files 10)',
    ]);
  });

  it('is said once for many segments', async () => {
    const path = folderWith(...range(14).map((i) => ({ table: 'a', segment: `s${i}`, rows: 99 })));
    for (const i of range(14)) writeSegment(path, 'a', `s${i}`, [i]);
    await using reader = await openOne(path);
    expect(reader.warnings).toEqual([
      expect.stringMatching(/: s0 \(99, files 1\), .*, s9 \(99, files 1\) and 4 more$/),
    ]);
  });
});

describe('files that do not fit', () => {
  it.each(['1.rv', '1.uid', 'deleted_docs'])('%s cut anywhere', async (name) => {
    const { path, segment } = tenRows([2, 4]);
    const file = join(segment, name);
    const bytes = readFileSync(file);
    for (let sixteenth = 0; sixteenth < 16; sixteenth++) {
      const length = Math.floor((bytes.length * sixteenth) / 16);
      writeFileSync(file, bytes.subarray(0, length));
      const error = await errorOf(() => openOne(path));
      expect([error.code, error.exitCode], String(length)).toEqual(['SRC_TRUNCATED', 3]);
      expect(error.message).toContain(file);
      expect(error.message).toContain(`need ${length < 8 ? 8 : bytes.length} bytes, have ${length}`);
    }
  });

  it.each(['1.rv', '1.uid', 'deleted_docs'])('%s with bytes behind its end', async (name) => {
    const { path, segment } = tenRows([2]);
    appendFileSync(join(segment, name), 'x');
    expect(await errorOf(() => openOne(path))).toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/announces \d+ bytes: need \d+ bytes, have \d+$/),
    });
  });

  it.each([
    ['1.uid', 15, 'no multiple of 8'],
    ['deleted_docs', 6, 'no multiple of 4'],
  ])('%s of %i bytes', async (name, length, message) => {
    const { path, segment } = tenRows();
    writeFileSync(join(segment, name), withLength(Buffer.alloc(length)));
    expect(await errorOf(() => openOne(path))).toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining(message),
    });
  });

  it('an absurd length', async () => {
    const { path, segment } = tenRows();
    writeFileSync(join(segment, '1.rv'), Buffer.alloc(88, 0xff));
    expect(await errorOf(() => openOne(path))).toMatchObject({
      code: 'SRC_TRUNCATED',
      message: expect.stringContaining('announces 18446744073709551615 bytes'),
    });
  });

  it.each([
    ['vectors of another dimension', 3],
    ['vectors of twice as many rows', 2],
  ])('%s', async (_, factor) => {
    const { path, segment } = tenRows();
    writeFileSync(join(segment, '1.rv'), withLength(Buffer.alloc(80 * factor)));
    const error = await errorOf(() => openOne(path));
    expect(error.code).toBe('SRC_CORRUPT');
    expect(error.message).toBe(
      `${join(segment, '1.rv')} has ${80 * factor} bytes of vectors, the 10 ids of ${join(segment, '1.uid')} need 80 (8 a row)`,
    );
  });

  it('are told together', async () => {
    const path = folderWith({ table: 'a', segment: '1' }, { table: 'a', segment: '2' }, { table: 'a', segment: '3' });
    const folders = ['1', '2', '3'].map((name) => writeSegment(path, 'a', name, []));
    truncateSync(join(folders[0]!, '1.rv'), 3);
    appendFileSync(join(folders[2]!, '3.uid'), 'x');
    const error = await errorOf(() => openOne(path, undefined, { onMissingSegment: 'skip' }));
    expect(error.code).toBe('SRC_TRUNCATED');
    expect(error.message).toMatch(
      /1\.rv: need 8 bytes, have 3; other damaged segments: .*3\.uid announces 0 bytes: need 8 bytes, have 9$/,
    );
  });

  it('are told beside what is missing, in all partitions', async () => {
    const tables = [{ name: 'a' }, { name: '9', owner: 'a', tag: 'p' }];
    const path = buildFolder(tables, [
      { table: 'a', segment: '1' },
      { table: '9', segment: '2', rows: 4 },
    ]);
    truncateSync(join(writeSegment(path, 'a', '1', []), '1.rv'), 3);
    expect((await errorOf(() => openOne(path))).message).toMatch(
      /have 3; and collection "a" lacks files of 1 segment with 4 rows by the metadata: 2 \(no folder, 4 rows\)$/,
    );
  });

  it('an empty segment fits', async () => {
    const path = folderWith({ table: 'a', segment: '1' });
    writeSegment(path, 'a', '1', []);
    await using reader = await openOne(path);
    expect((await reader.splits()).map(({ rows }) => rows)).toEqual([0]);
    expect(await allIds(reader)).toEqual([]);
  });

  it('a file that is a folder', async () => {
    const { path, segment } = tenRows();
    rmSync(join(segment, '1.rv'));
    renameSync(segment, `${segment}x`);
    symlinkSync(`${segment}x`, segment);
    symlinkSync(segment, join(segment, '1.rv'));
    expect(await errorOf(() => openOne(path))).toMatchObject({
      code: 'SRC_UNREADABLE',
      message: expect.stringContaining('is not a regular file'),
    });
  });
});

describe('missing segments', () => {
  const edge = { select: { missing: null } };

  it('are an error that names them all', async () => {
    const error = await errorOf(() => openOne('edge', 'missing'));
    expect([error.code, error.exitCode]).toEqual(['SRC_NOT_FOUND', 3]);
    expect(error.message).toMatch(
      /^collection "missing" lacks files of 4 segments with 40 rows by the metadata: \d+ \(no \.rv, 10 rows\), \d+ \(no \.uid, 10 rows\), \d+ \(no \.rv and \.uid, 10 rows\), \d+ \(no folder, 10 rows\)$/,
    );
    expect(error.hint).toContain('on_missing_segment: skip');
  });

  it('are found before anything is read: opening the catalog does not look', async () => {
    await using catalog = await open('edge', edge);
    expect(catalog.collections.length).toBe(1);
  });

  it('are found by the check of a collection, on which opening relies', async () => {
    await using catalog = await open('edge', edge);
    const error = await errorOf(() => catalog.collections[0]!.check!());
    expect([error.code, error.message]).toEqual([
      'SRC_NOT_FOUND',
      expect.stringContaining('lacks files of 4 segments'),
    ]);
    const { path, segment } = tenRows([1]);
    await using sound = await open(path);
    const [collection] = sound.collections;
    await collection!.check!();
    rmSync(join(segment, '1.rv'));
    await using reader = await collection!.open();
    expect((await errorOf(() => readAll(reader))).code).toBe('SRC_CHANGED');
  });

  it('are left out where asked to, with a warning', async () => {
    await using reader = await openOne('edge', 'missing', { onMissingSegment: 'skip' });
    expect(await allIds(reader)).toEqual(range(10).map(BigInt));
    expect(reader.warnings).toEqual([
      expect.stringMatching(/^collection "missing" lacks files of 4 segments .*; they are left out$/),
    ]);
  });

  it('of partitions that are not selected do not matter', async () => {
    const path = buildFolder(
      [{ name: 'a' }, { name: '9', owner: 'a', tag: 'p' }],
      [{ table: '9', segment: '1', rows: 5 }],
    );
    await using catalog = await open(path, { select: { a: ['_default'] } });
    await using reader = await catalog.collections[0]!.open();
    expect(await reader.splits()).toEqual([]);
    expect((await errorOf(() => openOne(path))).message).toContain('1 (no folder, 5 rows)');
  });

  it('are those of a secondary path that is not named', async () => {
    expect((await errorOf(() => openOne('secondary'))).message).toContain('2 segments with 49 rows');
    await using reader = await openOne('secondary', undefined, { extraPaths: [join(FIXTURES, 'secondary/disk2')] });
    expect((await allIds(reader)).length).toBe(29 + 29 + 20);
  });

  it('are looked for in the primary path first, then where the vectors are', async () => {
    const path = folderWith({ table: 'a', segment: '1', rows: 1 }, { table: 'a', segment: '2', rows: 1 });
    writeSegment(path, 'a', '1', [10]);
    writeSegment(path, 'a', '1', [99], { tables: 'more/tables' });
    // An empty folder is what a copy of a link may leave.
    rmSync(join(writeSegment(path, 'a', '2', [98]), '2.rv'));
    writeSegment(path, 'a', '2', [20], { tables: 'more/tables' });
    await using reader = await openOne(path, undefined, { extraPaths: [join(path, 'more')] });
    expect(await allIds(reader)).toEqual([10n, 20n]);
  });
});

describe('a segment that changes', () => {
  const touch = (path: string): void => utimesSync(path, new Date(), new Date(Date.now() + 5000));
  const changes: [string, (segment: string) => void][] = [
    ['its vectors grow', (segment) => appendFileSync(join(segment, '1.rv'), 'x')],
    ['its vectors are written to', (segment) => touch(join(segment, '1.rv'))],
    ['its ids shrink', (segment) => truncateSync(join(segment, '1.uid'), 20)],
    [
      'further rows are deleted',
      (segment) => writeFileSync(join(segment, 'deleted_docs'), withLength(asBytes(Int32Array.of(1, 2)))),
    ],
    ['deleted_docs goes away', (segment) => rmSync(join(segment, 'deleted_docs'))],
  ];

  it.each(changes)('before it is read: %s', async (_, change) => {
    const { path, segment } = tenRows([1]);
    await using reader = await openOne(path);
    change(segment);
    const error = await errorOf(() => readAll(reader));
    expect([error.code, error.exitCode]).toEqual(['SRC_CHANGED', 3]);
    expect(error.hint).toContain('Stop the old Milvus server');
  });

  it.each(changes)('between two batches: %s', async (_, change) => {
    const { path, segment } = tenRows([1]);
    await using reader = await openOne(path);
    const [split] = await reader.splits();
    const batches = reader.read(split!, { maxBytes: 32 })[Symbol.asyncIterator]();
    expect((await batches.next()).value?.firstRow).toBe(0);
    change(segment);
    expect((await errorOf(() => batches.next())).code).toBe('SRC_CHANGED');
  });

  it('deleted_docs appears', async () => {
    const { path, segment } = tenRows(null);
    await using reader = await openOne(path);
    writeFileSync(join(segment, 'deleted_docs'), withLength(asBytes(Int32Array.of(1))));
    expect((await errorOf(() => readAll(reader))).message).toContain('missing, now 12 bytes');
  });

  it('has another fingerprint', async () => {
    const { path, segment } = tenRows([1]);
    const fingerprint = async () => {
      await using reader = await openOne(path);
      return (await reader.splits())[0]!.fingerprint;
    };
    const seen = [await fingerprint()];
    expect(seen[0]).toMatch(/^88:\d+\+88:\d+\+12:\d+$/);
    for (const name of ['1.rv', '1.uid', 'deleted_docs']) {
      touch(join(segment, name));
      seen.push(await fingerprint());
    }
    rmSync(join(segment, 'deleted_docs'));
    seen.push(await fingerprint());
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('reading', () => {
  /** Runs an action and counts the reads of files and their bytes. */
  async function countReads(action: () => Promise<unknown>): Promise<{ calls: number; bytes: number }> {
    const probe = await openFile(join(FIXTURES, 'small/expected.json'));
    const prototype = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const spy = vi.spyOn(prototype, 'read');
    try {
      await action();
      const results = await Promise.all(
        spy.mock.results.map((result) => result.value as Promise<{ bytesRead: number }>),
      );
      return { calls: results.length, bytes: results.reduce((sum, { bytesRead }) => sum + bytesRead, 0) };
    } finally {
      spy.mockRestore();
    }
  }

  it('takes one call a batch and column, and only the columns that are asked for', async () => {
    await using reader = await openOne('binary', 'one_segment');
    // The length of deleted_docs is read once more.
    expect(await countReads(() => readAll(reader))).toEqual({ calls: 3, bytes: 8 + 400 * 16 });
    expect(await countReads(() => readAll(reader, { maxBytes: 1600 }))).toEqual({ calls: 9, bytes: 8 + 400 * 16 });
    expect((await countReads(() => readAll(reader, { columns: ['id'] }))).bytes).toBe(8 + 400 * 8);
    expect((await countReads(() => readAll(reader, { columns: ['embedding'] }))).bytes).toBe(8 + 400 * 8);
  });

  it('uses the same memory for every batch, and its own for passes side by side', async () => {
    await using reader = await openOne('small', 'float_l2');
    const buffers = new Set<ArrayBufferLike>();
    for (const split of await reader.splits()) {
      for await (const { batch } of reader.read(split, { maxBytes: 640 }))
        buffers.add(batch.data.children[0]!.values.buffer);
    }
    expect(buffers.size).toBe(1);
    const [first, second] = await reader.splits();
    const alone = [await readSplit(reader, first!), await readSplit(reader, second!)];
    const both = await Promise.all([
      readSplit(reader, first!, { maxBytes: 300 }),
      readSplit(reader, second!, { maxBytes: 500 }),
    ]);
    expect(both.map(({ ids, vectors }) => ({ ids, vectors }))).toEqual(
      alone.map(({ ids, vectors }) => ({ ids, vectors })),
    );
  });

  it('stops when asked to', async () => {
    await using reader = await openOne('small', 'float_l2');
    const [split] = await reader.splits();
    const stop = new AbortController();
    let batches = 0;
    const error = await errorOf(async () => {
      for await (const _ of reader.read(split!, { maxBytes: 64, signal: stop.signal }))
        if (++batches === 3) stop.abort();
    });
    expect([error.code, batches]).toEqual(['INTERRUPTED', 3]);
  });

  it('refuses positions, columns and splits that are not its own', async () => {
    await using reader = await openOne('binary', 'one_segment');
    const [split] = await reader.splits();
    for (const after of ['401', '-1', '1.5', '', 'x', '1e2']) {
      expect((await errorOf(() => readSplit(reader, split!, { after }))).code, after).toBe('INTERNAL');
    }
    expect((await errorOf(() => readSplit(reader, split!, { columns: ['nope'] }))).message).toContain('"nope"');
    await using other = await openOne('binary', 'two_segments');
    const [foreign] = await other.splits();
    expect(() => reader.read(foreign!, { maxBytes: 1 })).toThrow('no split');
  });

  it('reaches rows beyond 4 GiB', async () => {
    const dim = 1024;
    const rows = 1_200_000;
    const path = buildFolder([{ name: 'a', dim }], [{ table: 'a', segment: '1', rows }]);
    const segment = writeSegment(path, 'a', '1', []);
    const last = Float32Array.from({ length: dim }, (_, i) => i / 7);
    const sparse = (name: string, bytes: number, tail: Uint8Array): void => {
      const file = openSync(join(segment, name), 'w');
      const header = Buffer.alloc(8);
      header.writeBigUInt64LE(BigInt(bytes));
      writeSync(file, header);
      ftruncateSync(file, 8 + bytes);
      writeSync(file, tail, 0, tail.length, 8 + bytes - tail.length);
      closeSync(file);
    };
    sparse('1.rv', rows * dim * 4, asBytes(last));
    sparse('1.uid', rows * 8, asBytes(BigInt64Array.of(-7n)));
    await using reader = await openOne(path);
    const [split] = await reader.splits();
    const read = await readSplit(reader, split!, { after: String(rows - 2) });
    expect(read.ids).toEqual([0n, -7n]);
    expect(read.vectors[1]).toEqual(asBytes(last));
    expect([read.firstRows, read.cursors]).toEqual([[rows - 2], [String(rows)]]);
  });

  it('keeps what belongs to others: NaN, repeated ids, the ends of int64', async () => {
    await using catalog = await open('edge', { select: { not_finite: null, repeated_ids: null, wide_ids: null } });
    const ids = new Map<string, bigint[]>();
    for (const { name, open: openReader } of catalog.collections) {
      await using reader = await openReader();
      ids.set(name, await allIds(reader));
    }
    expect(ids.get('wide_ids')).toEqual([
      -(2n ** 63n),
      -(2n ** 63n) + 1n,
      -(2n ** 53n) - 1n,
      -1n,
      0n,
      2n ** 53n + 1n,
      2n ** 63n - 2n,
      2n ** 63n - 1n,
    ]);
    expect(ids.get('repeated_ids')!.length).toBe(100);
    expect(ids.get('not_finite')!.length).toBe(10);
  });

  it('leaves a folder of another owner as it was', async () => {
    const path = copyOf('small');
    const before = readFileSync(join(path, 'db/meta.sqlite'));
    await using reader = await openOne(path, 'float_l2');
    await readAll(reader);
    expect(readFileSync(join(path, 'db/meta.sqlite')).equals(before)).toBe(true);
  });
});
