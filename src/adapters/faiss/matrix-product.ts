import { advance, type Code, compileKernel, f64x2, get, type Kernel, loopBelow, set } from '../../util/wasm.js';

/**
 * x = A^T (y - b) for `count` rows y of `from`, in float64: each value is a sum over the rows of A in their order, rounded to
 * float32 at its end. `from` and `to` are different memory.
 */
export type TransposedProduct = (from: Float32Array, count: number, to: Float32Array) => void;

// A tile of the result: rows and columns whose sums stay in registers.
const TILE = 4;
// Rows that are taken together, so that a block of columns is used many times while it is in the cache.
const ROWS = 64;
// Values of a row that are taken together: a block of columns stays in the fastest cache.
const STRETCH = 512;
const FLOAT64 = 8;
const STEP = TILE * FLOAT64;
const SUMS_OF_BLOCK = ROWS * TILE;

/** Places in the kernel's memory: rows, four interleaved; four columns of the matrix, interleaved; the sums of their tiles. */
const COLUMNS_AT = ROWS * STRETCH * FLOAT64;
const SUMS_AT = COLUMNS_AT + TILE * STRETCH * FLOAT64;
const MEMORY_BYTES = SUMS_AT + SUMS_OF_BLOCK * FLOAT64;

/** Adds the products of four rows with four columns to the 16 sums of their tile. */
function tileKernel(): Kernel {
  const [rows, end, columns, sums] = [0, 1, 2, 3];
  const total = (row: number, pair: number): number => 4 + row * 2 + pair;
  const left = 12;
  const right = 13;
  const value = 14;
  const each = (make: (row: number, pair: number) => Code): Code[] =>
    Array.from({ length: TILE * 2 }, (_, i) => make(i >> 1, i & 1));
  const place = (row: number, pair: number): number => row * STEP + pair * 2 * FLOAT64;
  const addRow = (row: number): Code => [
    ...get(rows),
    ...f64x2.splat(row * FLOAT64),
    ...set(value),
    ...[left, right].flatMap((column, pair) => [
      ...get(total(row, pair)),
      ...get(value),
      ...get(column),
      ...f64x2.mul,
      ...f64x2.add,
      ...set(total(row, pair)),
    ]),
  ];
  return compileKernel(4, { vectors: 11 }, MEMORY_BYTES, [
    ...each((row, pair) => [...get(sums), ...f64x2.load(place(row, pair)), ...set(total(row, pair))]),
    loopBelow(rows, end, [
      [...get(columns), ...f64x2.load(0), ...set(left)],
      [...get(columns), ...f64x2.load(2 * FLOAT64), ...set(right)],
      ...Array.from({ length: TILE }, (_, row) => addRow(row)),
      advance(columns, STEP),
      advance(rows, STEP),
    ]),
    ...each((row, pair) => [...get(sums), ...get(total(row, pair)), ...f64x2.store(place(row, pair))]),
  ]);
}

let compiled: ReturnType<typeof openKernel> | undefined;

/** One for all, because nothing waits while its memory is in use. */
function openKernel() {
  const { memory, run } = tileKernel();
  return {
    run,
    rows: new Float64Array(memory, 0, ROWS * STRETCH),
    columns: new Float64Array(memory, COLUMNS_AT, TILE * STRETCH),
    sums: new Float64Array(memory, SUMS_AT, SUMS_OF_BLOCK),
  };
}

/** A in float64 with its columns in blocks of four, interleaved; the last block is filled up with zeros. */
function inBlocks(matrix: Float32Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(Math.ceil(columns / TILE) * TILE * rows);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const block = Math.floor(column / TILE);
      out[(block * rows + row) * TILE + (column % TILE)] = matrix[at]!;
    }
  }
  return out;
}

/** `count` rows of `dim` values, the first of them at `values[first * dim]`. */
interface Rows {
  readonly values: Float32Array;
  readonly dim: number;
  readonly first: number;
  readonly count: number;
}

/** Puts values `at` to `at + length - 1` of the rows, less the bias, into `out`, four rows interleaved. */
function takeRows(from: Rows, at: number, length: number, bias: Float64Array, out: Float64Array): void {
  const { values, dim, first, count } = from;
  for (let row = 0; row < count; row++) {
    const start = (first + row) * dim + at;
    let to = Math.floor(row / TILE) * STRETCH * TILE + (row % TILE);
    for (let i = 0; i < length; i++, to += TILE) out[to] = values[start + i]! - bias[at + i]!;
  }
}

/** Rounds the sums of the rows, which lie in tiles, into them. */
function giveRows(totals: Float64Array, to: Rows): void {
  const { values, dim, first, count } = to;
  for (let row = 0; row < count; row++) {
    const start = (first + row) * dim;
    for (let column = 0; column < dim; column++) {
      const block = Math.floor(column / TILE) * SUMS_OF_BLOCK;
      values[start + column] = totals[block + row * TILE + (column % TILE)]!;
    }
  }
}

/** @param matrix A of `dimIn` x `dimOut` values; `bias` has `dimIn` */
export function transposedProduct(
  matrix: Float32Array,
  bias: Float64Array,
  dimIn: number,
  dimOut: number,
): TransposedProduct {
  const blocks = inBlocks(matrix, dimIn, dimOut);
  const blockCount = Math.ceil(dimOut / TILE);
  const totals = new Float64Array(blockCount * SUMS_OF_BLOCK);
  return (from, count, to) => {
    compiled ??= openKernel();
    const { run, rows, columns, sums } = compiled;
    for (let first = 0; first < count; first += ROWS) {
      const part = Math.min(ROWS, count - first);
      totals.fill(0);
      for (let start = 0; start < dimIn; start += STRETCH) {
        const length = Math.min(STRETCH, dimIn - start);
        takeRows({ values: from, dim: dimIn, first, count: part }, start, length, bias, rows);
        for (let block = 0; block < blockCount; block++) {
          const at = (block * dimIn + start) * TILE;
          columns.set(blocks.subarray(at, at + length * TILE));
          const own = totals.subarray(block * SUMS_OF_BLOCK, (block + 1) * SUMS_OF_BLOCK);
          sums.set(own);
          for (let row = 0; row < part; row += TILE) {
            const rowsAt = row * STRETCH * FLOAT64;
            run(rowsAt, rowsAt + length * STEP, COLUMNS_AT, SUMS_AT + row * STEP);
          }
          own.set(sums);
        }
      }
      giveRows(totals, { values: to, dim: dimOut, first, count: part });
    }
  };
}
