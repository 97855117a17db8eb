import { OutOfBytes } from './source.js';

const DEEPEST = 16;

/** Types of the compact protocol. */
export const THRIFT = { true: 1, false: 2, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

/** Reads one field of a struct; `type` is its type of the compact protocol. */
export type FieldHandler = (reader: ThriftReader, type: number) => void;

/**
 * Thrift's compact protocol, as Parquet's footer and page headers use it
 * (apache/thrift doc/specs/thrift-compact-protocol.md). Throws OutOfBytes where the bytes end, RangeError for nonsense.
 */
export class ThriftReader {
  private readonly data: Uint8Array;
  at: number;
  private depth = 0;

  constructor(data: Uint8Array, at = 0) {
    this.data = data;
    this.at = at;
  }

  private byte(): number {
    const value = this.data[this.at];
    if (value === undefined) throw new OutOfBytes(`it ends at byte ${this.data.length}`);
    this.at++;
    return value;
  }

  private varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const b = this.byte();
      value += (b & 0x7f) * scale;
      if (b < 0x80) return value;
      scale *= 128;
    }
    throw new RangeError('a number is longer than 10 bytes');
  }

  /** A signed integer of any width; RangeError beyond 2^53, which no size or count reaches. */
  integer(): number {
    const raw = this.varint();
    if (raw > Number.MAX_SAFE_INTEGER) throw new RangeError(`the number ${raw} is too large`);
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }

  /** An integer that counts something. */
  count(): number {
    const value = this.integer();
    if (value < 0) throw new RangeError(`${value} is no count`);
    return value;
  }

  text(): string {
    const length = this.varint();
    if (length > this.data.length - this.at) throw new OutOfBytes(`it ends at byte ${this.data.length} inside a text`);
    this.at += length;
    return Buffer.from(this.data.buffer, this.data.byteOffset + this.at - length, length).toString('utf8');
  }

  /** Reads a list element by element. Every element takes at least a byte, which bounds the length. */
  list<T>(element: (reader: ThriftReader) => T): T[] {
    const head = this.byte();
    const size = head >> 4 === 15 ? this.varint() : head >> 4;
    if (size > this.data.length - this.at) throw new OutOfBytes(`a list of ${size} in ${this.data.length} bytes`);
    const out: T[] = [];
    for (let i = 0; i < size; i++) out.push(element(this));
    return out;
  }

  /** Reads a struct; fields without a handler are passed over. */
  struct(handlers: Readonly<Record<number, FieldHandler>>): void {
    if (++this.depth > DEEPEST) throw new RangeError('structs stand too deep in each other');
    let id = 0;
    for (let head = this.byte(); head !== 0; head = this.byte()) {
      id = head >> 4 === 0 ? this.integer() : id + (head >> 4);
      const type = head & 15;
      const handler = handlers[id];
      if (handler) handler(this, type);
      else this.skip(type);
    }
    this.depth--;
  }

  private skip(type: number): void {
    switch (type) {
      case THRIFT.true:
      case THRIFT.false:
        return;
      case 3:
        this.byte();
        return;
      case 4:
      case THRIFT.i32:
      case THRIFT.i64:
        this.varint();
        return;
      case 7:
        this.at += 8;
        return;
      case THRIFT.binary:
        this.text();
        return;
      case THRIFT.list:
      case 10:
        this.skipList();
        return;
      case 11:
        this.skipMap();
        return;
      case THRIFT.struct:
        this.struct({});
        return;
      default:
        throw new RangeError(`type ${type} does not exist`);
    }
  }

  /** Elements of a list: booleans take a byte there. */
  private skipElement(type: number): void {
    if (type === THRIFT.true || type === THRIFT.false) this.byte();
    else this.skip(type);
  }

  private skipList(): void {
    if (++this.depth > DEEPEST) throw new RangeError('lists stand too deep in each other');
    const type = this.data[this.at]! & 15;
    this.list((reader) => reader.skipElement(type));
    this.depth--;
  }

  private skipMap(): void {
    const size = this.varint();
    if (size === 0) return;
    const types = this.byte();
    if (size > this.data.length - this.at) throw new OutOfBytes(`a map of ${size} in ${this.data.length} bytes`);
    for (let i = 0; i < size; i++) {
      this.skipElement(types >> 4);
      this.skipElement(types & 15);
    }
  }
}
