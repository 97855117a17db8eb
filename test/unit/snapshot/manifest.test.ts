import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import { decodeManifest, encodeManifest, LARGEST_MANIFEST } from '../../../src/snapshot/manifest.js';
import { manifestSchema } from '../../../src/snapshot/manifest-schema.js';
import type { SegmentManifest } from '../../../src/snapshot/types.js';
import { damage, numbers } from '../../support/binlog-fuzz.js';
import { BARE, fullManifest, LARGE, LEAST, log, logs, MOST } from './support.js';

const VERSIONS = [1, 2, 3, 4];
const ROUNDS = Number(process.env.MILVUSDM_FUZZ_ROUNDS ?? 400);
const LONG = avro.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer(value: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => Number(a - b),
});

/** Another implementation of Avro. */
function other(version: number): avro.Type {
  return avro.Type.forSchema(manifestSchema(version) as avro.Schema, { registry: { long: LONG } });
}

/** As avsc takes and gives it: Buffers, and no fields that the version does not have. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? Buffer.from(value)
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === 'object' && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]))
        : value;

describe.each(VERSIONS)('manifests of version %i', (version) => {
  it('come back as they were', () => {
    for (const manifest of [BARE, fullManifest(version)]) {
      expect(decodeManifest(encodeManifest(manifest, version), version, 'm')).toStrictEqual(manifest);
    }
  });

  it('are the bytes that another implementation of Avro writes and reads', () => {
    const manifest = fullManifest(version);
    const bytes = Buffer.from(encodeManifest(manifest, version));
    expect(other(version).toBuffer(plain(manifest))).toStrictEqual(bytes);
    const read = other(version).fromBuffer(bytes) as SegmentManifest;
    expect(read.segment_id).toBe(LARGE);
    expect(read.num_of_rows).toBe(MOST);
    expect(read.dml_position.timestamp).toBe(LEAST);
    expect(read.binlog_files[0]!.binlogs[1]!.log_id).toBe(LARGE);
  });

  it('cut anywhere are told as damaged', () => {
    const bytes = encodeManifest(fullManifest(version), version);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeManifest(bytes.slice(0, length), version, 'm')).toThrow(
        expect.objectContaining({ code: 'SRC_CORRUPT', message: expect.stringMatching(/ends too early/) }),
      );
    }
  });

  it('damaged anyhow end in an error of their kind, or in a manifest', () => {
    const bytes = encodeManifest(fullManifest(version), version);
    const next = numbers(version);
    let refused = 0;
    for (let round = 0; round < ROUNDS; round++) {
      try {
        decodeManifest(damage(bytes, next), version, 'm');
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'SRC_CORRUPT' });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(ROUNDS / 4);
  });
});

/** Zigzag varint. */
function long(value: bigint): number[] {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  return [...out, Number(rest)];
}

/** A manifest up to its first list, and what comes there. */
function withList(...list: readonly number[]): Uint8Array {
  const bytes = encodeManifest(BARE, 4);
  // Seven empty lists, each one byte.
  return Uint8Array.from([...bytes.subarray(0, bytes.length - 7), ...list]);
}

describe('a manifest', () => {
  it('may have lists in blocks that say their size, as Go writes them', () => {
    const whole = encodeManifest({ ...BARE, binlog_files: [logs(100n, log(1n, 'a'))] }, 4);
    const item = [...whole.subarray(encodeManifest(BARE, 4).length - 7 + 1, whole.length - 7)];
    const bytes = withList(...long(-1n), ...long(BigInt(item.length)), ...item, 0, 0, 0, 0, 0, 0, 0);
    expect(decodeManifest(bytes, 4, 'm').binlog_files).toStrictEqual([logs(100n, log(1n, 'a'))]);
  });

  it.each<[string, Uint8Array, RegExp]>([
    ['claims more entries than are read', withList(...long(1n << 40n)), /claims 1099511627776 entries/],
    ['claims as many as there are integers', withList(...long(LEAST), 0), /claims \d+ entries/],
    ['has an integer of eleven bytes', withList(...new Array(11).fill(255), 1), /more than 10 bytes/],
    ['has an integer of 65 bits', withList(...new Array(9).fill(255), 2), /more than 64 bits/],
    ['has more behind its end', Uint8Array.from([...encodeManifest(BARE, 4), 0]), /1 bytes behind its end/],
    ['is of another version', encodeManifest(fullManifest(4), 3), /./],
  ])('that %s is refused', (_, bytes, message) => {
    expect(() => decodeManifest(bytes, 4, 'm')).toThrow(
      expect.objectContaining({ code: 'SRC_CORRUPT', message: expect.stringMatching(message) }),
    );
  });

  it('of a million empty entries takes bounded memory', () => {
    // Two bytes each: a key and a value of no length, a thousand times the objects that any manifest has.
    const entries = (1 << 20) + 1;
    const bytes = withList(0, 0, 0, 0, ...long(1n), ...new Array(4).fill(0), 0, ...long(BigInt(entries)));
    const before = process.memoryUsage().heapUsed;
    expect(() => decodeManifest(Buffer.concat([bytes, Buffer.alloc(entries * 2)]), 4, 'm')).toThrow(/claims/);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 << 20);
  });

  it('is not read where it is too long, or of a version that is not known', () => {
    expect(() => decodeManifest(new Uint8Array(LARGEST_MANIFEST + 1), 4, 'm')).toThrow(
      expect.objectContaining({ code: 'SRC_UNSUPPORTED' }),
    );
    for (const version of [0, 5, 1.5]) {
      expect(() => decodeManifest(encodeManifest(BARE, 4), version, 'm')).toThrow(
        expect.objectContaining({ code: 'SRC_UNSUPPORTED' }),
      );
    }
  });

  it('is not written with numbers that do not fit', () => {
    expect(() => encodeManifest({ ...BARE, segment_id: MOST + 1n }, 4)).toThrow(RangeError);
    const [file] = fullManifest(4).index_files;
    const index_files = [{ ...file!, current_index_version: 2 ** 31 }];
    expect(() => encodeManifest({ ...BARE, index_files }, 4)).toThrow(RangeError);
  });

  it('longer than the first buffer is written whole', () => {
    const many = Array.from({ length: 500 }, (_, i) => log(BigInt(i), `files/insert_log/${'x'.repeat(i)}`));
    const manifest = { ...BARE, binlog_files: [logs(100n, ...many)] };
    expect(decodeManifest(encodeManifest(manifest, 4), 4, 'm')).toStrictEqual(manifest);
  });
});
