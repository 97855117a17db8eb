import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectLegacy } from '../../../../src/adapters/legacy/index.js';
import { openFolder } from '../../../../src/adapters/legacy/source.js';
import { deletedByLog } from '../../../../src/adapters/legacy/unflushed.js';
import type { LegacySource } from '../../../../src/config/types.js';
import { asBytes } from '../../../../src/util/bytes.js';
import {
  allIds,
  buildFolder,
  errorOf,
  expectedOf,
  figuresOf,
  open,
  openOne,
  range,
  readAll,
  readSplit,
  writeSegment,
} from './support.js';

const INCLUDE: Partial<LegacySource> = { unflushed: 'include' };
const [INSERT_BINARY, INSERT, DELETE, FLUSH, ENTITY] = [1, 2, 3, 5, 6];

interface TestRecord {
  readonly type?: number;
  readonly collection?: string;
  readonly tag?: string;
  readonly ids?: readonly (number | bigint)[];
  /** Vectors of (0, id) where absent, for inserts. */
  readonly data?: Uint8Array;
}

/** Records as the old server writes them, and the numbers of their ends. */
function recordsOf(records: readonly TestRecord[], file: number): { bytes: Buffer; lsns: bigint[] } {
  const parts: Buffer[] = [];
  const lsns: bigint[] = [];
  let end = 0;
  for (const { type = INSERT, collection = 'a', tag = '', ids = [], data } of records) {
    const names = [Buffer.from(collection), Buffer.from(tag)] as const;
    const vectors =
      data ?? (type === INSERT ? asBytes(Float32Array.from(ids.flatMap((id) => [0, Number(id)]))) : new Uint8Array(0));
    const header = Buffer.alloc(21);
    end += 21 + names[0].length + names[1].length + ids.length * 8 + vectors.length;
    const lsn = (BigInt(file) << 32n) + BigInt(end);
    header.writeBigUInt64LE(lsn, 0);
    header.writeUInt8(type, 8);
    header.writeUInt16LE(names[0].length, 9);
    header.writeUInt16LE(names[1].length, 11);
    header.writeUInt32LE(ids.length, 13);
    header.writeUInt32LE(vectors.length, 17);
    parts.push(header, ...names, Buffer.from(asBytes(BigInt64Array.from(ids, BigInt))), Buffer.from(vectors));
    lsns.push(lsn);
  }
  return { bytes: Buffer.concat(parts), lsns };
}

function writeMeta(path: string, ...words: bigint[]): void {
  writeFileSync(join(path, 'wal/mxlog.meta'), asBytes(BigUint64Array.from(words)));
}

/** A folder with collection `a` (ids 0 to 9 in a segment), partition `p` (10 to 19) and this log in files 1, 2, ... */
function folderWith(...files: (readonly TestRecord[])[]): string {
  const path = buildFolder(
    [{ name: 'a' }, { name: '77', owner: 'a', tag: 'p' }],
    [
      { table: 'a', segment: '1', rows: 10 },
      { table: '77', segment: '2', rows: 10 },
    ],
  );
  writeSegment(path, 'a', '1', range(10));
  writeSegment(path, '77', '2', range(10, 10));
  mkdirSync(join(path, 'wal'));
  let last = 0n;
  files.forEach((records, i) => {
    const { bytes, lsns } = recordsOf(records, i + 1);
    writeFileSync(join(path, 'wal', `${i + 1}.wal`), bytes);
    last = lsns.at(-1) ?? last;
  });
  writeMeta(path, 0n, last, last);
  return path;
}

/** Ids by partition with the log included. */
async function included(path: string, maxBytes = 1 << 20): Promise<Record<string, bigint[]>> {
  await using reader = await openOne(path, undefined, INCLUDE);
  return Object.fromEntries([...(await readAll(reader, { maxBytes }))].map(([tag, { ids }]) => [tag, ids]));
}

const OWN = range(10).map(BigInt);
const OF_P = range(10, 10).map(BigInt);

