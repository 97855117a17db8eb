import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeBatch } from '../../../src/batch/columns.js';
import { findNonFinite, nonFiniteRows } from '../../../src/batch/finite.js';
import { schemaOf, specOf, textColumn } from './support.js';

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

  it('finds it at the edges of the blocks that are looked at, at any address', () => {
    const field = specOf('FLOAT16_VECTOR', 'v', { dim: 1 });
    const rows = 2 * 32768 + 3;
    for (const shift of [0, 1]) {
      const bytes = new Uint8Array(shift + rows * 2);
      for (const at of [0, 31, 32, 32767, 32768, 65535, 65536, rows - 1]) {
        const high = shift + at * 2 + 1;
        bytes[high] = 0x7c;
        const batch = makeBatch(schemaOf(field), rows, [bytes.subarray(shift)]);
        expect(nonFiniteRows(batch), `value ${at}`).toStrictEqual([at]);
        bytes[high] = 0;
      }
      expect(nonFiniteRows(makeBatch(schemaOf(field), rows, [bytes.subarray(shift)]))).toStrictEqual([]);
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

  /** One, the largest number and what is none, by their bits. */
  const HALVES = [
    ['FLOAT16_VECTOR', 0x3c00, 0x7bff, [0x7c00, 0xfc00, 0x7c01, 0x7fff, 0xffff]],
    ['BFLOAT16_VECTOR', 0x3f80, 0x7f7f, [0x7f80, 0xff80, 0x7f81, 0x7fff, 0xffff]],
  ] as const;

  it.each(HALVES)('finds NaN and infinity in %s, at even and odd addresses', (type, one, largest, bad) => {
    const half = specOf(type, 'v', { dim: DIM });
    for (const shift of [0, 1]) {
      for (const bits of bad) {
        for (let at = 0; at < 4 * DIM; at++) {
          const words = new Uint16Array(4 * DIM).fill(one);
          words[0] = largest;
          words[1] = largest | 0x8000;
          words[at] = bits;
          const bytes = new Uint8Array(8 * DIM + shift).subarray(shift);
          bytes.set(new Uint8Array(words.buffer));
          expect(nonFiniteRows(makeBatch(schemaOf(half), 4, [bytes]))).toStrictEqual([Math.floor(at / DIM)]);
        }
      }
    }
  });

  /** A sparse vector: pairs of an index and a value. */
  function sparse(...pairs: readonly (readonly [number, number])[]): Uint8Array {
    const out = new DataView(new ArrayBuffer(pairs.length * 8));
    for (const [i, [index, value]] of pairs.entries()) {
      out.setUint32(i * 8, index, true);
      out.setFloat32(i * 8 + 4, value, true);
    }
    return new Uint8Array(out.buffer);
  }

  it('finds NaN and infinity among the values of sparse vectors, not among their indexes', () => {
    const schema = schemaOf(specOf('SPARSE_FLOAT_VECTOR', 'v'));
    const rows = [
      sparse([0x7f800000, 1], [0xffffffff, 2]),
      sparse(),
      sparse([1, 1], [2, Number.NaN]),
      sparse([1, Number.POSITIVE_INFINITY], [2, Number.NaN]),
      sparse([7, 3.4e38]),
    ];
    const batch = makeBatch(schema, rows.length, [textColumn(rows)]);
    expect(nonFiniteRows(batch)).toStrictEqual([2, 3]);
    expect(nonFiniteRows(batch.slice(1, 3))).toStrictEqual([1]);
    expect(nonFiniteRows(makeBatch(schema, 1, [textColumn([sparse([1, Number.NaN]).subarray(0, 5)])]))).toStrictEqual(
      [],
    );
  });

  it('looks at numbers that are no vectors only when told to, and never at nulls', () => {
    const schema = schemaOf(
      vector,
      { name: 'price', type: 'FLOAT', nullable: true },
      { name: 'weight', type: 'DOUBLE' },
      { name: 'tags', type: 'ARRAY', elementType: 'FLOAT', maxCapacity: 4 },
      { name: 'title', type: 'VARCHAR' },
    );
    const columns = [
      new Float32Array(4 * DIM),
      Float32Array.of(Number.NaN, 1, Number.NEGATIVE_INFINITY, 2),
      Float64Array.of(1, 1.7976931348623157e308, 3, Number.POSITIVE_INFINITY),
      { items: Float32Array.of(Number.NaN), offsets: Int32Array.of(0, 0, 1, 1, 1) },
      textColumn(['NaN', '', '', '']),
    ];
    const batch = makeBatch(schema, 4, columns, [undefined, Uint8Array.of(0, 1, 1, 1)]);
    expect(findNonFinite(batch)).toStrictEqual([]);
    expect(findNonFinite(batch, true)).toStrictEqual([
      { row: 2, field: 'price', reason: 'NaN or infinity in the field price' },
      { row: 3, field: 'weight', reason: 'NaN or infinity in the field weight' },
    ]);
    expect(nonFiniteRows(batch.slice(2, 4), true)).toStrictEqual([0, 1]);
  });

  it('names the field where a batch has several vectors', () => {
    const two = schemaOf(vector, { ...vector, name: 'w' });
    const bad = new Float32Array(2 * DIM).fill(Number.NaN, DIM);
    const batch = makeBatch(two, 2, [new Float32Array(2 * DIM), bad]);
    expect(findNonFinite(batch).map((f) => f.reason)).toStrictEqual(['NaN or infinity in the vector w']);
    const one = makeBatch(schemaOf(vector), 2, [bad]);
    expect(findNonFinite(one).map((f) => f.reason)).toStrictEqual(['NaN or infinity in the vector']);
  });
});
