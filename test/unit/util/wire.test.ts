import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { delimitedSize, varint64Size, varintSize, WireReader, WireWriter } from '../../../src/util/wire.js';
import { int64 } from '../batch/support.js';

function halves(value: bigint): [number, number] {
  const unsigned = BigInt.asUintN(64, value);
  return [Number(unsigned & 0xffffffffn), Number(unsigned >> 32n)];
}

/** A varint as protobufjs writes it. */
function reference(value: bigint): Uint8Array {
  const [lo, hi] = halves(value);
  return protobuf.Writer.create()
    .uint64(new protobuf.util.LongBits(lo, hi).toLong(true) as never)
    .finish();
}

const sizes = fc.oneof(
  fc.constantFrom(0, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, 2 ** 53 - 1),
  fc.integer({ min: 0, max: 2 ** 53 - 1 }),
);

describe('writing', () => {
  it('varints of 64 bits, of the size foretold, as protobufjs writes them', () => {
    fc.assert(
      fc.property(int64(), (value) => {
        const [lo, hi] = halves(value);
        const out = new WireWriter(new Uint8Array(12).fill(0xee));
        out.varint64(lo, hi);
        expect(out.at).toBe(varint64Size(lo, hi));
        expect([...out.bytes.subarray(0, out.at)]).toStrictEqual([...reference(value)]);
      }),
      { numRuns: 500 },
    );
  });

  it('varints of every bit length', () => {
    for (let bit = 0n; bit < 64n; bit++) {
      for (const value of [2n ** bit - 1n, 2n ** bit]) {
        const [lo, hi] = halves(value);
        expect(varint64Size(lo, hi), `${value}`).toBe(reference(value).length);
      }
    }
  });

  it('varints of numbers', () => {
    fc.assert(
      fc.property(sizes, (value) => {
        const out = new WireWriter(new Uint8Array(12));
        out.varint(value);
        expect(out.at).toBe(varintSize(value));
        expect([...out.bytes.subarray(0, out.at)]).toStrictEqual([...reference(BigInt(value))]);
      }),
    );
  });

  it('fields with their length before', () => {
    const out = new WireWriter(new Uint8Array(delimitedSize(300)));
    out.text(15, new Uint8Array(300).fill(9));
    expect(out.at).toBe(out.bytes.length);
    expect([...out.bytes.subarray(0, 4)]).toStrictEqual([(15 << 3) | 2, 0xac, 0x02, 9]);
  });
});

describe('reading', () => {
  it('what was written, as number, as integer and as 32 bits', () => {
    fc.assert(
      fc.property(int64(), (value) => {
        const bytes = reference(value);
        expect(new WireReader(bytes).bigint()).toBe(value);
        expect(new WireReader(bytes).int32()).toBe(Number(BigInt.asIntN(32, value)));
        if (value >= 0n && value < 2n ** 53n) expect(new WireReader(bytes).number()).toBe(Number(value));
      }),
    );
  });

  it.each<[string, readonly number[], string]>([
    ['a varint without an end', [0x80, 0x80], 'inside a value'],
    ['a varint of 11 bytes', [...new Array<number>(10).fill(0xff), 1], 'longer than 10 bytes'],
    ['a length beyond the end', [0x0a, 5, 1], 'needs 5 bytes at byte 2, has 1'],
    ['a length near 2^64', [0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], 'needs'],
    ['a short fixed64', [0x09, 1, 2, 3], 'inside a value'],
    ['a short fixed32', [0x0d, 1], 'inside a value'],
    ['a group', [0x0b], 'unknown wire type 3'],
    ['wire type 7', [0x0f], 'unknown wire type 7'],
  ])('refuses %s', (_, bytes, message) => {
    const reader = new WireReader(Uint8Array.from(bytes));
    expect(() => {
      for (let f = reader.field(); f; f = reader.field()) reader.skip(f.type);
    }).toThrow(expect.objectContaining({ name: 'RangeError', message: expect.stringContaining(message) }));
  });

  it('keeps to the part of memory that is its own', () => {
    const outer = new WireReader(Uint8Array.of(0x0a, 2, 0x08, 0x80, 0x01));
    outer.field();
    const inner = outer.message();
    inner.field();
    expect(() => inner.bigint()).toThrow(RangeError);
    expect(outer.done).toBe(false);
  });

  it('text and views, of a message that is itself a view', () => {
    const memory = Uint8Array.from([9, 9, 0x0a, 3, 0xe6, 0x97, 0xa5, 0x12, 2, 7, 8, 9]);
    const reader = new WireReader(memory.subarray(2, 11));
    expect(reader.field()).toStrictEqual({ number: 1, type: 2 });
    expect(reader.string()).toBe('日');
    expect(reader.field()).toStrictEqual({ number: 2, type: 2 });
    expect([...reader.view()]).toStrictEqual([7, 8]);
    expect(reader.field()).toBeUndefined();
  });

  it('passes over every kind of field that it does not know', () => {
    const bytes = protobuf.Writer.create()
      .uint32(8)
      .int64(-1)
      .uint32(17)
      .fixed64(5)
      .uint32(26)
      .string('abc')
      .uint32(37)
      .fixed32(1)
      .uint32(40)
      .bool(true)
      .finish();
    const reader = new WireReader(bytes);
    const seen: number[] = [];
    for (let f = reader.field(); f; f = reader.field()) {
      seen.push(f.number);
      reader.skip(f.type);
    }
    expect(seen).toStrictEqual([1, 2, 3, 4, 5]);
  });
});
