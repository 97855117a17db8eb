import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rowDecoder } from '../../../../src/adapters/faiss/decode-codes.js';
import { openSource } from '../../../../src/adapters/faiss/source-file.js';
import type { StoredForm } from '../../../../src/adapters/faiss/stored-form.js';
import { halfTable } from '../../../../src/batch/half.js';
import { randomOf } from '../../../support/faiss-fuzz.js';
import { temporaryFolder } from './support.js';

const ROWS = 19;

/** Decodes `ROWS` rows by tables that lie at the front of a file. */
async function decoded(form: StoredForm, dim: number, codes: Uint8Array, tables: Float32Array): Promise<Float32Array> {
  const path = join(temporaryFolder(), 'tables');
  writeFileSync(path, Buffer.from(tables.buffer));
  const file = await openSource(path);
  try {
    const out = new Float32Array(ROWS * dim);
    const decode = await rowDecoder(form, dim, codes.length / ROWS, file);
    // The second time with what the first one has left behind.
    for (let i = 0; i < 2; i++) decode(codes, ROWS, out);
    return out;
  } finally {
    await file.handle.close();
  }
}

function randomBytes(seed: number, length: number): Uint8Array {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, () => random(256));
}

function randomFloats(seed: number, length: number): Float32Array {
  const random = randomOf(seed);
  return Float32Array.from({ length }, () => random(2 ** 20) / 2 ** 18 - 2);
}

/** Bits `at` to `at + bits - 1` of row `row`, one by one. */
function codeAt(codes: Uint8Array, row: number, at: number, bits: number): number {
  let code = 0;
  for (let bit = 0; bit < bits; bit++) {
    const place = row * (codes.length / ROWS) * 8 + at + bit;
    code += ((codes[place >> 3]! >> (place & 7)) & 1) * 2 ** bit;
  }
  return code;
}

const bitsOf = (floats: Float32Array): Uint32Array => new Uint32Array(floats.buffer);

describe('codes of a product quantizer', () => {
  it.each([
    [8, 1, 7],
    [8, 2, 8],
    [8, 5, 3],
    [8, 3, 21],
    [4, 3, 5],
    [4, 8, 4],
    [1, 9, 2],
    [5, 7, 4],
    [10, 3, 6],
    [12, 5, 1],
    [16, 2, 4],
  ])('of %i bits, %i parts of %i values are copied from their entries', async (bits, parts, width) => {
    const dim = parts * width;
    const books = randomFloats(bits, parts * 2 ** bits * width);
    const codes = randomBytes(parts, ROWS * Math.ceil((parts * bits) / 8));
    const form = { kind: 'product', parts, bits, codebooks: { at: 0, count: books.length } } as const;
    const expected = Float32Array.from({ length: ROWS * dim }, (_, at) => {
      const [row, part, i] = [Math.floor(at / dim), Math.floor((at % dim) / width), at % width];
      return books[(part * 2 ** bits + codeAt(codes, row, part * bits, bits)) * width + i]!;
    });
    expect(bitsOf(await decoded(form, dim, codes, books))).toEqual(bitsOf(expected));
  });
});

describe('codes of a scalar quantizer', () => {
  it.each([
    [4, 7, false],
    [4, 8, true],
    [6, 5, false],
    [6, 8, true],
    [8, 9, false],
    [8, 3, true],
  ] as const)('of %i bits in %i dimensions are rounded step by step', async (bits, dim, uniform) => {
    const trained = randomFloats(bits, uniform ? 2 : dim * 2);
    const codes = randomBytes(dim, ROWS * Math.ceil((dim * bits) / 8));
    const f32 = Math.fround;
    const expected = Float32Array.from({ length: ROWS * dim }, (_, at) => {
      const [row, i] = [Math.floor(at / dim), at % dim];
      const center = f32(f32(codeAt(codes, row, i * bits, bits) + 0.5) / (2 ** bits - 1));
      return trained[uniform ? 0 : i]! + f32(center * trained[uniform ? 1 : dim + i]!);
    });
    const form = { kind: 'scalar', bits, trained: { at: 0, count: trained.length } } as const;
    expect(bitsOf(await decoded(form, dim, codes, trained))).toEqual(bitsOf(expected));
  });
});

describe('halves', () => {
  it.each([4, 5])('of rows of %i dimensions are all decoded, those that are no numbers, too', async (dim) => {
    const table = bitsOf(halfTable());
    for (let first = 0; first < 2 ** 16; first += 997) {
      const halves = Uint16Array.from({ length: ROWS * dim }, (_, i) => first + i * 11);
      const out = await decoded({ kind: 'numbers', type: 'float16' }, dim, new Uint8Array(halves.buffer), halfTable());
      expect(bitsOf(out)).toEqual(Uint32Array.from(halves, (bits) => table[bits]!));
    }
  });
});
