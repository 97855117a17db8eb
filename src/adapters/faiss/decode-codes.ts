import { type DecodeRows, numberDecoder } from './decode-numbers.js';
import type { SourceFile } from './source-file.js';
import type { AdditiveForm, ProductForm, ScalarForm, StoredForm } from './stored-form.js';
import { readFloats } from './tables.js';

const f32 = Math.fround;

/** Codes of a few bits: the tables of all values of each dimension are small, but a product is as fast as a look-up. */
async function scalarDecoder(form: ScalarForm, dim: number, file: SourceFile): Promise<DecodeRows> {
  const trained = await readFloats(file, 'the ranges of the scalar quantizer', form.trained);
  const uniform = trained.length === 2;
  const low = new Float32Array(dim);
  const range = new Float32Array(dim);
  for (let i = 0; i < dim; i++) {
    low[i] = trained[uniform ? 0 : i]!;
    range[i] = trained[uniform ? 1 : dim + i]!;
  }
  // Faiss divides in float32, too.
  const steps = 2 ** form.bits - 1;
  const value = (code: number, i: number): number => f32(low[i]! + f32(f32(f32(code + 0.5) / steps) * range[i]!));
  const width = Math.ceil((dim * form.bits) / 8);
  if (form.bits === 8) {
    return (codes, count, out) => {
      for (let row = 0, at = 0; row < count; row++) {
        for (let i = 0; i < dim; i++, at++) out[at] = value(codes[at]!, i);
      }
    };
  }
  if (form.bits === 4) {
    return (codes, count, out) => {
      for (let row = 0, at = 0; row < count; row++) {
        const from = row * width;
        for (let i = 0; i < dim; i++, at++) out[at] = value((codes[from + (i >> 1)]! >> ((i & 1) * 4)) & 15, i);
      }
    };
  }
  return (codes, count, out) => {
    for (let row = 0, at = 0; row < count; row++) {
      const from = row * width;
      for (let i = 0; i < dim; i++, at++) {
        const bit = i * 6;
        const byte = from + (bit >> 3);
        // The last value of a row may end with its last byte.
        const pair = codes[byte]! | ((bit & 7) > 2 ? codes[byte + 1]! << 8 : 0);
        out[at] = value((pair >> (bit & 7)) & 63, i);
      }
    }
  };
}

/** Reads `bits` bits (24 at most) from bit `bit` of the codes on, the lowest first. */
function bitsAt(codes: Uint8Array, bit: number, bits: number): number {
  let byte = Math.floor(bit / 8);
  const shift = bit - byte * 8;
  let value = codes[byte++]! >>> shift;
  for (let have = 8 - shift; have < bits; have += 8) value |= codes[byte++]! << have;
  return value & (2 ** bits - 1);
}

/** Copies entries of `width` values; a loop is faster than `set` for the few that a part of a vector has. */
function copyEntry(from: Float32Array, at: number, out: Float32Array, to: number, width: number): void {
  for (let i = 0; i < width; i++) out[to + i] = from[at + i]!;
}

async function productDecoder(form: ProductForm, dim: number, file: SourceFile): Promise<DecodeRows> {
  const { parts, bits } = form;
  const books = await readFloats(file, 'the centroids of the product quantizer', form.codebooks);
  const width = dim / parts;
  const entries = 2 ** bits;
  const codeBytes = Math.ceil((parts * bits) / 8);
  if (bits === 8) {
    return (codes, count, out) => {
      const all = count * parts;
      for (let code = 0, part = 0, to = 0; code < all; code++, to += width) {
        copyEntry(books, (part * 256 + codes[code]!) * width, out, to, width);
        if (++part === parts) part = 0;
      }
    };
  }
  return (codes, count, out) => {
    for (let row = 0, to = 0; row < count; row++) {
      const from = row * codeBytes * 8;
      for (let part = 0; part < parts; part++, to += width) {
        const code = bitsAt(codes, from + part * bits, bits);
        copyEntry(books, (part * entries + code) * width, out, to, width);
      }
    }
  };
}

async function additiveDecoder(
  form: AdditiveForm,
  dim: number,
  codeBytes: number,
  file: SourceFile,
): Promise<DecodeRows> {
  const groups: { bits: readonly number[]; dim: number; books: Float32Array }[] = [];
  for (const group of form.groups) {
    groups.push({
      ...group,
      books: await readFloats(file, 'the codebooks of the additive quantizer', group.codebooks),
    });
  }
  return (codes, count, out) => {
    for (let row = 0; row < count; row++) {
      let bit = row * codeBytes * 8;
      let to = row * dim;
      for (const { bits, books, dim: width } of groups) {
        let book = 0;
        for (let m = 0; m < bits.length; m++) {
          const entry = (book + bitsAt(codes, bit, bits[m]!)) * width;
          if (m === 0) copyEntry(books, entry, out, to, width);
          else for (let i = 0; i < width; i++) out[to + i] = out[to + i]! + books[entry + i]!;
          bit += bits[m]!;
          book += 2 ** bits[m]!;
        }
        to += width;
      }
    }
  };
}

/** The function that makes float32 of stored rows of `dim` dimensions. Reads the tables that it needs. Throws SRC_*. */
export async function rowDecoder(
  form: StoredForm,
  dim: number,
  codeBytes: number,
  file: SourceFile,
): Promise<DecodeRows> {
  switch (form.kind) {
    case 'numbers':
      return numberDecoder(form, dim);
    case 'scalar':
      return await scalarDecoder(form, dim, file);
    case 'product':
      return await productDecoder(form, dim, file);
    case 'additive':
      return await additiveDecoder(form, dim, codeBytes, file);
    case 'bits':
      // Bits are never numbers: whoever wants them takes the bytes.
      return (codes, _count, out) => out.set(codes);
  }
}
