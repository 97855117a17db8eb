import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectVectors, isVectors, openFaiss } from '../../../../src/adapters/faiss/index.js';
import { rawColumns } from '../../../../src/batch/columns.js';
import { halfTable } from '../../../../src/batch/half.js';
import type { FaissSource } from '../../../../src/config/types.js';
import { errorOf, FIXTURES, NAMES, type Rows, readRows, temporaryFolder } from './support.js';

const DIM = 6;
const ROWS = 50;
const FLOATS = Float32Array.from({ length: ROWS * DIM }, (_, i) => Math.sin(i) * 3);
const BYTES = Uint8Array.from({ length: ROWS * DIM }, (_, i) => (i * 37) % 256);
const INTS = Int32Array.from({ length: ROWS * DIM }, (_, i) => i * 3 - 100);
const HALVES = Uint16Array.from({ length: ROWS * DIM }, (_, i) => (i * 1237) % 0x7c00);

function bytesOf(array: ArrayBufferView): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

function prefixed(values: ArrayBufferView, width: number): Buffer {
  const head = bytesOf(Int32Array.of(DIM));
  const bytes = bytesOf(values);
  const rows = Array.from({ length: ROWS }, (_, i) => [head, bytes.subarray(i * DIM * width, (i + 1) * DIM * width)]);
  return Buffer.concat(rows.flat());
}

function headed(values: ArrayBufferView): Buffer {
  return Buffer.concat([bytesOf(Uint32Array.of(ROWS, DIM)), bytesOf(values)]);
}

