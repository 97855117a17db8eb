import type { RecordBatch, Schema } from 'apache-arrow';
import { createRowBytes, type KeyKind } from './row-bytes.js';
import { rowHash } from './row-hash.js';

/**
 * Content digest of a set of rows, independent of their order. A row is hashed as: key (int64 little-endian, or UTF-8
 * with a 4-byte length before), then every other field in the given order: vectors and fixed-size values as their bytes
 * (-0 as 0 in scalar floats), text with a 4-byte length before, JSON in canonical form, arrays element by element with their
 * length, null as one byte 0. Two xxh64 with seeds 0 and 1; the digest is the sum of
 * all row hashes, each half modulo 2^64, kept per bucket (the key's low byte) so that differing keys can be found.
 */
export interface Digest {
  /** 32 hexadecimal digits: the sum with seed 0, then with seed 1. */
  readonly hex: string;
  readonly rows: number;
  /** 256 pairs of sums. */
  readonly buckets: BigUint64Array;
  /** Rows of each bucket. */
  readonly counts: Float64Array;
}

export const BUCKETS = 256;

export type Hash = (bytes: Uint8Array, seed: bigint) => bigint;

let loaded: Promise<Hash> | undefined;

/** The WASM hash, compiled once per process. */
export function xxh64(): Promise<Hash> {
  loaded ??= import('xxhash-wasm').then(async (module) => (await module.default()).h64Raw);
  return loaded;
}

/** Bucket of a row: the low byte of its key, the first one of a text; 0 without a key. */
export function bucketOf(row: Uint8Array, key: KeyKind): number {
  if (key === 'int64') return row[0]!;
  const empty = key === 'none' || (row[0]! | row[1]! | row[2]! | row[3]!) === 0;
  return empty ? 0 : row[4]!;
}

export interface Digester {
  /** Adds rows [from, to) of a batch; all rows where the range is absent. */
  add(batch: RecordBatch, from?: number, to?: number): void;
  result(): Digest;
}

/**
 * Makes a digester for batches of this schema. Without a key field the rows have no id and go to bucket 0.
 * @param order names of the fields after the key; schema order where absent. Throws INTERNAL for a name that is none
 */
export async function createDigester(schema: Schema, order?: readonly string[]): Promise<Digester> {
  const hash = await xxh64();
  const rowBytes = createRowBytes(schema, order);
  const sums = new BigUint64Array(BUCKETS * 2);
  const counts = new Float64Array(BUCKETS);
  const rows = rowHash();
  const add = (row: Uint8Array, bucket: number): void => {
    counts[bucket]!++;
    if (rows.add(row, bucket)) return;
    sums[bucket * 2] = BigInt.asUintN(64, sums[bucket * 2]! + hash(row, 0n));
    sums[bucket * 2 + 1] = BigInt.asUintN(64, sums[bucket * 2 + 1]! + hash(row, 1n));
  };
  const { key } = rowBytes;
  return {
    add(batch, from = 0, to = batch.numRows) {
      const columns = rowBytes.columns(batch);
      const keys = key === 'int64' ? columns?.[0]?.bytes : undefined;
      const bucket = (row: number): number => {
        const found = keys ? keys[row * 8]! : 0;
        counts[found]!++;
        return found;
      };
      try {
        if (columns && rows.addColumns(columns, from, to, bucket)) return;
        const rowOf = rowBytes.of(batch);
        for (let row = from; row < to; row++) {
          const bytes = rowOf(row);
          add(bytes, bucketOf(bytes, key));
        }
      } finally {
        // Also behind a row that cannot be taken: the sums are those of all digesters.
        rows.take(sums);
      }
    },
    result: () => digestOf(sums.slice(), counts.slice()),
  };
}

/** Digest of two sets together. Undefined is the empty set. */
export function sumDigests(a: string | undefined, b: string): string {
  if (a === undefined) return b;
  const half = (at: number): string =>
    BigInt.asUintN(64, BigInt(`0x${a.slice(at, at + 16)}`) + BigInt(`0x${b.slice(at, at + 16)}`))
      .toString(16)
      .padStart(16, '0');
  return half(0) + half(16);
}

function digestOf(buckets: BigUint64Array, counts: Float64Array): Digest {
  return { hex: total(buckets), rows: counts.reduce((sum, n) => sum + n, 0), buckets, counts };
}

/** Digest of all the rows together; that of no rows where there are none. */
export function combineDigests(digests: Iterable<Digest>): Digest {
  const buckets = new BigUint64Array(BUCKETS * 2);
  const counts = new Float64Array(BUCKETS);
  for (const digest of digests) {
    for (const [i, sum] of digest.buckets.entries()) buckets[i] = BigInt.asUintN(64, buckets[i]! + sum);
    for (const [i, rows] of digest.counts.entries()) counts[i]! += rows;
  }
  return digestOf(buckets, counts);
}

function total(sums: BigUint64Array): string {
  let a = 0n;
  let b = 0n;
  for (let i = 0; i < sums.length; i += 2) {
    a += sums[i]!;
    b += sums[i + 1]!;
  }
  const hex = (x: bigint): string => BigInt.asUintN(64, x).toString(16).padStart(16, '0');
  return hex(a) + hex(b);
}
