import { fail } from '../../util/errors.js';
import type { SourceFile } from './source-file.js';
import { assertTable, readFloats, readInts } from './tables.js';
import type { LinearTransform, RemapTransform, Transform } from './vector-transforms.js';

/** How well a transform can be undone: bit for bit, up to rounding, or not without loss. */
export type Quality = 'exact' | 'rounded' | 'lossy' | 'none';

/** A transform undone. */
export interface Inverse {
  readonly label: string;
  readonly quality: Quality;
  /** What it does, or why it cannot be undone. */
  readonly says: string;
  /** Dimensions that it takes and that it gives. */
  readonly dimIn: number;
  readonly dimOut: number;
  /** Makes `count` rows of `dimOut` values out of as many of `dimIn`; `from` and `to` are different memory. */
  apply(from: Float32Array, count: number, to: Float32Array): void;
}

// Faiss itself takes a matrix as orthonormal up to this.
const TOLERANCE = 1e-4;
const PROBES = 32;

/** Pseudo-random signs, the same every time. */
function signs(count: number, seed: number): Float64Array {
  let state = seed * 2654435769 + 1;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state < 0 ? -1 : 1;
  });
}

function times(matrix: Float32Array, vector: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows);
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let i = 0; i < columns; i++, at++) sum += matrix[at]! * vector[i]!;
    out[row] = sum;
  }
  return out;
}

function transposedTimes(matrix: Float32Array, vector: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(columns);
  for (let row = 0, at = 0; row < rows; row++) {
    const factor = vector[row]!;
    for (let i = 0; i < columns; i++, at++) out[i] = out[i]! + matrix[at]! * factor;
  }
  return out;
}

/**
 * Largest deviation of A^T A (columns) or A A^T (rows) from the identity, by the products with 32 vectors of signs: each
 * wrong entry of the product is missed by one of them with a chance of a half at most. The whole product would take minutes
 * for a matrix of 4096 x 4096.
 */
export function deviation(matrix: Float32Array, rows: number, columns: number, of: 'columns' | 'rows'): number {
  let largest = 0;
  for (let probe = 0; probe < PROBES; probe++) {
    const vector = signs(of === 'columns' ? columns : rows, probe);
    const back =
      of === 'columns'
        ? transposedTimes(matrix, times(matrix, vector, rows, columns), rows, columns)
        : times(matrix, transposedTimes(matrix, vector, rows, columns), rows, columns);
    for (let i = 0; i < back.length; i++) {
      const off = Math.abs(back[i]! - vector[i]!);
      // Not a number is no identity either.
      if (!(off <= largest)) largest = Number.isNaN(off) ? Number.POSITIVE_INFINITY : off;
    }
  }
  return largest;
}

const COLUMNS = 4;

/** A in float64 with its columns in blocks of four, interleaved; the last block is filled up with zeros. */
function inBlocks(matrix: Float32Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(Math.ceil(columns / COLUMNS) * COLUMNS * rows);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const block = column >> 2;
      out[(block * rows + row) * COLUMNS + (column & 3)] = matrix[at]!;
    }
  }
  return out;
}

// Rows that are taken together, so that a block of columns is used many times while it is in the cache.
const ROWS = 32;
// Values of a row that are taken together: what is in use stays in the fastest cache.
const STRETCH = 512;
// Constants of the module, because the compiler then knows their addresses and lengths: that makes the loop twice as fast. Nothing
// waits while they are in use.
const PAIRS = new Float64Array(ROWS * STRETCH);
const BLOCK = new Float64Array(COLUMNS * STRETCH);
const SUMS = new Float64Array(ROWS * COLUMNS);

