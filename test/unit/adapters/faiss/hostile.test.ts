import { describe, expect, it } from 'vitest';
import { copyOf, errorOf, readAll } from './support.js';

type Patch = (bytes: Buffer) => void;

const i32 =
  (at: number, value: number): Patch =>
  (bytes) =>
    void bytes.writeInt32LE(value, at);
const i64 =
  (at: number, value: bigint): Patch =>
  (bytes) =>
    void bytes.writeBigInt64LE(value, at);
const u8 =
  (at: number, value: number): Patch =>
  (bytes) =>
    void bytes.writeUInt8(value, at);
const text =
  (at: number, value: string): Patch =>
  (bytes) =>
    void bytes.write(value, at, 'latin1');

const HUGE = 2n ** 40n;
const ENORMOUS = 2n ** 62n;

// Offsets: index header 4 d, 8 ntotal, 32 is_trained, 33 metric; Flat 37 count. IVF: 37 nlist, 45 nprobe, 53 quantizer
// (57 d), 610 direct map, 619 lists (623 nlist, 631 code size, 639 form, 643 count, 651 sizes).
const FLAT: [string, Patch, string, RegExp][] = [
  ['no dimension', i32(4, 0), 'SRC_CORRUPT', /dimension is 0/],
  ['a negative dimension', i32(4, -16), 'SRC_CORRUPT', /dimension is -16/],
  ['a huge dimension', i32(4, 2 ** 30), 'SRC_CORRUPT', /dimension is 1073741824/],
  ['another dimension', i32(4, 17), 'SRC_CORRUPT', /stores 4800 values, 300 rows of dimension 17 need 5100/],
  ['negative rows', i64(8, -1n), 'SRC_CORRUPT', /number of rows at offset 8 is -1/],
  ['rows beyond 2^53', i64(8, ENORMOUS), 'SRC_CORRUPT', /number of rows at offset 8/],
  ['huge rows', i64(8, HUGE), 'SRC_CORRUPT', /stores 4800 values/],
  ['one row more', i64(8, 301n), 'SRC_CORRUPT', /301 rows/],
  ['an impossible bool', u8(32, 2), 'SRC_CORRUPT', /is_trained at offset 32 is 2/],
  ['an unknown metric', i32(33, 5), 'SRC_CORRUPT', /metric number 5/],
  ['a huge count', i64(37, HUGE), 'SRC_TRUNCATED', /need 4398046511104 bytes at offset 45, have 19200/],
  ['a count beyond 2^53', i64(37, ENORMOUS), 'SRC_CORRUPT', /number of values of the vectors/],
  ['a negative count', i64(37, -5n), 'SRC_CORRUPT', /is -5/],
  ['one value less', i64(37, 4799n), 'SRC_CORRUPT', /stores 4799 values/],
];

const INVERTED: [string, Patch, string, RegExp][] = [
  ['huge lists', i64(37, HUGE), 'SRC_CORRUPT', /has 1099511627776 lists/],
  [
    'more lists than there are',
    i64(37, 99_999_999n),
    'SRC_CORRUPT',
    /8 inverted lists, the index header says 99999999/,
  ],
  ['negative lists', i64(37, -8n), 'SRC_CORRUPT', /number of lists/],
  ['a quantizer of another dimension', i32(57, 8), 'SRC_CORRUPT', /stores 128 values/],
  [
    'an unknown quantizer',
    text(53, 'IxZZ'),
    'SRC_UNSUPPORTED',
    /inside IVFFlat \(IwFl\) is an index of the unknown kind "IxZZ"/,
  ],
  ['garbage for a quantizer', text(53, '\x00\x01\x02\x03'), 'SRC_CORRUPT', /no index begins, but the bytes 00010203/],
  ['a quantizer that is nothing of the kind', text(53, 'IxSQ'), 'SRC_CORRUPT', /dimension of the scalar quantizer/],
  ['a quantizer that cannot be stepped over', text(53, 'IxEe'), 'SRC_UNSUPPORTED', /EDEN \(IxEe\)/],
  ['a binary quantizer', text(53, 'IBxF'), 'SRC_CORRUPT', /float and binary/],
  ['an unknown direct map', u8(610, 3), 'SRC_CORRUPT', /direct map is 3/],
  ['a huge direct map', i64(611, HUGE), 'SRC_TRUNCATED', /entries of the direct map/],
  ['unknown lists', text(619, 'ilzz'), 'SRC_CORRUPT', /"ilzz"/],
  ['lists of blocks that are none', text(619, 'ilbl'), 'SRC_TRUNCATED', /ids of a list/],
  ['lists of slices that are none', text(619, 'ilp2'), 'SRC_CORRUPT', /in \d+ levels/],
  ['no lists for its rows', text(619, 'il00'), 'SRC_UNSUPPORTED', /300 rows are not in it/],
  ['another number of lists', i64(623, 9n), 'SRC_CORRUPT', /9 inverted lists, the index header says 8/],
  ['another code size', i64(631, 60n), 'SRC_CORRUPT', /code size of the inverted lists is 60, a row needs 64/],
  ['an unknown form', text(639, 'fool'), 'SRC_CORRUPT', /"fool"/],
  ['another number of sizes', i64(643, 7n), 'SRC_CORRUPT', /7 list sizes for 8 lists/],
  ['a huge list', i64(651, HUGE), 'SRC_CORRUPT', /brings the rows to/],
  ['a shorter list', i64(651, 1n), 'SRC_CORRUPT', /inverted lists hold \d+ rows, the header says 300/],
  ['more rows than lists hold', i64(8, 301n), 'SRC_CORRUPT', /hold 300 rows, the header says 301/],
];

