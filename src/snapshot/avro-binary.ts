/** Thrown for bytes that are no datum of their schema; says what it has, as in "ends too early". */
export class DatumError extends Error {
  override readonly name = 'DatumError';
}

const LONG_BYTES = 10;
const INT_BYTES = 5;
const FIRST_BYTES = 4096;

/** A 64-bit integer by its halves, the low one first: shifting BigInts costs ten times as much. */
const whole = new BigInt64Array(1);
const halves = new Uint32Array(whole.buffer);

/**
 * The values read last, by their zigzag halves. Most of a manifest's numbers come again (rows and timestamps of a segment stand at
 * each of its fields), and to collect the copies took as long as to read them.
 */
const SHARED = 256;
const sharedLow = new Int32Array(SHARED);
const sharedHigh = new Int32Array(SHARED);
const shared: bigint[] = Array.from({ length: SHARED }, () => 0n);

/** The primitives of Avro's binary encoding. Nothing is read or believed that the bytes do not hold. */
export class AvroReader {
  private readonly data: Buffer;
  private readonly mostItems: number;
  private at = 0;
  private items = 0;

  /** @param mostItems entries of all arrays together: one takes a byte here, and a hundred in memory */
  constructor(bytes: Uint8Array, mostItems: number) {
    this.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.mostItems = mostItems;
  }

  /** Puts a varint of at most `most` bytes into the halves, as it stands. */
  private varint(most: number): void {
    const { data } = this;
    const start = this.at;
    let low = 0;
    let high = 0;
    for (let i = 0; ; i++) {
      const byte = data[start + i];
      if (byte === undefined) throw new DatumError(`ends too early, in an integer at ${start}`);
      const bits = byte & 127;
      if (i < 4) low |= bits << (7 * i);
      else if (i === 4) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (7 * i - 32);
      if (byte >= 128) {
        if (i + 1 < most) continue;
        throw new DatumError(`has an integer of more than ${most} bytes at ${start}`);
      }
      if ((i === 9 && bits > 1) || (most === INT_BYTES && i === 4 && bits > 15)) {
        throw new DatumError(`has an integer of more than ${most === INT_BYTES ? 32 : 64} bits at ${start}`);
      }
      this.at = start + i + 1;
      halves[0] = low;
      halves[1] = high;
      return;
    }
  }

  long(): bigint {
    this.varint(LONG_BYTES);
    const low = halves[0]! | 0;
    const high = halves[1]! | 0;
    const place = (low ^ (low >>> 8) ^ high) & (SHARED - 1);
    if (sharedLow[place] === low && sharedHigh[place] === high) return shared[place]!;
    const sign = -(low & 1);
    halves[0] = ((low >>> 1) | (high << 31)) ^ sign;
    halves[1] = (high >>> 1) ^ sign;
    sharedLow[place] = low;
    sharedHigh[place] = high;
    shared[place] = whole[0]!;
    return shared[place];
  }

  int(): number {
    this.varint(INT_BYTES);
    const low = halves[0]!;
    return (low >>> 1) ^ -(low & 1);
  }

  /** A length or a count. Beyond 2^53 it is rounded, and by far too large. */
  private size(): number {
    this.varint(LONG_BYTES);
    const [low, high] = [halves[0]!, halves[1]!];
    const half = high * 2 ** 31 + (low >>> 1);
    return low & 1 ? -half - 1 : half;
  }

  private take(): number {
    const at = this.at;
    const length = this.size();
    const left = this.data.length - this.at;
    if (length < 0) throw new DatumError(`has the length ${length} at ${at}`);
    if (length > left) throw new DatumError(`ends too early: need ${length} bytes at ${at}, have ${left}`);
    const start = this.at;
    this.at += length;
    return start;
  }

  text(): string {
    const start = this.take();
    return this.data.toString('utf8', start, this.at);
  }

  /** A copy. */
  bytes(): Uint8Array {
    const start = this.take();
    return new Uint8Array(this.data.subarray(start, this.at));
  }

  boolean(): boolean {
    const value = this.data[this.at];
    if (value === undefined) throw new DatumError('ends too early');
    if (value > 1) throw new DatumError(`has ${value} as a truth value at ${this.at}`);
    this.at++;
    return value === 1;
  }

  /** How many items the next block of an array has; 0 behind the last one. */
  block(): number {
    const at = this.at;
    let count = this.size();
    if (count < 0) {
      count = -count;
      // Bytes of the block, for those who pass over it.
      this.size();
    }
    this.items += count;
    if (this.items > this.mostItems)
      throw new DatumError(`claims ${this.items} entries at ${at}, at most ${this.mostItems} are read`);
    return count;
  }

  end(): void {
    const left = this.data.length - this.at;
    if (left > 0) throw new DatumError(`has ${left} bytes behind its end`);
  }
}

/** Writes what {@link AvroReader} reads. */
export class AvroWriter {
  private data = Buffer.allocUnsafe(FIRST_BYTES);
  private at = 0;

  private room(bytes: number): void {
    if (this.at + bytes <= this.data.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.data.length * 2, this.at + bytes));
    this.data.copy(larger, 0, 0, this.at);
    this.data = larger;
  }

  /** The zigzag form of an integer by its halves. */
  private zigzag(low: number, high: number): void {
    this.room(LONG_BYTES);
    const sign = high >> 31;
    let rest = ((low << 1) ^ sign) >>> 0;
    let above = (((high << 1) | (low >>> 31)) ^ sign) >>> 0;
    while (above > 0) {
      this.data[this.at++] = (rest & 127) | 128;
      rest = ((rest >>> 7) | (above << 25)) >>> 0;
      above >>>= 7;
    }
    for (; rest > 127; rest >>>= 7) this.data[this.at++] = (rest & 127) | 128;
    this.data[this.at++] = rest;
  }

  long(value: bigint): void {
    whole[0] = value;
    if (whole[0] !== value) throw new RangeError(`${value} takes more than 64 bits`);
    this.zigzag(halves[0]!, halves[1]!);
  }

  int(value: number): void {
    if ((value | 0) !== value) throw new RangeError(`${value} is no integer of 32 bits`);
    this.zigzag(value, value >> 31);
  }

  text(value: string): void {
    const length = Buffer.byteLength(value);
    this.int(length);
    this.room(length);
    this.at += this.data.write(value, this.at);
  }

  bytes(value: Uint8Array): void {
    this.int(value.length);
    this.room(value.length);
    this.data.set(value, this.at);
    this.at += value.length;
  }

  boolean(value: boolean): void {
    this.room(1);
    this.data[this.at++] = value ? 1 : 0;
  }

  finish(): Uint8Array {
    return new Uint8Array(this.data.subarray(0, this.at));
  }
}