describe('what only the log has', () => {
  it('is counted and left out', async () => {
    await using catalog = await open('log');
    expect(catalog.warnings.slice(1)).toEqual([
      'only in the log of the old server, and left out: "logged"/"_default" 93 rows, 8 deletes, "logged"/"p" 20 rows, 10 deletes, ' +
        '"logged"/"quiet" 8 deletes, "logged_binary"/"_default" 16 rows. Start the old server on the folder and flush its ' +
        'collections, or set unflushed: include to read them from the log.',
    ]);
    await using reader = await catalog.collections[0]!.open();
    expect((await reader.splits()).map(({ id }) => id.endsWith('/log'))).toEqual([false, false, false]);
  });

  it('is an error where asked to', async () => {
    const error = await errorOf(() => open('log', { unflushed: 'error' }));
    expect([error.code, error.exitCode]).toEqual(['SRC_UNFLUSHED', 3]);
    expect(error.message).toContain('"logged"/"_default" 93 rows, 8 deletes');
    expect(error.hint).toContain('unflushed: include');
  });

  it('of what is not selected does not count', async () => {
    await using quiet = await open('log', { select: { logged: ['quiet'] } });
    expect(quiet.warnings.join()).toContain('"logged"/"quiet" 8 deletes. ');
    expect(quiet.warnings.join()).not.toContain('"p"');
  });

  it('is a split of its own', async () => {
    await using reader = await openOne('log', 'logged', INCLUDE);
    const splits = await reader.splits();
    expect(
      splits.filter(({ id }) => id.endsWith('/log')).map(({ id, source, partition }) => [id, source, partition]),
    ).toEqual([
      ['logged/log', 'logged/_default/log', '_default'],
      [expect.stringMatching(/^\d+\/log$/), 'logged/p/log', 'p'],
    ]);
    const sum = splits.reduce((all, { rows }) => all + rows, 0);
    const { partitions } = expectedOf('log').with_log!.logged!;
    const expected = Object.values(partitions).reduce((all, { rows }) => all + rows, 0);
    expect([sum, reader.info[0]!.rows]).toEqual([expected, expected]);
  });

  it('is nothing where all is flushed, or the folder has no log', async () => {
    for (const unflushed of ['warn', 'error', 'include'] as const) {
      await using catalog = await open('small', { unflushed, select: { empty: null } });
      const said = catalog.warnings.filter((text) => text.includes('cannot be told'));
      expect(said.length).toBe(unflushed === 'warn' ? 0 : 1);
    }
    const path = folderWith([{ ids: [100] }]);
    await using before = await open(path);
    expect(before.warnings.length).toBe(1);
    const flushed = folderWith([]);
    await using after = await open(flushed, { unflushed: 'error' });
    expect(after.warnings).toEqual([]);
  });
});

