/**
 * The protobuf wire format, as far as the data messages of Milvus need it. Writing goes into a buffer of known size;
 * 64-bit integers travel as two 32-bit halves, because a BigInt per value would cost ten times as much.
 */

/** Bytes of a varint of an unsigned number below 2^53. */
export function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** Bytes of the varint of a 64-bit value given as unsigned halves. */
export function varint64Size(lo: number, hi: number): number {
  if (hi === 0) {
    if (lo < 0x80) return 1;
    if (lo < 0x4000) return 2;
    if (lo < 0x200000) return 3;
    return lo < 0x10000000 ? 4 : 5;
  }
  if (hi < 0x8) return 5;
  if (hi < 0x400) return 6;
  if (hi < 0x20000) return 7;
  if (hi < 0x1000000) return 8;
  return hi < 0x80000000 ? 9 : 10;
}

/** Bytes of a length-delimited field: tag, length and `length` bytes. Field numbers below 16 only. */
export function delimitedSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** Writes one message into `bytes`, front to back. The caller has computed the size. */
export class WireWriter {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.bytes[this.at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    this.bytes[this.at++] = rest;
  }

  varint64(lo: number, hi: number): void {
    const { bytes } = this;
    let at = this.at;
    let l = lo;
    let h = hi;
    while (h !== 0 || l >= 0x80) {
      bytes[at++] = (l & 0x7f) | 0x80;
      l = ((l >>> 7) | (h << 25)) >>> 0;
      h >>>= 7;
    }
    bytes[at++] = l;
    this.at = at;
  }

  /** Tag of a varint field. */
  tagVarint(field: number): void {
    this.bytes[this.at++] = field << 3;
  }

  /** Tag and length of a length-delimited field, whose `length` bytes the caller writes next. */
  open(field: number, length: number): void {
    this.bytes[this.at++] = (field << 3) | 2;
    this.varint(length);
  }

  raw(source: Uint8Array): void {
    this.bytes.set(source, this.at);
    this.at += source.length;
  }

  text(field: number, value: Uint8Array): void {
    this.open(field, value.length);
    this.raw(value);
  }
}

/** Reads a message; every length is checked against the bytes there are. */
export class WireReader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  /** Halves of the value that {@link varint64} read last. */
  lo = 0;
  hi = 0;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  private byte(): number {
    if (this.at >= this.end) throw new RangeError(`message ends at byte ${this.end} inside a value`);
    return this.bytes[this.at++]!;
  }

  /** Reads a varint into `lo` and `hi`. */
  varint64(): void {
    let lo = 0;
    let hi = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const b = this.byte();
      const bits = b & 0x7f;
      if (shift < 28) lo |= bits << shift;
      else if (shift === 28) {
        lo |= bits << 28;
        hi = bits >>> 4;
      } else hi |= bits << (shift - 32);
      if (b < 0x80) {
        this.lo = lo >>> 0;
        this.hi = hi >>> 0;
        return;
      }
    }
    throw new RangeError('a varint is longer than 10 bytes');
  }

  /** A varint as a number; exact below 2^53. */
  number(): number {
    this.varint64();
    return this.hi * 0x100000000 + this.lo;
  }

  /** A varint as a signed 64-bit integer. */
  bigint(): bigint {
    this.varint64();
    return BigInt.asIntN(64, (BigInt(this.hi) << 32n) | BigInt(this.lo));
  }

  /** A varint as a signed 32-bit integer (int32 and enums are sign-extended to 64 bits on the wire). */
  int32(): number {
    this.varint64();
    return this.lo | 0;
  }

  /** A length-delimited value as a reader of its own over the same memory. */
  message(): WireReader {
    const length = this.number();
    const start = this.at;
    if (length > this.end - start) {
      throw new RangeError(`message needs ${length} bytes at byte ${start}, has ${this.end - start}`);
    }
    this.at = start + length;
    return new WireReader(this.bytes, start, start + length);
  }

  /** A length-delimited value; shares memory. */
  view(): Uint8Array {
    const part = this.message();
    return this.bytes.subarray(part.at, part.end);
  }

  string(): string {
    const part = this.message();
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + part.at, part.end - part.at).toString('utf8');
  }

  /** The next field as (number, wire type), or undefined at the end. */
  field(): { number: number; type: number } | undefined {
    if (this.done) return undefined;
    const tag = this.number();
    return { number: Math.floor(tag / 8), type: tag % 8 };
  }

  /** Passes over a value of the given wire type. */
  skip(type: number): void {
    if (type === 0) this.varint64();
    else if (type === 1) this.at += 8;
    else if (type === 2) this.message();
    else if (type === 5) this.at += 4;
    else throw new RangeError(`unknown wire type ${type}`);
    if (this.at > this.end) throw new RangeError('message ends inside a value');
  }
}
