import { type DecodeRows, numberDecoder } from './decode-numbers.js';
import { scalarDecoder } from './decode-scalar.js';
import type { SourceFile } from './source-file.js';
import type { AdditiveForm, ProductForm, StoredForm } from './stored-form.js';
import { readFloats } from './tables.js';

const f32 = Math.fround;

// Loops stand in functions that are given all that they use: what a closure holds is looked up anew for every value from the
// second reader of a process on.

/** Reads `bits` bits (24 at most) from bit `bit` of the codes on, the lowest first. */
function bitsAt(codes: Uint8Array, bit: number, bits: number): number {
  let byte = bit >> 3;
  const shift = bit & 7;
  let value = codes[byte++]! >>> shift;
  for (let have = 8 - shift; have < bits; have += 8) value |= codes[byte++]! << have;
  return value & (2 ** bits - 1);
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

interface Sums {
  /** Bits of the code of each book, and where the entries of each begin. */
  readonly bits: readonly number[];
  readonly starts: readonly number[];
  /** Values of an entry. */
  readonly width: number;
  readonly books: Float32Array;
  /** Where the entries of a row begin; used again for each. */
  readonly from: Int32Array;
}

function copyEntry(books: Float32Array, from: number, out: Float32Array, to: number, width: number): void {
  for (let i = 0; i < width; i++) out[to + i] = books[from + i]!;
}

function addEntry(books: Float32Array, from: number, out: Float32Array, to: number, width: number): void {
  for (let i = 0; i < width; i++) out[to + i] = out[to + i]! + books[from + i]!;
}

/** Three times {@link addEntry}, rounding as often, in half the time: sums stay in a register. */
function addThree(books: Float32Array, from: Int32Array, first: number, out: Float32Array, to: number, width: number) {
  const a = from[first]!;
  const b = from[first + 1]!;
  const c = from[first + 2]!;
  for (let i = 0; i < width; i++) out[to + i] = f32(f32(out[to + i]! + books[a + i]!) + books[b + i]!) + books[c + i]!;
}

/** Adds up one entry of each book, whose codes begin at bit `bit`, at `to` of `out`. Gives the bit behind the codes. */
function sumEntries(codes: Uint8Array, bit: number, out: Float32Array, to: number, sums: Sums): number {
  const { bits, starts, width, books, from } = sums;
  let at = bit;
  for (let book = 0; book < bits.length; book++) {
    from[book] = (starts[book]! + bitsAt(codes, at, bits[book]!)) * width;
    at += bits[book]!;
  }
  copyEntry(books, from[0]!, out, to, width);
  let book = 1;
  for (; book + 3 <= bits.length; book += 3) addThree(books, from, book, out, to, width);
  for (; book < bits.length; book++) addEntry(books, from[book]!, out, to, width);
  return at;
}

function decodeSums(
  codes: Uint8Array,
  count: number,
  out: Float32Array,
  rowBits: number,
  groups: readonly Sums[],
): void {
  for (let row = 0, to = 0; row < count; row++) {
    let bit = row * rowBits;
    for (let group = 0; group < groups.length; group++) {
      const sums = groups[group]!;
      bit = sumEntries(codes, bit, out, to, sums);
      to += sums.width;
    }
  }
}

async function additiveDecoder(form: AdditiveForm, codeBytes: number, file: SourceFile): Promise<DecodeRows> {
  const groups: Sums[] = [];
  for (const { bits, dim, codebooks } of form.groups) {
    let next = 0;
    const starts = bits.map((width) => {
      next += 2 ** width;
      return next - 2 ** width;
    });
    const books = await readFloats(file, 'the codebooks of the additive quantizer', codebooks);
    groups.push({ bits, starts, width: dim, books, from: new Int32Array(bits.length) });
  }
  return (codes, count, out) => decodeSums(codes, count, out, codeBytes * 8, groups);
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
      return await additiveDecoder(form, codeBytes, file);
    case 'bits':
      // Bits are never numbers: whoever wants them takes the bytes.
      return (codes, _count, out) => out.set(codes);
  }
}
