import type { RecordBatch, Schema } from 'apache-arrow';
import { isText, keyIndex, type RawColumn, rawColumn, type TextColumn } from './columns.js';
import { fromArrowField } from './fields.js';

/**
 * Content digest of a set of rows, independent of their order. A row is hashed as: key (int64 little-endian, or UTF-8
 * with a 4-byte length before), then every other field in the given order: vectors and fixed-size values as their bytes
 * (-0 as 0 in scalar floats), text with a 4-byte length before. Two xxh64 with seeds 0 and 1; the digest is the sum of
 * all row hashes, each half modulo 2^64, kept per bucket (the key's low byte) so that differing keys can be found.
 */
export interface Digest {
  /** 32 hexadecimal digits: the sum with seed 0, then with seed 1. */
  readonly hex: string;
  readonly rows: number;
  /** 256 pairs of sums. */
  readonly buckets: BigUint64Array;
}

export const BUCKETS = 256;

type Hash = (bytes: Uint8Array, seed: bigint) => bigint;

let loaded: Promise<Hash> | undefined;

/** The WASM hash, compiled once per process. */
function xxh64(): Promise<Hash> {
  loaded ??= import('xxhash-wasm').then(async (module) => (await module.default()).h64Raw);
  return loaded;
}

/** Copies one field of a row into the scratch buffer and gives its new length. */
type FieldCopy = (row: number, at: number) => number;

/** Grows on demand; all field copies of a digester write here. */
interface Scratch {
  bytes: Uint8Array;
  view: DataView;
}

function ensure(scratch: Scratch, need: number): void {
  if (scratch.bytes.length >= need) return;
  const grown = new Uint8Array(Math.max(need, scratch.bytes.length * 2));
  grown.set(scratch.bytes);
  scratch.bytes = grown;
  scratch.view = new DataView(grown.buffer);
}

function textCopy(text: TextColumn, scratch: Scratch): FieldCopy {
  return (row, at) => {
    const from = text.offsets[row]!;
    const to = text.offsets[row + 1]!;
    ensure(scratch, at + 4 + to - from);
    scratch.view.setUint32(at, to - from, true);
    scratch.bytes.set(text.bytes.subarray(from, to), at + 4);
    return at + 4 + to - from;
  };
}

function fixedCopy(column: RawColumn, scratch: Scratch): FieldCopy {
  const values = column.values as Exclude<RawColumn['values'], TextColumn>;
  const size = values.BYTES_PER_ELEMENT * column.width;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, column.rows * size);
  const scalarFloat = column.width === 1 && !fromArrowField(column.field).type.endsWith('VECTOR');
  const float = scalarFloat && (values instanceof Float32Array || values instanceof Float64Array) ? values : undefined;
  return (row, at) => {
    ensure(scratch, at + size);
    if (float && float[row] === 0) scratch.bytes.fill(0, at, at + size);
    else scratch.bytes.set(bytes.subarray(row * size, (row + 1) * size), at);
    return at + size;
  };
}

export interface Digester {
  /** Adds rows [from, to) of a batch; all rows where the range is absent. */
  add(batch: RecordBatch, from?: number, to?: number): void;
  result(): Digest;
}

/**
 * Makes a digester for batches of this schema. Without a key field the rows have no id and go to bucket 0.
 * @param order names of the fields after the key; schema order where absent
 */
export async function createDigester(schema: Schema, order?: readonly string[]): Promise<Digester> {
  const hash = await xxh64();
  const key = keyIndex(schema);
  const rest = order
    ? order.map((name) => schema.fields.findIndex((f) => f.name === name))
    : schema.fields.map((_, i) => i).filter((i) => i !== key);
  const scratch: Scratch = { bytes: new Uint8Array(4096), view: new DataView(new ArrayBuffer(0)) };
  scratch.view = new DataView(scratch.bytes.buffer);
  const sums = new BigUint64Array(BUCKETS * 2);
  let rows = 0;
  return {
    add(batch, from = 0, to = batch.numRows) {
      const indexes = key < 0 ? rest : [key, ...rest];
      const copies = indexes.map((i) => {
        const column = rawColumn(batch, i);
        return isText(column.values) ? textCopy(column.values, scratch) : fixedCopy(column, scratch);
      });
      const textKey = key >= 0 && isText(rawColumn(batch, key).values);
      for (let row = from; row < to; row++) {
        let at = 0;
        for (const copy of copies) at = copy(row, at);
        const bytes = scratch.bytes.subarray(0, at);
        const bucket = (key < 0 ? 0 : textKey ? (bytes[4] ?? 0) : bytes[0]!) * 2;
        sums[bucket] = BigInt.asUintN(64, sums[bucket]! + hash(bytes, 0n));
        sums[bucket + 1] = BigInt.asUintN(64, sums[bucket + 1]! + hash(bytes, 1n));
      }
      rows += to - from;
    },
    result: () => ({ hex: total(sums), rows, buckets: sums.slice() }),
  };
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