function npy(descr: string, values: ArrayBufferView, more = '', shape = `(${ROWS}, ${DIM})`): Buffer {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, ${more}}`.padEnd(117);
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(`${text}\n`), bytesOf(values)]);
}

function fileOf(name: string, content: Buffer): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, content);
  return path;
}

async function rowsOf(path: string, more: Partial<FaissSource> = {}): Promise<Rows & { warnings: readonly string[] }> {
  await using reader = await openFaiss({ adapter: 'faiss', files: [{ path }], ...more }, NAMES);
  const rows = await readRows(reader, { maxBytes: 333 });
  return { ...rows, warnings: reader.warnings };
}

const whole = (rows: Rows): Buffer => Buffer.concat(rows.vectors);
const floats = (values: ArrayLike<number>): Buffer => bytesOf(Float32Array.from(values));

const FORMATS: [string, string, Buffer, Buffer][] = [
  ['fvecs', 'a.fvecs', prefixed(FLOATS, 4), bytesOf(FLOATS)],
  ['bvecs', 'a.bvecs', prefixed(BYTES, 1), floats(BYTES)],
  ['ivecs', 'a.ivecs', prefixed(INTS, 4), floats(INTS)],
  ['fbin', 'a.fbin', headed(FLOATS), bytesOf(FLOATS)],
  ['u8bin', 'a.u8bin', headed(BYTES), floats(BYTES)],
  ['i8bin', 'a.i8bin', headed(BYTES), floats(new Int8Array(BYTES.buffer))],
  ['f16bin', 'a.f16bin', headed(HALVES), floats(Array.from(HALVES, (bits) => halfTable()[bits]!))],
  ['npy', 'a.npy', npy('<f4', FLOATS), bytesOf(FLOATS)],
];

describe('a file of plain vectors', () => {
  it.each(FORMATS)('%s is read', async (format, name, content, expected) => {
    const path = fileOf(name, content);
    expect(await isVectors(path)).toBe(true);
    expect(await inspectVectors(path)).toMatchObject({ kind: `${format} file`, rows: ROWS, dim: DIM, ids: 'none' });
    expect((await inspectVectors(path)).metric).toBeUndefined();
    expect(whole(await rowsOf(path)).equals(expected)).toBe(true);
  });

  it.each(FORMATS)(
    '%s is read under a name that says nothing, by its content or by format',
    async (format, _, content, expected) => {
      const path = fileOf('vectors.data', content);
      if (format === 'u8bin' || format === 'i8bin') {
        const error = await errorOf(() => rowsOf(path));
        expect([error.code, error.message]).toEqual([
          'SRC_UNREADABLE',
          expect.stringContaining('could be u8bin or i8bin'),
        ]);
      } else expect(whole(await rowsOf(path)).equals(expected)).toBe(true);
      expect(whole(await rowsOf(path, { format: format as FaissSource['format'] & string })).equals(expected)).toBe(
        true,
      );
    },
  );

  it('of numpy may hold any number type, in either byte order', async () => {
    const doubles = Float64Array.from(FLOATS, (value) => value / 3);
    const wide = await rowsOf(fileOf('a.npy', npy('<f8', doubles)));
    expect(whole(wide).equals(floats(doubles))).toBe(true);
    expect(wide.warnings).toEqual([expect.stringContaining('float64 is rounded to float32')]);
    const big = Buffer.from(bytesOf(FLOATS)).swap32();
    expect(whole(await rowsOf(fileOf('a.npy', npy('>f4', big)))).equals(bytesOf(FLOATS))).toBe(true);
    const longs = BigInt64Array.from(INTS, BigInt);
    expect(whole(await rowsOf(fileOf('a.npy', npy('<i8', longs)))).equals(floats(INTS))).toBe(true);
  });

  it.each([
    ['columns first', npy('<f4', FLOATS).toString('latin1').replace('False', 'True '), /order of Fortran/],
    ['one dimension', npy('<f4', FLOATS, '', '(300,)').toString('latin1'), /shape \(300,\)/],
    ['text', npy('<U4', FLOATS).toString('latin1'), /'<U4'/],
    ['no header', '\x93NUMPY', /npy header/],
  ])('of numpy with %s is refused', async (_, text, message) => {
    const error = await errorOf(() => rowsOf(fileOf('a.npy', Buffer.from(text, 'latin1'))));
    expect(error.message).toMatch(message);
    expect(error.exitCode).toBe(3);
  });

  // A file of prefixed rows that ends between two of them is whole: nothing in it says how many there were.
  it('that is cut is refused at any length', async () => {
    for (const [, name, content] of FORMATS) {
      for (const length of [content.length - 1, (content.length >> 1) + 1, 9, 3]) {
        const error = await errorOf(() => rowsOf(fileOf(name, content.subarray(0, length))));
        expect(error.exitCode, `${name} cut to ${length}`).toBe(3);
      }
    }
  });

  it('with a row of another dimension is refused by the number of the row', async () => {
    const content = prefixed(FLOATS, 4);
    content.writeInt32LE(DIM + 1, 7 * (4 + DIM * 4));
    const error = await errorOf(() => rowsOf(fileOf('a.fvecs', content)));
    expect([error.code, error.message]).toEqual([
      'SRC_CORRUPT',
      expect.stringMatching(/row 7 has dimension 7, the first row 6/),
    ]);
  });

  it('and an index may be read together', async () => {
    const folder = temporaryFolder();
    copyFileSync(join(FIXTURES, 'flat_l2.index'), join(folder, 'a.index'));
    writeFileSync(join(folder, 'b.fbin'), Buffer.concat([bytesOf(Uint32Array.of(2, 16)), Buffer.alloc(128)]));
    const files = ['a.index', 'b.fbin'].map((name) => ({ path: join(folder, name) }));
    await using reader = await openFaiss({ adapter: 'faiss', files }, NAMES);
    expect((await reader.splits()).map(({ rows }) => rows)).toEqual([300, 2]);
  });
});

describe('the type of the vectors', () => {
  const half = (): string => fileOf('a.f16bin', headed(HALVES));

  it('is kept bit for bit where it is asked for', async () => {
    const rows = await rowsOf(half(), { vectorType: 'FLOAT16_VECTOR' });
    expect(whole(rows).equals(bytesOf(HALVES))).toBe(true);
    expect(rows.warnings).toEqual([]);
    const bytes = await rowsOf(fileOf('a.i8bin', headed(BYTES)), { vectorType: 'INT8_VECTOR' });
    expect(whole(bytes).equals(bytesOf(BYTES))).toBe(true);
  });

  it('keeps the bits of an index of fp16, and rounds others with a warning', async () => {
    const kinds = join(FIXTURES, '../faiss-kinds/1.15.1');
    const path = join(kinds, 'sqfp16.index');
    const asFloat = await rowsOf(path);
    const asHalf = await rowsOf(path, { vectorType: 'FLOAT16_VECTOR' });
    expect(asHalf.warnings).toEqual([expect.stringContaining('keeps float16')]);
    const values = new Uint16Array(new Uint8Array(whole(asHalf)).buffer);
    expect(whole(asFloat).equals(floats(Array.from(values, (bits) => halfTable()[bits]!)))).toBe(true);
    const rounded = await rowsOf(join(FIXTURES, 'flat_l2.index'), { vectorType: 'BFLOAT16_VECTOR' });
    expect(rounded.warnings).toEqual([expect.stringContaining('rounds its vectors to 16 bits')]);
    expect(rounded.vectors[0]!.length).toBe(32);
  });

  it('keeps every bit however the rows lie in what is read and decoded together', async () => {
    // Codes of 3 MiB in rows of an odd number of halves, which begin anywhere.
    const [rows, dim] = [320_000, 5];
    const halves = Uint16Array.from({ length: rows * dim }, (_, i) => (Math.imul(i, 40_503) >>> 0) % 0x7c00);
    const path = fileOf('a.f16bin', Buffer.concat([bytesOf(Uint32Array.of(rows, dim)), bytesOf(halves)]));
    await using reader = await openFaiss({ adapter: 'faiss', files: [{ path }] }, NAMES);
    const [split] = await reader.splits();
    const table = halfTable();
    let at = 0;
    for await (const { batch } of reader.read(split!, { maxBytes: 5_000_001 })) {
      const values = rawColumns(batch).at(-1)!.values as Float32Array;
      expect(values.findIndex((value, i) => value !== table[halves[at + i]!])).toBe(-1);
      at += values.length;
    }
    expect(at).toBe(halves.length);
  });

  it('makes infinity of what is too large, which the check of all rows then finds', async () => {
    const path = fileOf('a.fbin', Buffer.concat([bytesOf(Uint32Array.of(1, 3)), floats([1, -1e30, 70_000])]));
    const bits = new Uint16Array(new Uint8Array(whole(await rowsOf(path, { vectorType: 'FLOAT16_VECTOR' }))).buffer);
    expect([...bits]).toEqual([0x3c00, 0xfc00, 0x7c00]);
  });

  it.each([
    ['binary_flat.index', 'FLOAT16_VECTOR'],
    ['flat_l2.index', 'INT8_VECTOR'],
  ] as const)('is refused where the rows of %s do not suit %s', async (name, vectorType) => {
    const error = await errorOf(() => rowsOf(join(FIXTURES, name), { vectorType }));
    expect([error.code, error.exitCode]).toEqual(['CFG_CONFLICT', 2]);
  });
});
