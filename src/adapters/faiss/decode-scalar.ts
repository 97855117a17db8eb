import type { DecodeRows } from './decode-numbers.js';
import type { SourceFile } from './source-file.js';
import type { ScalarForm } from './stored-form.js';
import { readFloats } from './tables.js';

const f32 = Math.fround;

interface Ranges {
  readonly dim: number;
  readonly low: Float32Array;
  readonly range: Float32Array;
  /** (code + 0.5) / steps of every code, in float32 as Faiss divides. */
  readonly centers: Float32Array;
}

function decode8(codes: Uint8Array, count: number, out: Float32Array, { dim, low, range, centers }: Ranges): void {
  for (let row = 0, at = 0; row < count; row++) {
    for (let i = 0; i < dim; i++, at++) out[at] = low[i]! + f32(centers[codes[at]!]! * range[i]!);
  }
}

function decode4(codes: Uint8Array, count: number, out: Float32Array, { dim, low, range, centers }: Ranges): void {
  const width = Math.ceil(dim / 2);
  for (let row = 0, at = 0; row < count; row++) {
    const from = row * width;
    for (let i = 0; i < dim; i++, at++) {
      const code = (codes[from + (i >> 1)]! >> ((i & 1) * 4)) & 15;
      out[at] = low[i]! + f32(centers[code]! * range[i]!);
    }
  }
}

function decode6(codes: Uint8Array, count: number, out: Float32Array, { dim, low, range, centers }: Ranges): void {
  const width = Math.ceil((dim * 6) / 8);
  for (let row = 0, at = 0; row < count; row++) {
    const from = row * width;
    for (let i = 0; i < dim; i++, at++) {
      const bit = i * 6;
      const byte = from + (bit >> 3);
      // The last value of a row may end with its last byte.
      const pair = codes[byte]! | ((bit & 7) > 2 ? codes[byte + 1]! << 8 : 0);
      out[at] = low[i]! + f32(centers[(pair >> (bit & 7)) & 63]! * range[i]!);
    }
  }
}

/**
 * The decoder of codes of a few bits. Tables of all values of each dimension would be small, but a product is as fast as a
 * look-up. Reads the ranges. Throws SRC_*.
 */
export async function scalarDecoder(form: ScalarForm, dim: number, file: SourceFile): Promise<DecodeRows> {
  const trained = await readFloats(file, 'the ranges of the scalar quantizer', form.trained);
  const uniform = trained.length === 2;
  const low = new Float32Array(dim);
  const range = new Float32Array(dim);
  for (let i = 0; i < dim; i++) {
    low[i] = trained[uniform ? 0 : i]!;
    range[i] = trained[uniform ? 1 : dim + i]!;
  }
  const steps = 2 ** form.bits - 1;
  const centers = Float32Array.from({ length: 2 ** form.bits }, (_, code) => f32(code + 0.5) / steps);
  const ranges = { dim, low, range, centers };
  const decode = { 4: decode4, 6: decode6, 8: decode8 }[form.bits];
  return (codes, count, out) => decode(codes, count, out, ranges);
}
