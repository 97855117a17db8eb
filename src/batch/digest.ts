import type { RecordBatch, Schema } from 'apache-arrow';
import { fail } from '../util/errors.js';
import { canonicalJson } from './canonical-json.js';
import {
  type FlatValues,
  isList,
  isText,
  keyIndex,
  type ListColumn,
  type RawColumn,
  rawColumn,
  type TextColumn,
} from './columns.js';
import { fromArrowField, isVector } from './fields.js';

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

/** JSON by its content, not by how it is written. Text that is no JSON counts as it stands. */
function jsonCopy(text: TextColumn, scratch: Scratch): FieldCopy {
  return (row, at) => {
    const raw = Buffer.from(text.bytes.subarray(text.offsets[row]!, text.offsets[row + 1]!));
    let bytes = raw;
    try {
      bytes = Buffer.from(canonicalJson(raw.toString('utf8')));
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    ensure(scratch, at + 4 + bytes.length);
    scratch.view.setUint32(at, bytes.length, true);
    scratch.bytes.set(bytes, at + 4);
    return at + 4 + bytes.length;
  };
}

function fixedCopy(values: FlatValues, width: number, scalar: boolean, scratch: Scratch): FieldCopy {
  const size = values.BYTES_PER_ELEMENT * width;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const float = scalar && (values instanceof Float32Array || values instanceof Float64Array) ? values : undefined;
  return (row, at) => {
    ensure(scratch, at + size);
    if (float && float[row] === 0) scratch.bytes.fill(0, at, at + size);
    else scratch.bytes.set(bytes.subarray(row * size, (row + 1) * size), at);
    return at + size;
  };
}

/** An array: its length, then element by element. */
function listCopy({ items, offsets }: ListColumn, scratch: Scratch): FieldCopy {
  const item = isText(items) ? textCopy(items, scratch) : fixedCopy(items, 1, true, scratch);
  return (row, start) => {
    const from = offsets[row]!;
    const to = offsets[row + 1]!;
    ensure(scratch, start + 4);
    scratch.view.setUint32(start, to - from, true);
    let at = start + 4;
    for (let i = from; i < to; i++) at = item(i, at);
    return at;
  };
}

/** Null is one byte 0, a value of a field that may be null has one byte 1 before it. */
function nullableCopy(copy: FieldCopy, valid: Uint8Array | undefined, scratch: Scratch): FieldCopy {
  return (row, at) => {
    ensure(scratch, at + 1);
    const present = valid === undefined || valid[row] !== 0;
    scratch.bytes[at] = present ? 1 : 0;
    return present ? copy(row, at + 1) : at + 1;
  };
}

function fieldCopy(column: RawColumn, scratch: Scratch): FieldCopy {
  const { values, width, valid } = column;
  const { type, nullable } = fromArrowField(column.field);
  let copy: FieldCopy;
  if (isText(values)) copy = type === 'JSON' ? jsonCopy(values, scratch) : textCopy(values, scratch);
  else if (isList(values)) copy = listCopy(values, scratch);
  else copy = fixedCopy(values, width, !isVector(type), scratch);
  return nullable ? nullableCopy(copy, valid, scratch) : copy;
}

export interface Digester {
  /** Adds rows [from, to) of a batch; all rows where the range is absent. */
  add(batch: RecordBatch, from?: number, to?: number): void;
  result(): Digest;
}

function fieldNamed(schema: Schema, name: string): number {
  const index = schema.fields.findIndex((f) => f.name === name);
  if (index < 0) throw fail('INTERNAL', `the digest is to take the field "${name}", which the batches do not have`);
  return index;
}

/** First byte of the text key at the front of a row; behind an empty one another field begins. */
function firstByteOfText(view: DataView, row: Uint8Array): number {
  return view.getUint32(0, true) === 0 ? 0 : row[4]!;
}

/**
 * Makes a digester for batches of this schema. Without a key field the rows have no id and go to bucket 0.
 * @param order names of the fields after the key; schema order where absent. Throws INTERNAL for a name that is none
 */
export async function createDigester(schema: Schema, order?: readonly string[]): Promise<Digester> {
  const hash = await xxh64();
  const key = keyIndex(schema);
  const rest = order
    ? order.map((name) => fieldNamed(schema, name))
    : schema.fields.map((_, i) => i).filter((i) => i !== key);
  const scratch: Scratch = { bytes: new Uint8Array(4096), view: new DataView(new ArrayBuffer(0)) };
  scratch.view = new DataView(scratch.bytes.buffer);
  const sums = new BigUint64Array(BUCKETS * 2);
  let rows = 0;
  return {
    add(batch, from = 0, to = batch.numRows) {
      const indexes = key < 0 ? rest : [key, ...rest];
      const copies = indexes.map((i) => fieldCopy(rawColumn(batch, i), scratch));
      const textKey = key >= 0 && isText(rawColumn(batch, key).values);
      for (let row = from; row < to; row++) {
        let at = 0;
        for (const copy of copies) at = copy(row, at);
        const bytes = scratch.bytes.subarray(0, at);
        const bucket = (key < 0 ? 0 : textKey ? firstByteOfText(scratch.view, bytes) : bytes[0]!) * 2;
        sums[bucket] = BigInt.asUintN(64, sums[bucket]! + hash(bytes, 0n));
        sums[bucket + 1] = BigInt.asUintN(64, sums[bucket + 1]! + hash(bytes, 1n));
      }
      rows += to - from;
    },
    result: () => ({ hex: total(sums), rows, buckets: sums.slice() }),
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
