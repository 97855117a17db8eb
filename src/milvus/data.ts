import type { RawValues } from '../batch/columns.js';
import { throwIfAborted } from '../util/abort.js';
import { fail } from '../util/errors.js';
import { withRetry } from '../util/retry.js';
import { delimitedSize, varint64Size, WireReader, WireWriter } from '../util/wire.js';
import type { AnswerMemory } from './answer-memory.js';
import type { Connection } from './connection.js';
import { decodeMutation, decodeStatus, type Mutation, OK, readAnswer, type Status } from './decode.js';
import { decodeQuery, type QueryAnswer } from './decode-query.js';
import { giveBack } from './receiving.js';
import { requireOk } from './status.js';

/** Deadline of one insert or query. */
export const DATA_TIMEOUT_MS = 60_000;

/** What a read sees. */
export interface ReadPoint {
  /** A timestamp of the server's clock: all that was written before it. Absent: everything acknowledged so far (Strong). */
  readonly timestamp?: bigint;
}

const CUSTOMIZED = 4;

export interface QueryOptions {
  readonly collection: string;
  /** Milvus expression, e.g. `id in [1,2]`. */
  readonly expression: string;
  readonly outputFields: readonly string[];
  readonly partitions?: readonly string[];
  readonly limit?: number;
  /** The rows with the smallest keys, in their order: without it a limit takes any rows (Milvus Lite does). */
  readonly byKey?: boolean;
  /** Strong where absent. */
  readonly at?: ReadPoint;
  /** Takes the vectors of the answer, which is valid until the memory is given to another query. */
  readonly memory?: AnswerMemory;
  readonly signal?: AbortSignal;
}

/**
 * QueryRequest: 3 collection, 4 expr, 5 output fields, 6 partitions, 8 guarantee timestamp, 9 parameters, 11 consistency
 * (Strong is 0, Customized 4 takes the timestamp).
 */
function encodeQuery(query: QueryOptions): Uint8Array {
  const encoder = new TextEncoder();
  const parts: [number, Uint8Array][] = [
    [3, encoder.encode(query.collection)],
    [4, encoder.encode(query.expression)],
    ...query.outputFields.map((f): [number, Uint8Array] => [5, encoder.encode(f)]),
    ...(query.partitions ?? []).map((p): [number, Uint8Array] => [6, encoder.encode(p)]),
  ];
  if (query.limit !== undefined) parts.push([9, keyValue('limit', String(query.limit))]);
  // What the query iterators of pymilvus send. Milvus Lite sorts for the first; servers, which always sort, end a page for the
  // second where one segment has no more rows, so that copies of a key in another one do not push keys out of it.
  if (query.byKey) parts.push([9, keyValue('iterator', 'True')], [9, keyValue('reduce_stop_for_best', 'True')]);
  const timestamp = query.at?.timestamp;
  const lo = Number((timestamp ?? 0n) & 0xffffffffn);
  const hi = Number((timestamp ?? 0n) >> 32n);
  const size = parts.reduce((sum, [, bytes]) => sum + delimitedSize(bytes.length), 0);
  const out = new WireWriter(new Uint8Array(size + (timestamp === undefined ? 0 : 3 + varint64Size(lo, hi))));
  for (const [field, bytes] of parts) out.text(field, bytes);
  if (timestamp !== undefined) {
    out.tagVarint(8);
    out.varint64(lo, hi);
    out.tagVarint(11);
    out.varint(CUSTOMIZED);
  }
  return out.bytes;
}

/** AllocTimestampResponse: 1 status, 2 timestamp. Strong reads where the server has no clock to ask (Milvus Lite). */
export async function readPoint(connection: Connection): Promise<ReadPoint> {
  if (!connection.features.timestamps) return {};
  const what = 'ask the server for its time';
  const bytes = await connection.call('AllocTimestamp', new Uint8Array(0), { deadlineMs: DATA_TIMEOUT_MS });
  const { status, timestamp } = readAnswer(bytes, what, decodeTimestamp);
  requireOk(status, what);
  return timestamp === undefined ? {} : { timestamp };
}

