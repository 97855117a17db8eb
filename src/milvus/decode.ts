import { fail } from '../util/errors.js';
import { WireReader } from '../util/wire.js';

/** common.Status. `code` is Milvus' own code (2.3 and later), `legacyCode` the older enum. */
export interface Status {
  readonly legacyCode: number;
  readonly code: number;
  readonly reason: string;
  readonly retriable: boolean;
}

export const OK: Status = { legacyCode: 0, code: 0, reason: '', retriable: false };

/**
 * What `decode` makes of an answer. Decoders throw RangeError for bytes that are no such message; here that becomes
 * DST_REFUSED, naming the call.
 */
export function readAnswer<T>(bytes: Uint8Array, what: string, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(bytes);
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw fail('DST_REFUSED', `${what}: the answer of ${bytes.length} bytes is damaged: ${thrown.message}`, {
      cause: thrown,
      hint: 'Something between milvusdm and the server changes or cuts messages, or it is no Milvus. Run again; if it stays, look at proxies.',
    });
  }
}

/** common.Status from its own message: 1 error_code, 2 reason, 3 code, 4 retriable. */
export function decodeStatus(reader: WireReader): Status {
  let status = OK;
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = { ...status, legacyCode: reader.int32() };
    else if (f.number === 2) status = { ...status, reason: reader.string() };
    else if (f.number === 3) status = { ...status, code: reader.int32() };
    else if (f.number === 4) status = { ...status, retriable: reader.int32() !== 0 };
    else reader.skip(f.type);
  }
  return status;
}

export interface Mutation {
  readonly status: Status;
  /** int64 keys of the rows, where the key is one. */
  readonly keys: BigInt64Array;
  readonly inserted: number;
  readonly upserted: number;
  readonly deleted: number;
  /** Rows that the server names as failed. */
  readonly failed: number;
}

/** A varint ends at each byte without the high bit. */
function countVarints(reader: WireReader): number {
  let count = 0;
  for (let i = reader.at; i < reader.end; i++) if (reader.bytes[i]! < 0x80) count++;
  if (!reader.done && reader.bytes[reader.end - 1]! >= 0x80) throw new RangeError('packed integers end inside a value');
  return count;
}

/** Packed varints of `reader` as int64. */
function longs(reader: WireReader): BigInt64Array {
  const halves = new Uint32Array(countVarints(reader) * 2);
  for (let i = 0; i < halves.length; i += 2) {
    reader.varint64();
    halves[i] = reader.lo;
    halves[i + 1] = reader.hi;
  }
  return new BigInt64Array(halves.buffer);
}

/** LongArray: packed varints as int64. */
export function longArray(reader: WireReader): BigInt64Array {
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1 && f.type === 2) return longs(reader.message());
    reader.skip(f.type);
  }
  return new BigInt64Array(0);
}

/** IntArray: packed varints as int32 (negative ones travel with 64 bits). */
export function intArray(reader: WireReader): Int32Array {
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1 && f.type === 2) return ints(reader.message());
    reader.skip(f.type);
  }
  return new Int32Array(0);
}

function ints(reader: WireReader): Int32Array {
  const values = new Int32Array(countVarints(reader));
  for (let i = 0; i < values.length; i++) {
    reader.varint64();
    values[i] = reader.lo;
  }
  return values;
}

function countPacked(reader: WireReader, type: number): number {
  if (type !== 2) {
    reader.skip(type);
    return 1;
  }
  const part = reader.message();
  let count = 0;
  for (; !part.done; count++) part.varint64();
  return count;
}

/** milvus.MutationResult: 1 status, 2 IDs, 4 err_index, 6 to 8 counts. */
export function decodeMutation(bytes: Uint8Array): Mutation {
  const reader = new WireReader(bytes);
  let status = OK;
  let keys: BigInt64Array = new BigInt64Array(0);
  const counts = { inserted: 0, deleted: 0, upserted: 0, failed: 0 };
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) status = decodeStatus(reader.message());
    else if (f.number === 2) {
      const ids = reader.message();
      for (let g = ids.field(); g; g = ids.field()) {
        if (g.number === 1) keys = longArray(ids.message());
        else ids.skip(g.type);
      }
    } else if (f.number === 4) counts.failed += countPacked(reader, f.type);
    else if (f.number === 6) counts.inserted = reader.number();
    else if (f.number === 7) counts.deleted = reader.number();
    else if (f.number === 8) counts.upserted = reader.number();
    else reader.skip(f.type);
  }
  return { status, keys, ...counts };
}
