import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFaiss } from '../../../../src/adapters/faiss/index.js';
import { FIXTURES, NAMES, openFiles, type Rows, readRows, temporaryFolder } from './support.js';

// Kinds that no Faiss of today writes: files of today put into the order of before 2018, from the layouts that Faiss still reads.

const KINDS = join(FIXTURES, '../faiss-kinds/1.15.1');

async function rowsOf(path: string): Promise<Rows> {
  await using reader = await openFaiss({ adapter: 'faiss', files: [{ path }], allowLossy: true }, NAMES);
  return await readRows(reader, { maxBytes: 900 });
}

function words(...values: number[]): Buffer {
  return Buffer.from(BigInt64Array.from(values, BigInt).buffer);
}

interface Lists {
  readonly at: number;
  readonly ids: Buffer[];
  readonly codes: Buffer[];
}

/** The inverted lists of a file of today (ilar, full). */
function listsOf(bytes: Buffer): Lists {
  const at = bytes.indexOf('ilar');
  const nlist = Number(bytes.readBigInt64LE(at + 4));
  const codeBytes = Number(bytes.readBigInt64LE(at + 12));
  expect(bytes.toString('latin1', at + 20, at + 24)).toBe('full');
  let from = at + 32 + nlist * 8;
  const [ids, codes]: [Buffer[], Buffer[]] = [[], []];
  for (let list = 0; list < nlist; list++) {
    const size = Number(bytes.readBigInt64LE(at + 32 + list * 8));
    codes.push(bytes.subarray(from, from + size * codeBytes));
    ids.push(bytes.subarray(from + size * codeBytes, from + size * (codeBytes + 8)));
    from += size * (codeBytes + 8);
  }
  return { at, ids, codes };
}

/** Puts the ids between quantizer and direct map, and the codes list by list to the end. */
function asOld(bytes: Buffer, fourcc: string, directMapAt: number, middle: Buffer, unit: number): Buffer {
  const { ids, codes } = listsOf(bytes);
  return Buffer.concat([
    Buffer.from(fourcc),
    bytes.subarray(4, directMapAt),
    ...ids.flatMap((list) => [words(list.length / 8), list]),
    bytes.subarray(directMapAt, directMapAt + 9),
    middle,
    ...codes.flatMap((list) => [words(list.length / unit), list]),
  ]);
}

function fileOf(content: Buffer): string {
  const path = join(temporaryFolder(), 'old.index');
  writeFileSync(path, content);
  return path;
}

// Behind the header (37), nlist, nprobe and a quantizer of 8 x 16 floats (45 + 512): the direct map.
const DIRECT_MAP = 37 + 16 + 45 + 8 * 64;

describe('a file of before 2018', () => {
  it.each([
    ['IvFl', 4],
    ['IvFL', 1],
  ])('%s', async (fourcc, unit) => {
    const today = join(FIXTURES, 'ivfflat_full.index');
    const path = fileOf(asOld(readFileSync(today), fourcc, DIRECT_MAP, Buffer.alloc(0), unit));
    await using now = await openFiles(today);
    const { ids, vectors } = await readRows(now);
    expect(await rowsOf(path)).toMatchObject({ ids, vectors });
  });

  it.each([
    ['IvSQ', 'ivf8_sq8.index'],
    ['IvPQ', 'ivf8_pq4x4.index'],
  ])('%s', async (fourcc, name) => {
    const today = join(KINDS, name);
    const bytes = readFileSync(today);
    const { at } = listsOf(bytes);
    // IvSQ has no by_residual, the last byte before the lists.
    const middle = bytes.subarray(DIRECT_MAP + 9, fourcc === 'IvSQ' ? at - 1 : at);
    const path = fileOf(asOld(bytes, fourcc, DIRECT_MAP, middle, 1));
    const { ids, vectors } = await rowsOf(today);
    expect(ids.length).toBe(110);
    expect(await rowsOf(path)).toMatchObject({ ids, vectors });
  });

  it('IxPQ, without search parameters, and IxPo, with them', async () => {
    const today = join(KINDS, 'pq4x4.index');
    const bytes = readFileSync(today);
    const { vectors } = await rowsOf(today);
    const plain = Buffer.concat([Buffer.from('IxPQ'), bytes.subarray(4, bytes.length - 9)]);
    expect((await rowsOf(fileOf(plain))).vectors).toEqual(vectors);
    expect((await rowsOf(fileOf(Buffer.concat([Buffer.from('IxPo'), bytes.subarray(4)])))).vectors).toEqual(vectors);
  });

  it('IwSQ, which always stores differences', async () => {
    const today = join(KINDS, 'ivf8_sq8.index');
    const bytes = readFileSync(today);
    const at = bytes.indexOf('ilar');
    const old = Buffer.concat([Buffer.from('IwSQ'), bytes.subarray(4, at - 1), bytes.subarray(at)]);
    const { ids, vectors } = await rowsOf(today);
    expect(await rowsOf(fileOf(old))).toMatchObject({ ids, vectors });
  });
});