describe('included', () => {
  it.each([1, 24, 100, 1 << 20])('in batches of %i bytes', async (maxBytes) => {
    const path = folderWith(
      [
        { ids: [20, 21, 22] },
        { tag: 'p', ids: [30] },
        { collection: 'dropped', ids: [99] },
        { type: FLUSH, collection: 'a' },
      ],
      [{ ids: [23] }, { tag: '_default', ids: [24, 25] }],
    );
    expect(await included(path, maxBytes)).toEqual({
      _default: [...OWN, 20n, 21n, 22n, 23n, 24n, 25n],
      p: [...OF_P, 30n],
    });
  });

  it('deletes in the order of the log, in segments too', async () => {
    const path = folderWith([
      { ids: [20, 21, 20] },
      { type: DELETE, ids: [20, 3, 12, 999] },
      { ids: [20, 3] },
      { tag: 'p', ids: [31, 32] },
      { type: DELETE, tag: 'p', ids: [31, 5, 15] },
    ]);
    expect(await included(path)).toEqual({
      _default: [...OWN.filter((id) => id !== 3n), 21n, 20n, 3n],
      p: [...OF_P.filter((id) => id !== 12n && id !== 15n), 32n],
    });
  });

  it('deletes from the default partition alone where that was named', async () => {
    const path = folderWith([{ type: DELETE, tag: '_default', ids: [3, 12] }]);
    expect(await included(path)).toEqual({ _default: OWN.filter((id) => id !== 3n), p: OF_P });
  });

  it('only what came later than the flush of each partition', async () => {
    const records = [{ ids: [20] }, { tag: 'p', ids: [30] }, { type: DELETE, ids: [1, 11] }, { ids: [21] }];
    const { lsns } = recordsOf(records, 1);
    const flushed = buildFolder([
      { name: 'a', flushLsn: lsns[2]! },
      { name: '77', owner: 'a', tag: 'p', flushLsn: lsns[0]! },
    ]);
    mkdirSync(join(flushed, 'wal'));
    writeFileSync(join(flushed, 'wal/1.wal'), recordsOf(records, 1).bytes);
    writeMeta(flushed, 0n, lsns[3]!, lsns[3]!);
    expect(await included(flushed)).toEqual({ _default: [21n], p: [30n] });
    await using catalog = await open(flushed);
    expect(catalog.warnings).toEqual([expect.stringContaining('"a"/"_default" 1 row, "a"/"p" 1 row, 2 deletes. ')]);
  });

  it('goes on in the middle, counting what is deleted', async () => {
    const path = folderWith([{ ids: range(50, 100) }, { type: DELETE, ids: range(20, 110) }, { ids: range(50, 200) }]);
    await using reader = await openOne(path, undefined, INCLUDE);
    const split = (await reader.splits()).find(({ id }) => id === 'a/log')!;
    const whole = await readSplit(reader, split);
    expect(whole.ids).toEqual([...range(10, 100), ...range(20, 130), ...range(50, 200)].map(BigInt));
    expect(split.rows).toBe(80);
    for (const after of [0, 1, 10, 15, 30, 49, 50, 51, 100]) {
      const rest = await readSplit(reader, split, { after: String(after), maxBytes: 7 * 16 });
      const before = [...range(100)].filter((i) => i < after && !(i >= 10 && i < 30)).length;
      expect(rest.ids, String(after)).toEqual(whole.ids.slice(before));
      expect(rest.firstRows[0], String(after)).toBe(before === 80 ? undefined : before);
    }
    expect((await errorOf(() => readSplit(reader, split, { after: '101' }))).code).toBe('INTERNAL');
  });

  it('reads records larger than its window', async () => {
    const ids = range(60_000, 1000);
    const path = folderWith([{ ids: [500] }, { ids }, { type: DELETE, ids: range(30_000, 1000) }, { ids: [501] }]);
    expect((await included(path, 100_000))._default).toEqual([
      ...OWN,
      500n,
      ...range(30_000, 31_000).map(BigInt),
      501n,
    ]);
  });

  it('gives vectors and ids that belong together', async () => {
    await using reader = await openOne('log', 'logged', INCLUDE);
    const parts = await readAll(reader, { maxBytes: 100 });
    const { partitions } = expectedOf('log').with_log!.logged!;
    expect(figuresOf(parts.get('_default'))).toEqual(partitions['']);
  });

  it('refuses vectors of another size, and kinds of records that are not read', async () => {
    const wrong = folderWith([{ ids: [20, 21], data: new Uint8Array(15) }]);
    expect(await errorOf(() => openOne(wrong, undefined, INCLUDE))).toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining('has 15 bytes, its 2 rows need 16 bytes (8 a row)'),
    });
    const entity = folderWith([{ type: ENTITY, ids: [20], data: new Uint8Array(9) }]);
    expect(await errorOf(() => open(entity, INCLUDE))).toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringContaining('"a"/"_default" 1 record of an unknown kind'),
    });
    await using catalog = await open(entity);
    expect(catalog.warnings).toEqual([expect.stringContaining('1 record of an unknown kind')]);
    expect((await inspectLegacy(entity)).warnings).toEqual(['records of an unknown kind in the log: "a"/"_default"']);
  });

  it('holds only so many deleted ids', async () => {
    const path = folderWith([
      { type: DELETE, ids: range(100) },
      { type: DELETE, ids: range(100, 50) },
    ]);
    const { log, metadata } = await openFolder({ path });
    const part = metadata.collections[0]!.parts[0]!;
    expect((await deletedByLog(log!, 'a', part, undefined, 150)).size).toBe(150);
    expect(await errorOf(() => deletedByLog(log!, 'a', part, undefined, 149))).toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringContaining('deletes more than 149 ids of "a"/"_default"'),
    });
  });

  it('takes binary vectors', async () => {
    const path = buildFolder([{ name: 'b', dim: 16, metric: 3 }]);
    mkdirSync(join(path, 'wal'));
    const { bytes, lsns } = recordsOf(
      [{ type: INSERT_BINARY, collection: 'b', ids: [7, 8], data: Uint8Array.of(1, 2, 3, 4) }],
      1,
    );
    writeFileSync(join(path, 'wal/1.wal'), bytes);
    writeMeta(path, 0n, lsns[0]!, lsns[0]!);
    await using reader = await openOne(path, undefined, INCLUDE);
    expect((await readAll(reader)).get('_default')!.vectors).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3, 4)]);
  });
});