function decodeTimestamp(bytes: Uint8Array): { status: Status; timestamp?: bigint } {
  const reader = new WireReader(bytes);
  let answer: { status: Status; timestamp?: bigint } = { status: OK };
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 1) answer = { ...answer, status: decodeStatus(reader.message()) };
    else if (f.number === 2) answer = { ...answer, timestamp: BigInt.asUintN(64, reader.bigint()) };
    else reader.skip(f.type);
  }
  return answer;
}

function keyValue(key: string, value: string): Uint8Array {
  const encoder = new TextEncoder();
  const [k, v] = [encoder.encode(key), encoder.encode(value)];
  const out = new WireWriter(new Uint8Array(delimitedSize(k.length) + delimitedSize(v.length)));
  out.text(1, k);
  out.text(2, v);
  return out.bytes;
}

/**
 * One query. The collection must be loaded. Throws NET_*, DST_AUTH, and DST_REFUSED for what the server refuses and for an
 * answer that is damaged.
 */
export async function query(connection: Connection, options: QueryOptions): Promise<QueryAnswer> {
  const request = encodeQuery(options);
  const what = `query ${options.collection} (${options.expression.slice(0, 80)})`;
  const signal = options.signal ? { signal: options.signal } : {};
  return withRetry(async () => {
    throwIfAborted(options.signal);
    const bytes = await connection.call('Query', request, { deadlineMs: DATA_TIMEOUT_MS, ...signal });
    const answer = readAnswer(bytes, what, (message) => decodeQuery(message, options.memory));
    // All values are copies.
    giveBack(bytes);
    requireOk(answer.status, what);
    return answer;
  }, connection.retry);
}

/** Milvus Lite counts the whole collection, whatever the partition, unless there is an expression. */
const EVERY_ROW = '1 == 1';

/** Rows that `expression` selects, by count(*) with consistency Strong; copies of an id count each. */
export async function countRows(
  connection: Connection,
  collection: string,
  o: { expression?: string; partition?: string; at?: ReadPoint } = {},
): Promise<number> {
  const answer = await query(connection, {
    collection,
    expression: o.expression ?? (connection.features.lite ? EVERY_ROW : ''),
    outputFields: ['count(*)'],
    ...(o.partition === undefined ? {} : { partitions: [o.partition] }),
    ...(o.at ? { at: o.at } : {}),
  });
  const values: RawValues | undefined = answer.columns[0]?.values;
  if (!(values instanceof BigInt64Array) || values.length !== 1) {
    throw fail('DST_REFUSED', `count(*) of ${collection} gave no number`);
  }
  return Number(values[0]);
}

/** Sends an encoded InsertRequest or UpsertRequest. */
export async function mutate(
  connection: Connection,
  method: 'Insert' | 'Upsert',
  request: Uint8Array,
  what: string,
  signal?: AbortSignal,
): Promise<Mutation> {
  const bytes = await connection.call(method, request, { deadlineMs: DATA_TIMEOUT_MS, ...(signal ? { signal } : {}) });
  const answer = readAnswer(bytes, what, decodeMutation);
  requireOk(answer.status, what);
  if (answer.failed > 0) throw fail('DST_REFUSED', `${what}: the server names ${answer.failed} rows as not written`);
  return answer;
}

/** Deletes by expression. DeleteRequest: 3 collection, 4 partition, 5 expr. */
export async function deleteRows(
  connection: Connection,
  collection: string,
  partition: string,
  expression: string,
): Promise<void> {
  const encoder = new TextEncoder();
  const parts: [number, Uint8Array][] = [
    [3, encoder.encode(collection)],
    [4, encoder.encode(partition)],
    [5, encoder.encode(expression)],
  ];
  const out = new WireWriter(new Uint8Array(parts.reduce((sum, [, b]) => sum + delimitedSize(b.length), 0)));
  for (const [field, bytes] of parts) out.text(field, bytes);
  const what = `delete from ${collection}/${partition}`;
  await withRetry(async () => {
    const answer = await connection.call('Delete', out.bytes, { deadlineMs: DATA_TIMEOUT_MS });
    requireOk(readAnswer(answer, what, decodeMutation).status, what);
  }, connection.retry);
}

const ESCAPES: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Text as a string literal of a Milvus expression. Milvus Lite knows no other escapes than these, and takes all else as it is. */
export function textLiteral(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (c) => ESCAPES[c]!)}"`;
}