/** Adds the products of the two rows at `from` with the four columns of the block to the eight sums at `to`. */
function multiplyBlock(from: number, length: number, to: number): void {
  let s00 = SUMS[to]!;
  let s01 = SUMS[to + 1]!;
  let s02 = SUMS[to + 2]!;
  let s03 = SUMS[to + 3]!;
  let s10 = SUMS[to + 4]!;
  let s11 = SUMS[to + 5]!;
  let s12 = SUMS[to + 6]!;
  let s13 = SUMS[to + 7]!;
  for (let i = from, m = 0; m < length * COLUMNS; i += 2, m += COLUMNS) {
    const y0 = PAIRS[i]!;
    const y1 = PAIRS[i + 1]!;
    const m0 = BLOCK[m]!;
    const m1 = BLOCK[m + 1]!;
    const m2 = BLOCK[m + 2]!;
    const m3 = BLOCK[m + 3]!;
    s00 += y0 * m0;
    s01 += y0 * m1;
    s02 += y0 * m2;
    s03 += y0 * m3;
    s10 += y1 * m0;
    s11 += y1 * m1;
    s12 += y1 * m2;
    s13 += y1 * m3;
  }
  SUMS[to] = s00;
  SUMS[to + 1] = s01;
  SUMS[to + 2] = s02;
  SUMS[to + 3] = s03;
  SUMS[to + 4] = s10;
  SUMS[to + 5] = s11;
  SUMS[to + 6] = s12;
  SUMS[to + 7] = s13;
}

interface Product {
  /** The matrix in blocks of four columns. */
  readonly blocks: Float64Array;
  readonly bias: Float64Array;
  readonly dimIn: number;
  readonly dimOut: number;
}

/** Puts a stretch of rows less the bias into PAIRS, two rows interleaved. */
function takeRows({ bias, dimIn }: Product, from: Float32Array, first: number, rows: number, start: number): number {
  const length = Math.min(STRETCH, dimIn - start);
  for (let row = 0; row < rows; row++) {
    const at = (first + row) * dimIn + start;
    const to = (row >> 1) * STRETCH * 2 + (row & 1);
    for (let i = 0; i < length; i++) PAIRS[to + i * 2] = from[at + i]! - bias[start + i]!;
  }
  return length;
}

/** x = A^T (y - b) in float64 for up to 32 rows; `totals` holds their sums between the stretches. */
function multiplyRows(product: Product, from: Float32Array, first: number, rows: number, totals: Float64Array): void {
  const { blocks, dimIn, dimOut } = product;
  const columns = Math.ceil(dimOut / COLUMNS);
  for (let start = 0; start < dimIn; start += STRETCH) {
    const length = takeRows(product, from, first, rows, start);
    for (let column = 0; column < columns; column++) {
      const at = (column * dimIn + start) * COLUMNS;
      BLOCK.set(blocks.subarray(at, at + length * COLUMNS));
      const sums = totals.subarray(column * SUMS.length, (column + 1) * SUMS.length);
      if (start === 0) SUMS.fill(0);
      else SUMS.set(sums);
      for (let row = 0; row < rows; row += 2) multiplyBlock(row * STRETCH, length, row * COLUMNS);
      sums.set(SUMS);
    }
  }
}

function multiply(product: Product): Inverse['apply'] {
  const { dimOut } = product;
  const totals = new Float64Array(Math.ceil(dimOut / COLUMNS) * SUMS.length);
  return (from, count, to) => {
    for (let first = 0; first < count; first += ROWS) {
      const rows = Math.min(ROWS, count - first);
      multiplyRows(product, from, first, rows, totals);
      for (let column = 0; column < dimOut; column++) {
        const sums = (column >> 2) * SUMS.length + (column & 3);
        for (let row = 0; row < rows; row++) to[(first + row) * dimOut + column] = totals[sums + row * COLUMNS]!;
      }
    }
  };
}

const nothing: Inverse['apply'] = () => {
  throw fail('INTERNAL', 'a transform without inverse was to be undone');
};

function show(value: number): string {
  return value.toPrecision(2);
}

async function energyLost(transform: LinearTransform, file: SourceFile): Promise<string> {
  const { variances, dimIn, dimOut } = transform;
  if (!variances || variances.count < dimIn) return '';
  const values = await readFloats(file, 'the eigenvalues', variances);
  let [kept, all] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    all += Math.max(0, values[i]!);
    if (i < dimOut) kept += Math.max(0, values[i]!);
  }
  if (!(all > 0)) return '';
  return `: ${((1 - kept / all) * 100).toPrecision(3)} % of the variance of the training data`;
}

