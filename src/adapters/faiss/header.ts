import type { ByteCursor } from './byte-cursor.js';

/** What every index says of itself first. */
export interface IndexHeader {
  /** Dimensions; bits for a binary index. */
  readonly dim: number;
  readonly rows: number;
  /** Name of the metric as Faiss calls it. */
  readonly metric: string;
  /** Parameter of the metric, where it has one. */
  readonly metricArg?: number;
}

const METRICS: ReadonlyMap<number, string> = new Map([
  [0, 'IP'],
  [1, 'L2'],
  [2, 'L1'],
  [3, 'Linf'],
  [4, 'Lp'],
  [20, 'Canberra'],
  [21, 'BrayCurtis'],
  [22, 'JensenShannon'],
  [23, 'Jaccard'],
  [24, 'NaNEuclidean'],
  [25, 'Gower'],
]);

const LARGEST_DIM = 2 ** 20;

function checked(cursor: ByteCursor, dim: number): number {
  if (dim < 1 || dim > LARGEST_DIM) throw cursor.corrupt(`the dimension is ${dim}, not 1 to ${LARGEST_DIM}`);
  return dim;
}

function dimension(cursor: ByteCursor): number {
  return checked(cursor, cursor.i32('the dimension'));
}

/** The header of a kind that keeps its facts in an order of its own. Throws SRC_CORRUPT for an impossible dimension. */
export function metricHead(cursor: ByteCursor, dim: number, rows: number, metric: string): IndexHeader {
  return { dim: checked(cursor, dim), rows, metric };
}

function metricOf(cursor: ByteCursor): { code: number; name: string } {
  const code = cursor.i32('the metric');
  const name = METRICS.get(code);
  if (name === undefined) throw cursor.corrupt(`the metric number ${code} is unknown`);
  return { code, name };
}

/**
 * Header of a float index: d i32, ntotal i64, two ignored i64, is_trained u8, metric i32, and for every metric but IP and
 * L2 a f32 parameter. 33 or 37 bytes.
 */
export function readHeader(cursor: ByteCursor): IndexHeader {
  const dim = dimension(cursor);
  const rows = cursor.count('the number of rows');
  cursor.skip('the index header', 2, 8);
  cursor.flag('is_trained');
  const metric = metricOf(cursor);
  if (metric.code <= 1) return { dim, rows, metric: metric.name };
  return { dim, rows, metric: metric.name, metricArg: cursor.f32('the parameter of the metric') };
}

/** Header of a binary index: d i32 (bits), code_size i32, ntotal i64, is_trained u8, metric i32. 21 bytes. */
export function readBinaryHeader(cursor: ByteCursor, codeSizeMayBeZero: boolean): IndexHeader {
  const dim = dimension(cursor);
  if (dim % 8 !== 0) throw cursor.corrupt(`a binary index has the dimension ${dim}, which is no multiple of 8`);
  const codeSize = cursor.i32('the code size');
  // Faiss 1.7.4 wrote 0 into the header of an IDMap over a binary index.
  if (codeSize !== dim / 8 && !(codeSizeMayBeZero && codeSize === 0)) {
    throw cursor.corrupt(`the code size is ${codeSize}, where ${dim} bits need ${dim / 8} bytes`);
  }
  const rows = cursor.count('the number of rows');
  cursor.flag('is_trained');
  const metric = metricOf(cursor);
  return { dim, rows, metric: metric.name };
}
