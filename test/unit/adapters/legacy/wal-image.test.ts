import { copyFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { applyWal } from '../../../../src/adapters/legacy/wal-image.js';
import {
  allIds,
  buildFolder,
  copyOf,
  errorOf,
  metadataOf,
  open,
  openOne,
  range,
  temporaryFolder,
  writeSegment,
  writeSqlite,
} from './support.js';
import { frameAt, transaction, writeWal } from './wal.js';

const SIZE = 512;

function page(fill: number): Buffer {
  return Buffer.alloc(SIZE, fill);
}

/** A database of pages full of one byte each, as far as its header allows. */
function image(...fills: number[]): Buffer {
  const all = Buffer.concat(fills.map(page));
  if (all.length > 0) all.writeUInt16BE(SIZE, 16);
  return all;
}

const MAIN = image(1, 2, 3);
const FIRST = { page: 2, content: page(20), commit: 3 };
const SECOND = [
  { page: 3, content: page(30), commit: 0 },
  { page: 4, content: page(40), commit: 4 },
];

/** Fill bytes of the pages; the first page's is read behind the header. */
function fills(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length / SIZE }, (_, i) => bytes[i * SIZE + 100]!);
}

describe('applying a log', () => {
  it.each([false, true])('takes whole transactions, big-endian checksums: %s', (bigEndian) => {
    const wal = writeWal({ pageSize: SIZE, frames: [FIRST, ...SECOND], bigEndian });
    const before = Buffer.from(MAIN);
    const { image: result, ...facts } = applyWal(MAIN, wal, 'w');
    expect(fills(result)).toEqual([1, 20, 30, 40]);
    expect(facts).toEqual({ applied: 3, uncommitted: 0, torn: false, badHeader: false });
    expect(MAIN.equals(before)).toBe(true);
  });

  it('leaves out a transaction that did not end', () => {
    const frames = [FIRST, ...SECOND.map((frame) => ({ ...frame, commit: 0 }))];
    const { image: result, ...facts } = applyWal(MAIN, writeWal({ pageSize: SIZE, frames }), 'w');
    expect(fills(result)).toEqual([1, 20, 3]);
    expect(facts).toEqual({ applied: 1, uncommitted: 2, torn: false, badHeader: false });
  });

  it('takes the last content of a page', () => {
    const frames = [FIRST, { page: 2, content: page(21), commit: 3 }];
    expect(fills(applyWal(MAIN, writeWal({ pageSize: SIZE, frames }), 'w').image)).toEqual([1, 21, 3]);
  });

  it('makes the database smaller where the last transaction did', () => {
    const frames = [...SECOND, { page: 1, content: page(10), commit: 2 }];
    expect(fills(applyWal(MAIN, writeWal({ pageSize: SIZE, frames }), 'w').image)).toEqual([10, 2]);
  });

  it('makes a database where all of it is in the log', () => {
    const frames = [{ page: 1, content: image(10), commit: 1 }];
    expect(fills(applyWal(new Uint8Array(0), writeWal({ pageSize: SIZE, frames }), 'w').image)).toEqual([10]);
  });

  it('stops at the frames of an earlier round, whose salts differ', () => {
    const wal = writeWal({ pageSize: SIZE, frames: [FIRST] });
    const old = writeWal({ pageSize: SIZE, frames: [FIRST, ...SECOND], salts: [9, 9] });
    const both = Buffer.concat([wal, old.subarray(frameAt(1, SIZE))]);
    const { image: result, ...facts } = applyWal(MAIN, both, 'w');
    expect(fills(result)).toEqual([1, 20, 3]);
    expect(facts).toEqual({ applied: 1, uncommitted: 0, torn: false, badHeader: false });
  });

  it.each([
    ['the content', frameAt(2, SIZE) + 24 + 77],
    ['the page number', frameAt(2, SIZE) + 3],
    ['the checksum', frameAt(2, SIZE) + 20],
  ])('stops at a frame whose checksum does not fit: %s', (_, at) => {
    const wal = writeWal({ pageSize: SIZE, frames: [FIRST, ...SECOND] });
    wal[at]! ^= 1;
    const { image: result, ...facts } = applyWal(MAIN, wal, 'w');
    expect(fills(result)).toEqual([1, 20, 3]);
    expect(facts).toEqual({ applied: 1, uncommitted: 1, torn: true, badHeader: false });
  });

  it('never takes half a transaction, wherever the log is cut', () => {
    const wal = writeWal({ pageSize: SIZE, frames: [FIRST, ...SECOND] });
    for (let length = 0; length <= wal.length; length++) {
      const { image: result, torn } = applyWal(MAIN, wal.subarray(0, length), 'w');
      const expected = length < frameAt(1, SIZE) ? [1, 2, 3] : length < wal.length ? [1, 20, 3] : [1, 20, 30, 40];
      expect(fills(result), String(length)).toEqual(expected);
      const within = length > 32 && (length - 32) % (24 + SIZE) >= 24;
      expect(torn, String(length)).toBe(within);
    }
  });

  it('does not use a log whose header is damaged', () => {
    for (const at of [0, 3, 9, 17, 25, 31]) {
      const wal = writeWal({ pageSize: SIZE, frames: [FIRST] });
      wal[at]! ^= 4;
      const { image: result, badHeader, applied } = applyWal(MAIN, wal, 'w');
      expect([badHeader, applied, fills(result)]).toEqual([true, 0, [1, 2, 3]]);
    }
    expect(applyWal(MAIN, Buffer.alloc(31), 'w').badHeader).toBe(true);
    expect(applyWal(MAIN, new Uint8Array(0), 'w').badHeader).toBe(false);
  });

  it('refuses a log with pages of another size', () => {
    const wal = writeWal({ pageSize: 1024, frames: [{ page: 1, content: Buffer.alloc(1024), commit: 1 }] });
    expect(() => applyWal(MAIN, wal, 'meta.sqlite-wal')).toThrow(
      expect.objectContaining({
        code: 'SRC_CORRUPT',
        message: 'meta.sqlite-wal has pages of 1024 bytes, the database beside it of 512',
      }),
    );
  });
});