async function undoLinear(transform: LinearTransform, file: SourceFile): Promise<Inverse> {
  const { label, dimIn, dimOut } = transform;
  assertTable(file.path, 'a matrix in float64', dimIn * dimOut * 8);
  const matrix = await readFloats(file, 'the matrix of a transform', transform.matrix);
  const bias = transform.bias
    ? Float64Array.from(await readFloats(file, 'the bias of a transform', transform.bias))
    : new Float64Array(dimOut);
  const apply = (): Inverse['apply'] =>
    multiply({ blocks: inBlocks(matrix, dimOut, dimIn), bias, dimIn: dimOut, dimOut: dimIn });
  const shape = { label, dimIn: dimOut, dimOut: dimIn };
  const off = deviation(matrix, dimOut, dimIn, dimOut < dimIn ? 'rows' : 'columns');
  if (!(off <= TOLERANCE)) {
    const why = `its matrix is not orthonormal (it is off by ${show(off)}, as whitened ones are)`;
    return { ...shape, quality: 'none', says: `${why}, so that it cannot be undone`, apply: nothing };
  }
  if (dimOut >= dimIn) {
    const says = `undone by the transposed matrix in float64 (orthonormal up to ${show(off)})`;
    return { ...shape, quality: 'rounded', says, apply: apply() };
  }
  const lost = await energyLost(transform, file);
  const says = `a projection of ${dimIn} to ${dimOut} dimensions, what lay in the others is lost${lost}`;
  return { ...shape, quality: 'lossy', says, apply: apply() };
}

async function undoRemap(transform: RemapTransform, file: SourceFile): Promise<Inverse> {
  const { label, dimIn, dimOut } = transform;
  const map = await readInts(file, 'the map of dimensions', transform.map);
  const source = new Int32Array(dimIn).fill(-1);
  for (let i = 0; i < map.length; i++) {
    const to = map[i]!;
    if (to < -1 || to >= dimIn) throw fail('SRC_CORRUPT', `${file.path}: ${label} maps dimension ${to} of ${dimIn}`);
    if (to >= 0) source[to] = i;
  }
  const gone = source.reduce((sum, at) => sum + (at < 0 ? 1 : 0), 0);
  return {
    label,
    dimIn: dimOut,
    dimOut: dimIn,
    quality: gone > 0 ? 'lossy' : 'exact',
    says: gone > 0 ? `${gone} of ${dimIn} dimensions are not stored and come back as 0` : 'undone by the map',
    apply(from, count, to) {
      for (let row = 0; row < count; row++) {
        for (let i = 0; i < dimIn; i++) to[row * dimIn + i] = source[i]! < 0 ? 0 : from[row * dimOut + source[i]!]!;
      }
    },
  };
}

/** How a transform is undone. Looks at its matrix itself, not at what its kind promises. Throws SRC_*. */
export async function undo(transform: Transform, file: SourceFile): Promise<Inverse> {
  const { label, dimIn, dimOut } = transform;
  const same = { label, dimIn: dimOut, dimOut: dimIn };
  switch (transform.kind) {
    case 'linear':
      return await undoLinear(transform, file);
    case 'remap':
      return await undoRemap(transform, file);
    case 'center': {
      const mean = await readFloats(file, 'the mean', transform.mean);
      const apply: Inverse['apply'] = (from, count, to) => {
        for (let row = 0, at = 0; row < count; row++) {
          for (let i = 0; i < dimIn; i++, at++) to[at] = from[at]! + mean[i]!;
        }
      };
      return { ...same, quality: 'rounded', says: 'undone by adding the mean', apply };
    }
    case 'normalize': {
      const says = 'vectors come back with length 1, their own lengths are lost (which COSINE does not look at)';
      return { ...same, quality: 'lossy', says, apply: (from, count, to) => to.set(from.subarray(0, count * dimIn)) };
    }
    case 'opaque':
      return { ...same, quality: 'none', says: `cannot be undone: ${transform.why}`, apply: nothing };
  }
}