/** Offset just behind the first occurrence of a word. */
const behind = (bytes: Buffer, word: string): number => bytes.indexOf(word, 0, 'latin1') + word.length;
const relative =
  (word: string, offset: number, value: bigint): Patch =>
  (bytes) =>
    void bytes.writeBigInt64LE(value, behind(bytes, word) + offset);

const OTHERS: [string, string, Patch, string, RegExp][] = [
  ['sparse sizes of an odd count', 'ivfflat_sprs.index', relative('sprs', 0, 3n), 'SRC_CORRUPT', /3 values where/],
  ['a huge count of sparse sizes', 'ivfflat_sprs.index', relative('sprs', 0, HUGE), 'SRC_TRUNCATED', /list sizes/],
  ['a list that does not exist', 'ivfflat_sprs.index', relative('sprs', 8, 1000n), 'SRC_CORRUPT', /list 1000 follows/],
  ['a huge hashtable', 'ivfflat_ids_hash.index', i64(619, HUGE), 'SRC_TRUNCATED', /entries of the hashtable/],
  [
    'a list larger than its room',
    'ivf_ondisk.index',
    relative('ilod', 24, 200n),
    'SRC_CORRUPT',
    /holds 200 rows in room/,
  ],
  ['a list beyond its file', 'ivf_ondisk.index', relative('ilod', 40, HUGE), 'SRC_CORRUPT', /their file at 65536/],
  ['a huge list beyond its file', 'ivf_ondisk.index', relative('ilod', 32, HUGE), 'SRC_CORRUPT', /their file at 65536/],
  [
    'a huge table of lists on disk',
    'ivf_ondisk.index',
    relative('ilod', 16, HUGE),
    'SRC_CORRUPT',
    /on-disk lists for 8/,
  ],
  ['fewer rows inside an id map', 'idmap2_flat.index', i64(8, 299n), 'SRC_CORRUPT', /299 rows, its id map has 300/],
  [
    'another dimension inside an id map',
    'idmap2_flat.index',
    i32(4, 8),
    'SRC_CORRUPT',
    /dimension 8, the index inside it 16/,
  ],
  ['a binary index inside an id map', 'idmap2_flat.index', text(37, 'IBxF'), 'SRC_CORRUPT', /do not go together/],
  ['a wrong code size', 'binary_flat.index', i32(8, 7), 'SRC_CORRUPT', /code size is 7, where 64 bits need 8/],
  ['a code size of 0', 'binary_flat.index', i32(8, 0), 'SRC_CORRUPT', /code size is 0/],
  ['bits that are no bytes', 'binary_flat.index', i32(4, 63), 'SRC_CORRUPT', /no multiple of 8/],
];

function patched(name: string, patch: Patch): string {
  return copyOf(name, (bytes) => {
    patch(bytes);
    return bytes;
  });
}

async function expectError(path: string, code: string, message: RegExp): Promise<void> {
  const error = await errorOf(() => readAll(path));
  expect(error.message).toMatch(message);
  expect(error.message).toContain(path);
  expect([error.code, error.exitCode]).toEqual([code, 3]);
}

describe('a header that lies is refused', () => {
  it.each(FLAT)('Flat with %s', async (_, patch, code, message) => {
    await expectError(patched('flat_l2.index', patch), code, message);
  });
  it.each(INVERTED)('IVFFlat with %s', async (_, patch, code, message) => {
    await expectError(patched('ivfflat_full.index', patch), code, message);
  });
  it.each(OTHERS)('%s in %s', async (_, name, patch, code, message) => {
    await expectError(patched(name, patch), code, message);
  });

  it('an inner id outside the id map', async () => {
    for (const inner of [300n, -1n, ENORMOUS]) {
      // The ids of the last list end where the id map begins: its count and 300 entries before the end.
      const path = patched('idmap_ivf.index', (bytes) => void bytes.writeBigInt64LE(inner, bytes.length - 301 * 8 - 8));
      await expectError(
        path,
        'SRC_CORRUPT',
        new RegExp(`row 299 has the inner id ${inner}, outside its id map of 300`),
      );
    }
  });

  it('indexes inside each other without end', async () => {
    const path = copyOf('idmap2_flat.index', (bytes) =>
      Buffer.concat([...Array.from({ length: 40 }, () => bytes.subarray(0, 37)), bytes.subarray(37)]),
    );
    await expectError(path, 'SRC_CORRUPT', /more than 16 indexes/);
  });
});

it('reads the id map of a binary index whose header has the code size 0, as Faiss 1.7.4 wrote it', async () => {
  const rows = await readAll(patched('binary_idmap2.index', i32(8, 0)));
  expect(rows).toEqual(await readAll('binary_idmap2.index'));
});
