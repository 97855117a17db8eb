import type { CallOptions, Connection } from '../../../../src/milvus/connection.js';
import { type Features, featuresOf } from '../../../../src/milvus/features.js';
import type { RetryPolicy } from '../../../../src/util/retry.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';

/** One call as the fake server saw it. */
export interface FakeCall {
  readonly method: string;
  readonly request: Uint8Array;
  readonly options: CallOptions;
}

export interface FakeConnection extends Connection {
  readonly calls: readonly FakeCall[];
}

export interface FakeOptions {
  readonly version?: string;
  readonly features?: Partial<Features>;
  readonly retry?: RetryPolicy;
}

/** Not a connection to anything: every call goes to `answer`, which gives the bytes of the answer or throws. */
export function fakeConnection(
  answer: (call: FakeCall) => Uint8Array | Promise<Uint8Array>,
  o: FakeOptions = {},
): FakeConnection {
  const version = o.version ?? 'v2.3.5';
  const calls: FakeCall[] = [];
  return {
    address: 'fake:0',
    version,
    features: { ...featuresOf(version), ...o.features },
    retry: o.retry ?? { totalMs: 0 },
    calls,
    get sdk(): never {
      throw new Error('the fake connection has no SDK');
    },
    async call(method, request, options) {
      // The request's memory is the caller's again once this has settled.
      const call = { method, request: request.slice(), options };
      calls.push(call);
      return answer(call);
    },
    async [Symbol.asyncDispose]() {},
  };
}

export interface FakeRow {
  readonly key: bigint | string;
  readonly partition: string;
  readonly vector: readonly number[];
}

interface QueryRequest {
  readonly expr?: string;
  readonly output_fields?: readonly string[];
  readonly partition_names?: readonly string[];
  readonly query_params?: readonly { key: string; value: string }[];
}

function literals(list: string): (bigint | string)[] {
  const found = list.match(/"(?:[^"\\]|\\.)*"|-?\d+/g) ?? [];
  return found.map((text) => (text.startsWith('"') ? (JSON.parse(text) as string) : BigInt(text)));
}

/** The few expressions that lookups use: `key > n`, `key >= n`, `key >= ""`, `key in [...]`, or none. */
function selects(expression: string, key: bigint | string): boolean {
  if (expression === '') return true;
  const [, operator, rest] = /^\w+ (>=|>|in) (.*)$/.exec(expression)!;
  const values = literals(rest!);
  if (operator === 'in') return values.includes(key);
  return operator === '>' ? key > values[0]! : key >= values[0]!;
}

function longOf(value: bigint): object {
  return { low: Number(BigInt.asIntN(32, value)), high: Number(BigInt.asIntN(32, value >> 32n)), unsigned: false };
}

function keyColumn(name: string, rows: readonly FakeRow[]): object {
  if (typeof rows[0]?.key === 'string')
    return { field_name: name, scalars: { string_data: { data: rows.map((r) => r.key) } } };
  return { field_name: name, scalars: { long_data: { data: rows.map((r) => longOf(r.key as bigint)) } } };
}

/**
 * Of rows that lie in one segment those that Milvus 2.3.5 shows (measured): `limit` of them, without one as many as the segment has
 * different keys, and of these one for each key.
 */
function shown(found: readonly FakeRow[], limit: number): FakeRow[] {
  return [...new Map(found.slice(0, limit).map((row) => [row.key, row])).values()];
}

/** Answers Query requests over `rows`, whose key is called `pk` and whose vectors, of two dimensions, `vec`. */
export function answerQuery(call: FakeCall, rows: readonly FakeRow[]): Uint8Array {
  const request = protoDecode('QueryRequest', call.request) as QueryRequest;
  const partitions = request.partition_names ?? [];
  const inside = rows.filter((row) => partitions.length === 0 || partitions.includes(row.partition));
  const found = inside.filter((row) => selects(request.expr ?? '', row.key));
  if (request.output_fields?.[0] === 'count(*)') {
    const count = { field_name: 'count(*)', scalars: { long_data: { data: [found.length] } } };
    return protoEncode('QueryResults', { fields_data: [count] });
  }
  const limit = request.query_params?.find((p) => p.key === 'limit')?.value;
  const page = shown(found, Number(limit ?? new Set(inside.map((row) => row.key)).size));
  const fields = (request.output_fields ?? []).map((name) =>
    name === 'pk'
      ? keyColumn(name, page)
      : { field_name: name, vectors: { dim: 2, float_vector: { data: page.flatMap((r) => [...r.vector]) } } },
  );
  return protoEncode('QueryResults', { fields_data: fields });
}
