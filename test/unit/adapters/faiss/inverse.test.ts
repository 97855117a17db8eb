import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviation, undo } from '../../../../src/adapters/faiss/inverse.js';
import { openSource } from '../../../../src/adapters/faiss/source-file.js';
import { randomOf } from '../../../support/faiss-fuzz.js';
import { temporaryFolder } from './support.js';

/** Rows of a random orthonormal basis: a product of reflections, in float64 before it is rounded. */
function orthonormal(dim: number, rows = dim): Float32Array {
  const random = randomOf(dim);
  const matrix = Float64Array.from({ length: rows * dim }, (_, i) => (Math.floor(i / dim) === i % dim ? 1 : 0));
  for (let reflection = 0; reflection < 8; reflection++) {
    const v = Float64Array.from({ length: dim }, () => random(2 ** 20) / 2 ** 19 - 1);
    const square = v.reduce((sum, value) => sum + value * value, 0);
    for (let row = 0; row < rows; row++) {
      let dot = 0;
      for (let i = 0; i < dim; i++) dot += matrix[row * dim + i]! * v[i]!;
      for (let i = 0; i < dim; i++) matrix[row * dim + i]! -= (2 * dot * v[i]!) / square;
    }
  }
  return Float32Array.from(matrix);
}

async function inverseOf(matrix: Float32Array, dimIn: number, dimOut: number, bias?: Float32Array) {
  const path = join(temporaryFolder(), 'tables');
  writeFileSync(path, Buffer.concat([Buffer.from(matrix.buffer), Buffer.from(bias?.buffer ?? new ArrayBuffer(0))]));
  const file = await openSource(path);
  try {
    const shape = {
      kind: 'linear' as const,
      label: 'rotation',
      dimIn,
      dimOut,
      matrix: { at: 0, count: matrix.length },
    };
    return await undo({ ...shape, ...(bias ? { bias: { at: matrix.byteLength, count: bias.length } } : {}) }, file);
  } finally {
    await file.handle.close();
  }
}

/** x = A^T (y - b), value by value: each a sum over the rows of A in their order. */
function plainProduct(matrix: Float32Array, bias: Float32Array, dim: number, y: Float32Array, rows: number) {
  return Float32Array.from({ length: rows * dim }, (_, at) => {
    const [row, column] = [Math.floor(at / dim), at % dim];
    let sum = 0;
    for (let i = 0; i < dim; i++) sum += (y[row * dim + i]! - bias[i]!) * matrix[i * dim + column]!;
    return sum;
  });
}

const bitsOf = (floats: Float32Array): Uint32Array => new Uint32Array(floats.buffer);

describe('a linear transform', () => {
  // Around the widths of blocks, rows and stretches; 1030 dimensions take three stretches.
  it.each([1, 3, 4, 5, 37, 512, 1030])('of %i dimensions is undone', async (dim) => {
    const matrix = orthonormal(dim);
    const random = randomOf(dim + 1);
    const bias = Float32Array.from({ length: dim }, () => random(100) / 10);
    const inverse = await inverseOf(matrix, dim, dim, bias);
    expect(inverse.quality).toBe('rounded');
    for (const rows of [1, 2, 31, 66]) {
      const x = Float32Array.from({ length: rows * dim }, () => random(2 ** 20) / 2 ** 18 - 2);
      const y = new Float32Array(rows * dim);
      for (let row = 0; row < rows; row++) {
        for (let i = 0; i < dim; i++) {
          let sum = bias[i]!;
          for (let j = 0; j < dim; j++) sum += matrix[i * dim + j]! * x[row * dim + j]!;
          y[row * dim + i] = sum;
        }
      }
      const back = new Float32Array(rows * dim);
      inverse.apply(y, rows, back);
      const off = back.reduce((most, value, i) => Math.max(most, Math.abs(value - x[i]!)), 0);
      expect(off, `${rows} rows`).toBeLessThan(2e-5);
      expect(bitsOf(back), `${rows} rows`).toEqual(bitsOf(plainProduct(matrix, bias, dim, y, rows)));
    }
  });

  it.each([
    ['a scaled row', (m: Float32Array) => m.set(m.subarray(0, 40).map((value) => value * 1.001))],
    ['one wrong value', (m: Float32Array) => m.set([m[777]! + 0.01], 777)],
    ['a row twice', (m: Float32Array) => m.copyWithin(40, 0, 40)],
    ['something that is no number', (m: Float32Array) => m.set([Number.NaN], 3)],
    ['nothing but zeros', (m: Float32Array) => m.fill(0)],
  ])('with %s has no inverse, whatever it is called', async (_, spoil) => {
    const matrix = orthonormal(40);
    expect(deviation(matrix, 40, 40, 'columns')).toBeLessThan(1e-6);
    spoil(matrix);
    const inverse = await inverseOf(matrix, 40, 40);
    expect([inverse.quality, inverse.says]).toEqual(['none', expect.stringContaining('not orthonormal')]);
  });

  it('to fewer dimensions is a projection, to more is undone', async () => {
    expect((await inverseOf(orthonormal(24, 10), 24, 10)).quality).toBe('lossy');
    const tall = orthonormal(24);
    const columns = new Float32Array(24 * 10);
    for (let row = 0; row < 24; row++) columns.set(tall.subarray(row * 24, row * 24 + 10), row * 10);
    expect((await inverseOf(columns, 10, 24)).quality).toBe('rounded');
  });
});