describe('metadata with a log beside it', () => {
  const START = [{ name: 'first' }];
  const files = [{ table: 'second', segment: '7', rows: 4 }];

  /** A database of given page size before and after a second collection was made. */
  function databases(pageSize: number): [before: Buffer, after: Buffer] {
    const folder = temporaryFolder();
    const path = join(folder, 'x.sqlite');
    writeSqlite(path, `PRAGMA page_size = ${pageSize}; ${metadataOf(START)}`);
    const before = readFileSync(path);
    const more = metadataOf([...START, { name: 'second' }], files)
      .split('\n')
      .slice(3)
      .join('\n');
    writeSqlite(path, more);
    return [before, readFileSync(path)];
  }

  /** A work path whose meta.sqlite ends with `before`, and the log with what came after. */
  function folder(pageSize: number, o: { bigEndian?: boolean; cut?: number } = {}): string {
    const path = buildFolder([]);
    const [before, after] = databases(pageSize);
    before[18] = before[19] = 2;
    const wal = writeWal({ pageSize, frames: transaction(before, after, pageSize), ...o });
    writeFileSync(join(path, 'db/meta.sqlite'), before);
    writeFileSync(join(path, 'db/meta.sqlite-wal'), wal.subarray(0, wal.length - (o.cut ?? 0)));
    writeSegment(path, 'second', '7', range(4));
    return path;
  }

  it.each([
    [512, false],
    [4096, false],
    [4096, true],
    [65536, false],
    [65536, true],
  ])('is read as SQLite would, pages of %i bytes, big-endian: %s', async (pageSize, bigEndian) => {
    await using catalog = await open(folder(pageSize, { bigEndian }));
    expect(catalog.collections.map(({ name }) => name)).toEqual(['first', 'second']);
    expect(catalog.warnings).toEqual([]);
    await using reader = await catalog.collections[1]!.open();
    expect(await allIds(reader)).toEqual([0n, 1n, 2n, 3n]);
  });

  it('is read without what was torn, and says so', async () => {
    await using catalog = await open(folder(4096, { cut: 1 }));
    expect(catalog.collections.map(({ name }) => name)).toEqual(['first']);
    expect(catalog.warnings).toEqual([
      expect.stringMatching(/meta\.sqlite-wal ends in a torn part.* 0 pages before it were used$/),
    ]);
  });

  it('says when its log cannot be used', async () => {
    const path = folder(4096);
    writeFileSync(join(path, 'db/meta.sqlite-wal'), 'this is no log');
    await using catalog = await open(path);
    expect(catalog.warnings).toEqual([expect.stringMatching(/meta\.sqlite-wal is not used.* header is damaged$/)]);
  });

  it('says when its log is not there', async () => {
    const path = folder(4096);
    rmSync(join(path, 'db/meta.sqlite-wal'));
    await using catalog = await open(path);
    expect(catalog.warnings).toEqual([expect.stringMatching(/no .*meta\.sqlite-wal beside it: after a clean stop/)]);
    truncateSync(join(path, 'db/meta.sqlite'), 0);
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'SRC_UNREADABLE',
      message: expect.stringContaining('it is empty'),
    });
  });

  it('is found in the log of SQLite itself', async () => {
    const path = copyOf('again');
    await using reader = await openOne(path);
    expect((await allIds(reader)).length).toBe(10);
    // What other tools see: the main file alone has no collections at all.
    rmSync(join(path, 'db/meta.sqlite-wal'));
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'NOTHING_MATCHED',
      hint: 'The source has no collections.',
    });
  });

  it('is never written to', async () => {
    const path = copyOf('again');
    const db = join(path, 'db');
    const before = ['meta.sqlite', 'meta.sqlite-wal'].map((name) => readFileSync(join(db, name)));
    const names = readdirSync(db);
    await using reader = await openOne(path);
    await allIds(reader);
    expect(readdirSync(db)).toEqual(names);
    expect(['meta.sqlite', 'meta.sqlite-wal'].map((name) => readFileSync(join(db, name)))).toEqual(before);
  });

  it('is refused when it was cut off within a transaction that another file is to undo', async () => {
    const path = copyOf('small');
    const journal = join(path, 'db/meta.sqlite-journal');
    writeFileSync(journal, Buffer.concat([Buffer.from('d9d505f920a163d7', 'hex'), Buffer.alloc(504)]));
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'SRC_UNREADABLE',
      message: expect.stringContaining(journal),
    });
    // Its beginning is wiped out when the transaction ends.
    writeFileSync(journal, Buffer.alloc(512));
    await using catalog = await open(path);
    expect(catalog.collections.length).toBe(8);
    copyFileSync(join(path, 'db/meta.sqlite'), journal);
    await using again = await open(path);
    expect(again.collections.length).toBe(8);
  });
});

describe('temporary copies', () => {
  const mine = () => readdirSync(process.env.TMPDIR!).filter((name) => name.startsWith('milvusdm-meta-'));
  beforeAll(() => {
    process.env.TMPDIR = temporaryFolder();
  });

  it('are removed', async () => {
    await using catalog = await open('small');
    expect(catalog.collections.length).toBe(8);
    expect(mine()).toEqual([]);
  });

  it('are removed when the metadata is damaged', async () => {
    const path = copyOf('small');
    const meta = join(path, 'db/meta.sqlite');
    const bytes = readFileSync(meta);
    bytes.fill(0xff, 4096 + 8, 4096 + 200);
    writeFileSync(meta, bytes);
    expect(await errorOf(() => open(path))).toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining(meta),
    });
    expect(mine()).toEqual([]);
  });

  it('need a folder that can be written to', async () => {
    process.env.TMPDIR = join(temporaryFolder(), 'not', 'there');
    const error = await errorOf(() => open('small'));
    expect([error.code, error.hint]).toEqual(['SRC_UNREADABLE', 'Set TMPDIR to a folder that can be written to.']);
  });
});
