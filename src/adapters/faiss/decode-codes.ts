import { type DecodeRows, numberDecoder } from './decode-numbers.js';
import type { SourceFile } from './source-file.js';
import type { AdditiveForm, ProductForm, ScalarForm, StoredForm } from './stored-form.js';
import { readFloats } from './tables.js';

const f32 = Math.fround;

// Loops stand in functions that are given all that they use: what a closure holds is looked up anew for every value from the
// second reader of a process on.

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
  const steps = 2 ** form.bits - 1;
  const centers = Float32Array.from({ length: 2 ** form.bits }, (_, code) => f32(code + 0.5) / steps);
  const ranges = { dim, low, range, centers };
  const decode = { 4: decode4, 6: decode6, 8: decode8 }[form.bits];
  return (codes, count, out) => decode(codes, count, out, ranges);
}

/** Reads `bits` bits (24 at most) from bit `bit` of the codes on, the lowest first. */
function bitsAt(codes: Uint8Array, bit: number, bits: number): number {
  let byte = bit >> 3;
  const shift = bit & 7;
  let value = codes[byte++]! >>> shift;
  for (let have = 8 - shift; have < bits; have += 8) value |= codes[byte++]! << have;
  return value & (2 ** bits - 1);
}

/** Copies entries of `width` values; a loop is faster than `set` for the few that a part of a vector has. */
function copyEntry(from: Float32Array, at: number, out: Float32Array, to: number, width: number): void {
  for (let i = 0; i < width; i++) out[to + i] = from[at + i]!;
}

interface Books {
  readonly parts: number;
  /** Of one book. */
  readonly entries: number;
  /** Values of an entry. */
  readonly width: number;
  /** Bits of the values, which are faster copied than numbers. */
  readonly words: Uint32Array;
}

/** Copies the entries that the codes of `count` rows name, four values at a time. */
function copyEntries(codes: Uint8Array | Int32Array, count: number, out: Uint32Array, books: Books): void {
  const { parts, entries, width, words } = books;
  const all = count * parts;
  const whole = width - (width % 4);
  for (let code = 0, part = 0, to = 0; code < all; code++) {
    let from = (part * entries + codes[code]!) * width;
    const end = to + width;
    for (const stop = to + whole; to < stop; to += 4, from += 4) {
      out[to] = words[from]!;
      out[to + 1] = words[from + 1]!;
      out[to + 2] = words[from + 2]!;
      out[to + 3] = words[from + 3]!;
    }
    for (; to < end; to++, from++) out[to] = words[from]!;
    if (++part === parts) part = 0;
  }
}

/** Takes codes of `bits` bits (24 at most) apart, the lowest bits first; each row of `parts` codes begins with a byte. */
function unpack(codes: Uint8Array, count: number, parts: number, bits: number, out: Int32Array): void {
  const rowBytes = Math.ceil((parts * bits) / 8);
  const mask = 2 ** bits - 1;
  for (let row = 0, to = 0; row < count; row++) {
    let at = row * rowBytes;
    let held = 0;
    let have = 0;
    for (let part = 0; part < parts; part++, to++) {
      for (; have < bits; have += 8) held |= codes[at++]! << have;
      out[to] = held & mask;
      held >>>= bits;
      have -= bits;
    }
  }
}

async function productDecoder(form: ProductForm, dim: number, file: SourceFile): Promise<DecodeRows> {
  const { parts, bits } = form;
  const floats = await readFloats(file, 'the centroids of the product quantizer', form.codebooks);
  const books = { parts, entries: 2 ** bits, width: dim / parts, words: new Uint32Array(floats.buffer) };
  let apart = new Int32Array(0);
  return (codes, count, out) => {
    const to = new Uint32Array(out.buffer, out.byteOffset, count * dim);
    if (bits === 8) return copyEntries(codes, count, to, books);
    if (apart.length < count * parts) apart = new Int32Array(count * parts);
    unpack(codes, count, parts, bits, apart);
    copyEntries(apart, count, to, books);
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
