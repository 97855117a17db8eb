import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest } from '../../../src/snapshot/manifest.js';
import { type AvroSchema, manifestSchema } from '../../../src/snapshot/manifest-schema.js';
import type { SegmentManifest } from '../../../src/snapshot/types.js';

/** 64 bits, exact: what avsc leaves to its users. */
const long = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

function peerOf(version: number): avro.Type {
  return avro.Type.forSchema(manifestSchema(version) as avro.Schema, { registry: { long } });
}

const NUMBERS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  int: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  string: fc.string({ unit: 'grapheme', maxLength: 20 }),
  bytes: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
  boolean: fc.boolean(),
};

/** Any value of a schema. */
function anyOf(schema: AvroSchema, named = new Map<string, fc.Arbitrary<unknown>>()): fc.Arbitrary<unknown> {
  if (typeof schema === 'string') return NUMBERS[schema] ?? named.get(schema)!;
  if (schema.type === 'array') return fc.array(anyOf(schema.items, named), { maxLength: 3 });
  const fields = schema.fields.map(({ name, type }) => [name, anyOf(type, named)] as const);
  const record = fc.record(Object.fromEntries(fields));
  named.set(schema.name, record);
  return record;
}

/** Bytes as Uint8Array, whatever kind of buffer they came in. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Uint8Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}

describe.each([1, 2, 3, 4])('a manifest of version %d', (version) => {
  const peer = peerOf(version);
  const any = anyOf(manifestSchema(version)) as fc.Arbitrary<SegmentManifest>;

  it('that avsc has written is read, and written alike', () => {
    fc.assert(
      fc.property(any, (value) => {
        const bytes = peer.toBuffer(value);
        const decoded = decodeManifest(bytes, version, 'm.avro');
        expect(plain(decoded)).toMatchObject(plain(value) as object);
        expect(Buffer.from(encodeManifest(decoded, version)).equals(bytes)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });
});
