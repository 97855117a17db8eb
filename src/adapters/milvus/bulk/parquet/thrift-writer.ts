import { THRIFT } from '../../../../binlog/thrift.js';

const FIRST_BYTES = 1024;

/**
 * Writes Thrift's compact protocol, as Parquet's footer and page headers have it
 * (apache/thrift doc/specs/thrift-compact-protocol.md); fields in rising order of their ids.
 */
export class ThriftWriter {
  private bytes = new Uint8Array(FIRST_BYTES);
  private at = 0;
  /** The field written last of the struct at hand. */
  private last = 0;

  private room(count: number): void {
    if (this.at + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  private byte(value: number): void {
    this.room(1);
    this.bytes[this.at++] = value;
  }

  private varint(value: number): void {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte((rest % 128) | 128);
    this.byte(rest);
  }

  private field(id: number, type: number): void {
    this.byte(((id - this.last) << 4) | type);
    this.last = id;
  }

  private structOf(write: () => void): void {
    const outer = this.last;
    this.last = 0;
    write();
    this.byte(0);
    this.last = outer;
  }

  private utf8(value: string): void {
    const bytes = Buffer.from(value, 'utf8');
    this.varint(bytes.length);
    this.room(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  private listHead(id: number, type: number, size: number): void {
    this.field(id, THRIFT.list);
    this.byte((Math.min(size, 15) << 4) | type);
    if (size >= 15) this.varint(size);
  }

  /** A number that is not negative, below 2^31. */
  i32(id: number, value: number): void {
    this.field(id, THRIFT.i32);
    this.varint(value * 2);
  }

  /** A number that is not negative, below 2^52. */
  i64(id: number, value: number): void {
    this.field(id, THRIFT.i64);
    this.varint(value * 2);
  }

  text(id: number, value: string): void {
    this.field(id, THRIFT.binary);
    this.utf8(value);
  }

  struct(id: number, write: () => void): void {
    this.field(id, THRIFT.struct);
    this.structOf(write);
  }

  structs<T>(id: number, items: readonly T[], write: (item: T) => void): void {
    this.listHead(id, THRIFT.struct, items.length);
    for (const item of items) this.structOf(() => write(item));
  }

  texts(id: number, items: readonly string[]): void {
    this.listHead(id, THRIFT.binary, items.length);
    for (const item of items) this.utf8(item);
  }

  numbers(id: number, items: readonly number[]): void {
    this.listHead(id, THRIFT.i32, items.length);
    for (const item of items) this.varint(item * 2);
  }

  /** Ends the struct that everything was written into. */
  finish(): Uint8Array {
    this.byte(0);
    return this.bytes.subarray(0, this.at);
  }
}
