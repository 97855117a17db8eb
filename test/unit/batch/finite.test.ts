import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../../src/batch/columns.js';
import { nonFiniteRows } from '../../../src/batch/finite.js';
import { schemaOf, specOf } from './support.js';

const DIM = 5;
const vector = specOf('FLOAT_VECTOR', 'v', { dim: DIM });
const BAD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe('nonFiniteRows', () => {
  it.each(BAD)('finds %d in every position', (bad) => {
    for (let at = 0; at < 4 * DIM; at++) {
      const values = new Float32Array(4 * DIM).fill(1);
      values[at] = bad;
      expect(nonFiniteRows(makeBatch(schemaOf(vector), 4, [values]))).toStrictEqual([Math.floor(at / DIM)]);
    }
  });

  it('takes the largest and smallest numbers for what they are', () => {
    const values = Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38, 1e-45, -0, 0);
    expect(nonFiniteRows(makeBatch(schemaOf(vector), 1, [values]))).toStrictEqual([]);
  });

  it('knows every NaN, whatever its payload', () => {
    const values = new Float32Array(DIM);
    for (const bits of [0x7f800001, 0x7fc00000, 0x7fffffff, 0xff800001, 0xffffffff]) {
      new Uint32Array(values.buffer)[2] = bits;
      expect(nonFiniteRows(makeBatch(schemaOf(vector), 1, [values]))).toStrictEqual([0]);
    }
  });

  it.each([
    ['FLOAT16_VECTOR', [0x7c00, 0xfc00, 0x7e01], [0x7bff, 0xfbff, 0x0001]],
    ['BFLOAT16_VECTOR', [0x7f80, 0xff80, 0x7fc1], [0x7f7f, 0xff7f, 0x0001]],
  ] as const)('finds it in a %s', (type, bad, good) => {
    const field = specOf(type, 'v', { dim: DIM });
    for (const bits of bad) {
      for (let at = 0; at < 3 * DIM; at++) {
        const values = new Uint16Array(3 * DIM).fill(good[0]);
        values[at] = bits;
        const batch = makeBatch(schemaOf(field), 3, [new Uint8Array(values.buffer)]);
        expect(nonFiniteRows(batch), `${bits.toString(16)} at ${at}`).toStrictEqual([Math.floor(at / DIM)]);
      }
    }
    const fine = Uint16Array.from({ length: 3 * DIM }, (_, i) => good[i % good.length]!);
    expect(nonFiniteRows(makeBatch(schemaOf(field), 3, [new Uint8Array(fine.buffer)]))).toStrictEqual([]);
  });

  it('names each row once, ascending, in any slice and over several vector fields', () => {
    const rows = 20;
    const cell = fc.oneof(
      { weight: 20, arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true }) },
      { weight: 1, arbitrary: fc.constantFrom(...BAD) },
    );
    const column = fc.array(cell, { minLength: rows * DIM, maxLength: rows * DIM });
    const two = schemaOf(vector, specOf('DOUBLE'), { ...vector, name: 'w' });
    fc.assert(
      fc.property(
        column,
        column,
        fc.integer({ min: 0, max: rows }),
        fc.integer({ min: 0, max: rows }),
        (v, w, a, b) => {
          const [from, to] = a < b ? [a, b] : [b, a];
          const columns = [Float32Array.from(v), new Float64Array(rows).fill(Number.NaN), Float32Array.from(w)];
          const batch = makeBatch(two, rows, columns).slice(from, to);
          const expected: number[] = [];
          for (let row = from; row < to; row++) {
            const all = [...v.slice(row * DIM, (row + 1) * DIM), ...w.slice(row * DIM, (row + 1) * DIM)];
            if (!all.every(Number.isFinite)) expected.push(row - from);
          }
          expect(nonFiniteRows(batch)).toStrictEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('leaves vectors of bytes alone', () => {
    const batch = makeBatch(schemaOf(specOf('BINARY_VECTOR', 'v', { dim: 64 })), 2, [new Uint8Array(16).fill(0xff)]);
    expect(nonFiniteRows(batch)).toStrictEqual([]);
  });
});