describe('where the log ends', () => {
  const records = [{ ids: [20] }, { ids: [21] }, { ids: [22] }];
  const { lsns } = recordsOf(records, 1);

  it.each<[string, bigint[], bigint[]]>([
    ['both copies agree', [lsns[0]!, lsns[1]!, lsns[1]!], [20n, 21n]],
    ['they differ: the one before', [lsns[0]!, lsns[1]!, lsns[2]!], [20n]],
    ['nothing was written yet', [0n, 0n, 0n], []],
  ])('%s', async (_, words, expected) => {
    const path = folderWith(records);
    writeMeta(path, ...words);
    expect((await included(path))._default).toEqual([...OWN, ...expected]);
  });

  it('is the end of the file without mxlog.meta, which is said', async () => {
    const path = folderWith(records);
    truncateSync(join(path, 'wal/mxlog.meta'), 23);
    await using catalog = await open(path, INCLUDE);
    expect(catalog.warnings[0]).toContain('has no valid mxlog.meta');
    expect((await included(path))._default).toEqual([...OWN, 20n, 21n, 22n]);
    rmSync(join(path, 'wal/mxlog.meta'));
    expect((await included(path))._default).toEqual([...OWN, 20n, 21n, 22n]);
  });

  it('files of a later number do not count', async () => {
    const path = folderWith(records, [{ ids: [30] }]);
    writeMeta(path, 0n, lsns[2]!, lsns[2]!);
    expect((await included(path))._default).toEqual([...OWN, 20n, 21n, 22n]);
  });

  it('files are taken by number, and others are none', async () => {
    const files = Array.from({ length: 11 }, (_, i) => [{ ids: [100 + i] }]);
    const path = folderWith(...files);
    writeFileSync(join(path, 'wal/99x.wal'), 'x');
    mkdirSync(join(path, 'wal/12.wal'));
    expect((await included(path))._default).toEqual([...OWN, ...range(11, 100).map(BigInt)]);
  });

  it('a file that was removed', async () => {
    const path = folderWith(records);
    unlinkSync(join(path, 'wal/1.wal'));
    await using catalog = await open(path);
    expect(catalog.warnings).toEqual([expect.stringContaining('cannot be read to its end')]);
    for (const unflushed of ['include', 'error'] as const) {
      const error = await errorOf(() => open(path, { unflushed }));
      expect(error.message).toContain('lacks 1.wal, in which its last records stand');
    }
  });

  it('a file that ends too soon', async () => {
    const path = folderWith(records);
    truncateSync(join(path, 'wal/1.wal'), 60);
    expect(await errorOf(() => open(path, INCLUDE))).toMatchObject({
      code: 'SRC_TRUNCATED',
      message: expect.stringMatching(/1\.wal: need 114 bytes, have 60$/),
    });
    await using catalog = await open(path);
    expect(catalog.warnings).toEqual([expect.stringContaining('cannot be read to its end')]);
  });

  it.each([
    ['its number', 38 + 4],
    ['its length', 38 + 13],
  ])('a record with damage in %s', async (_, at) => {
    const path = folderWith(records);
    const file = join(path, 'wal/1.wal');
    const bytes = readFileSync(file);
    bytes[at]! ^= 1;
    writeFileSync(file, bytes);
    const error = await errorOf(() => open(path, INCLUDE));
    expect([error.code, error.message]).toEqual(['SRC_CORRUPT', expect.stringContaining('the record at byte 38')]);
    await using catalog = await open(path);
    expect(catalog.warnings).toEqual([
      expect.stringContaining('cannot be read to its end'),
      expect.stringContaining('"a"/"_default" 1 row. '),
    ]);
    expect((await inspectLegacy(path)).warnings).toEqual([expect.stringContaining('cannot be read to its end')]);
    expect((await errorOf(() => open(path, { unflushed: 'error' }))).code).toBe('SRC_UNFLUSHED');
  });

  it('files before the last flush are not even looked into', async () => {
    const path = folderWith(records, [{ ids: [30] }]);
    const flushed = buildFolder([{ name: 'a', flushLsn: 2n << 32n }]);
    mkdirSync(join(flushed, 'wal'));
    for (const name of readdirSync(join(path, 'wal')))
      writeFileSync(join(flushed, 'wal', name), readFileSync(join(path, 'wal', name)));
    writeFileSync(join(flushed, 'wal/1.wal'), 'no log at all');
    expect((await included(flushed))._default).toEqual([30n]);
  });

  it('that changes is noticed', async () => {
    const path = folderWith(records, [{ type: DELETE, ids: [1] }]);
    await using reader = await openOne(path, undefined, INCLUDE);
    const fingerprints = (await reader.splits()).map(({ fingerprint }) => fingerprint);
    appendFileSync(join(path, 'wal/1.wal'), 'x');
    const split = (await reader.splits()).find(({ id }) => id === 'a/log')!;
    expect((await errorOf(() => readSplit(reader, split))).code).toBe('SRC_CHANGED');
    rmSync(join(path, 'wal/1.wal'));
    await using catalog = await open(path, { select: { a: ['p'] }, ...INCLUDE });
    expect(catalog.collections.length).toBe(1);
    const changed = folderWith(records, [{ type: DELETE, ids: [2] }]);
    await using other = await openOne(changed, undefined, INCLUDE);
    expect((await other.splits())[0]!.fingerprint).not.toBe(fingerprints[0]);
    expect(await allIds(other)).not.toContain(2n);
  });
});
