import type { Extent } from './byte-cursor.js';

/** Numbers as they stand in a file, one a dimension. `uint8-128` is a byte less 128. */
export type NumberType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'uint8'
  | 'uint8-128'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64';

export const NUMBER_BYTES: Readonly<Record<NumberType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  'uint8-128': 1,
  int8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
};

export interface NumberForm {
  readonly kind: 'numbers';
  readonly type: NumberType;
  readonly bigEndian?: boolean;
}

/** Eight dimensions a byte. */
export interface BitForm {
  readonly kind: 'bits';
}

/** Codes of a few bits a dimension: value = low + (code + 0.5) / steps * range, of each dimension or one for all. */
export interface ScalarForm {
  readonly kind: 'scalar';
  readonly bits: 4 | 6 | 8;
  /** float32: the low ends, then the ranges; one each, or one a dimension. */
  readonly trained: Extent;
}

/** Part m of a vector is entry code[m] of codebook m. Codes are packed from the lowest bit up. */
export interface ProductForm {
  readonly kind: 'product';
  readonly parts: number;
  readonly bits: number;
  /** float32: parts x 2^bits x (dim / parts). */
  readonly codebooks: Extent;
}

/** A vector is the sum of one entry of each codebook; of several groups each gives its own stretch of dimensions. */
export interface AdditiveForm {
  readonly kind: 'additive';
  readonly groups: readonly AdditiveGroup[];
}

export interface AdditiveGroup {
  /** Bits of the code of each codebook. */
  readonly bits: readonly number[];
  readonly dim: number;
  /** float32: entries of all codebooks one behind the other, `dim` values each. */
  readonly codebooks: Extent;
}

/** How the bytes of a stored row become numbers. */
export type StoredForm = NumberForm | BitForm | ScalarForm | ProductForm | AdditiveForm;

export const FLOAT32: StoredForm = { kind: 'numbers', type: 'float32' };
export const BITS: StoredForm = { kind: 'bits' };
