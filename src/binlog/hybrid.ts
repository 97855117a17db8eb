import { OutOfBytes } from './source.js';

/** Bits of a value that still fit into 31 with a byte that they do not begin. */
const MOST_HELD = 24;

type Unpacked = Int32Array | Uint8Array;

/** Fills `out` with values of `width` bits, 1 to 24, from bit `bit` of the data on. */
function unpackBits(data: Uint8Array, bit: number, width: number, out: Unpacked): void {
  const mask = 2 ** width - 1;
  let next = (bit >> 3) + 1;
  let held = data[bit >> 3]! >> (bit & 7);
  let have = 8 - (bit & 7);
  for (let i = 0; i < out.length; i++) {
    for (; have < width; have += 8) held |= data[next++]! << have;
    out[i] = held & mask;
    held >>>= width;
    have -= width;
  }
}

/** Like {@link unpackBits}, of up to 31 bits. */
function unpackWide(data: Uint8Array, bit: number, width: number, out: Unpacked): void {
  for (let i = 0, first = bit; i < out.length; i++, first += width) {
    let next = first >> 3;
    let value = data[next]! >> (first & 7);
    for (let have = 8 - (first & 7); have < width; have += 8) value += data[++next]! * 2 ** have;
    out[i] = value % 2 ** width;
  }
}

/**
 * Parquet's hybrid of runs and bit-packed groups, as definition levels, dictionary indexes and booleans have it. Values come
 * in order, as many at a time as the caller asks for: the number that a header announces costs no memory.
 */
export class HybridReader {
  private readonly data: Uint8Array;
  private readonly width: number;
  private at: number;
  private readonly end: number;
  /** What is left of the current run, and its value; -1 = bit-packed. */
  private left = 0;
  private repeated = -1;
  /** Bit at which the next packed value begins, counted from `packedAt`. */
  private bit = 0;
  private packedAt = 0;

  /** @param width bits of a value, 0 to 31 */
  constructor(data: Uint8Array, width: number, at: number, end: number) {
    if (width > 31) throw new RangeError(`values of ${width} bits`);
    if (end > data.length) throw new OutOfBytes(`runs end at byte ${end} of ${data.length}`);
    this.data = data;
    this.width = width;
    this.at = at;
    this.end = end;
  }

  private header(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 5; i++) {
      if (this.at >= this.end) throw new OutOfBytes(`runs end at byte ${this.end}`);
      const b = this.data[this.at++]!;
      value += (b & 0x7f) * scale;
      if (b < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('the length of a run is longer than 5 bytes');
  }

  private nextRun(): void {
    const head = this.header();
    const size = Math.floor(head / 2);
    if (head % 2 === 1) {
      const bytes = size * this.width;
      // The last group may be cut where no values follow.
      this.left = size * 8;
      this.repeated = -1;
      this.bit = 0;
      this.packedAt = this.at;
      this.at = Math.min(this.end, this.at + bytes);
      if (this.width > 0) this.left = Math.min(this.left, Math.floor(((this.at - this.packedAt) * 8) / this.width));
      return;
    }
    const bytes = (this.width + 7) >> 3;
    if (this.at + bytes > this.end) throw new OutOfBytes(`runs end at byte ${this.end}`);
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + this.data[this.at + i]!;
    this.at += bytes;
    this.repeated = value;
    this.left = size;
  }

  private unpack(out: Unpacked): void {
    const { data, width } = this;
    const bit = this.packedAt * 8 + this.bit;
    if (width === 0) out.fill(0);
    else if (width <= MOST_HELD) unpackBits(data, bit, width, out);
    else unpackWide(data, bit, width, out);
    this.bit += width * out.length;
  }

  /** Writes the next `count` values to `out`, from `from` on. Throws OutOfBytes when there are not as many. */
  next(out: Unpacked, from: number, count: number): void {
    for (let done = 0; done < count; ) {
      while (this.left === 0) this.nextRun();
      const take = Math.min(this.left, count - done);
      if (this.repeated >= 0) out.fill(this.repeated, from + done, from + done + take);
      else this.unpack(out.subarray(from + done, from + done + take));
      this.left -= take;
      done += take;
    }
  }
}
