import { rbacCodec } from '../backup/meta.js';
import type { DatabaseBackupInfo, IndexInfo, RbacInfo } from '../backup/types.js';
import type { Calls } from '../milvus/calls.js';
import { type CallOptions, DDL_TIMEOUT_MS } from '../milvus/connection.js';
import { readAnswer } from '../milvus/decode.js';
import { isNotFound, isOk, isUnimplemented, statusError } from '../milvus/status.js';
import { withRetry } from '../util/retry.js';
import type { Ask } from './ask.js';
import { selectRbac } from './rbac.js';
import { RBAC } from './rbac-messages.js';
import type { AskLogs } from './rest-segments.js';
import {
  DATABASE,
  DESCRIBE,
  type DescribeAnswer,
  FLUSH,
  FLUSH_STATE,
  INDEXES,
  LOAD,
  NAMES,
  PARTITIONS,
  POSITION,
  SEGMENTS,
  type WireSegment,
} from './server-messages.js';
import { decodeBytes, encodeRequest } from './wire-messages.js';

/** A collection by its names. */
export interface CollectionName {
  readonly db: string;
  readonly name: string;
}

export const fullName = ({ db, name }: CollectionName): string => `${db}.${name}`;

/** What the server said when it was told to flush a collection. */
export interface FlushTicket {
  readonly of: CollectionName;
  /** Segments that must be on the disk. */
  readonly segments: readonly bigint[];
  /** Everything before this is to be on the disk; 0 where the server does not say. */
  readonly timestamp: bigint;
  /** Seconds since 1970. */
  readonly sealed: bigint;
  /** Virtual channel -> base64 of its MsgPosition. */
  readonly checkpoints: Readonly<Record<string, string>>;
  /** Largest timestamp among those; 0 where there are none. */
  readonly checkpoint: bigint;
}

export interface PartitionName {
  readonly id: bigint;
  readonly name: string;
}

/** `NotLoad`, `Loading` or `Loaded`, as milvus-backup writes it. */
export type LoadState = 'NotLoad' | 'Loading' | 'Loaded';

/**
 * The calls that a backup needs, with every id exact. All name the database themselves, so that one connection serves for
 * all. They throw DST_* and NET_* errors.
 */
export interface SegmentServer {
  readonly address: string;
  readonly version: string;
  /** Where the server has no databases: `default` alone. */
  databases(): Promise<DatabaseBackupInfo[]>;
  collections(db: string): Promise<CollectionName[]>;
  /** Undefined when there is none (any more). */
  describe(of: CollectionName): Promise<DescribeAnswer | undefined>;
  partitions(of: CollectionName): Promise<PartitionName[]>;
  indexes(of: CollectionName): Promise<IndexInfo[]>;
  loadState(of: CollectionName, partition?: string): Promise<LoadState>;
  flush(of: CollectionName): Promise<FlushTicket>;
  isFlushed(ticket: FlushTicket): Promise<boolean>;
  /** Segments that the server keeps in its store. */
  segments(of: CollectionName): Promise<readonly WireSegment[]>;
  /** Logs of segments as the server knows them; absent where it has no call for that. */
  readonly logs?: AskLogs;
  /** Users, roles and grants, with hashes of passwords where the server tells them (2.4.11). Throws DST_UNSUPPORTED where it has none. */
  rbac(): Promise<RbacInfo>;
}

const NO_INDEX = { code: 700, legacy: 25 };
const LOAD_STATES: readonly LoadState[] = ['NotLoad', 'NotLoad', 'Loading', 'Loaded'];

/** How calls are made over an open connection, with repeats; it stays the caller's. */
export function asker(connection: Omit<Calls, typeof Symbol.asyncDispose>, signal: AbortSignal | undefined): Ask {
  const options: CallOptions = { deadlineMs: DDL_TIMEOUT_MS, ...(signal ? { signal } : {}) };
  return (call, allow) =>
    withRetry(async () => {
      const { method, request } = call;
      const encoded = request instanceof Uint8Array ? request : encodeRequest(request);
      const bytes = await connection.call(method, encoded, options);
      const answer = readAnswer(bytes, call.what, (part) => decodeBytes(call.answer, part));
      if (!isOk(answer.status) && !allow?.(answer.status)) throw statusError(answer.status, call.what);
      return answer;
    }, connection.retry);
}

const named = ({ db, name }: CollectionName): { 2: string; 3: string } => ({ 2: db, 3: name });

async function orUndefined<T>(call: Promise<T>): Promise<T | undefined> {
  return await call.catch((thrown: unknown) => {
    if (isUnimplemented(thrown)) return undefined;
    throw thrown;
  });
}

async function databases(ask: Ask): Promise<DatabaseBackupInfo[]> {
  const none = { db_id: 0n, properties: [], ezk: '' };
  const all = await orUndefined(ask({ method: 'ListDatabases', what: 'list databases', request: {}, answer: NAMES }));
  if (!all) return [{ ...none, db_name: 'default' }];
  const found: DatabaseBackupInfo[] = [];
  for (const db_name of all.names) {
    const what = `describe database ${db_name}`;
    const answer = await orUndefined(
      ask({ method: 'DescribeDatabase', what, request: { 2: db_name }, answer: DATABASE }),
    );
    found.push(
      answer ? { ...none, db_name, db_id: answer.db_id, properties: answer.properties } : { ...none, db_name },
    );
  }
  return found;
}

async function indexes(ask: Ask, of: CollectionName): Promise<IndexInfo[]> {
  const { indexes: found } = await ask(
    { method: 'DescribeIndex', what: `describe the indexes of ${fullName(of)}`, request: named(of), answer: INDEXES },
    ({ code, legacyCode }) => code === NO_INDEX.code || legacyCode === NO_INDEX.legacy,
  );
  return found.map(({ params, ...rest }) => {
    const pairs = Object.fromEntries(params.map(({ key, value }) => [key, value]));
    return { ...rest, params: pairs, index_type: pairs.index_type ?? '' } as IndexInfo;
  });
}

async function flush(ask: Ask, of: CollectionName): Promise<FlushTicket> {
  const answer = await ask({
    method: 'Flush',
    what: `flush ${fullName(of)}`,
    request: { 2: of.db, 3: [of.name] },
    answer: FLUSH,
  });
  const ids = [...(answer.sealed[of.name]?.data ?? []), ...(answer.flushed[of.name]?.data ?? [])];
  const positions = Object.values(answer.checkpoints).map((bytes) => decodeBytes(POSITION, bytes).timestamp);
  return {
    of,
    segments: [...new Set(ids)],
    timestamp: answer.flushTs[of.name] ?? 0n,
    sealed: answer.sealTimes[of.name] ?? 0n,
    checkpoints: Object.fromEntries(
      Object.entries(answer.checkpoints).map(([channel, bytes]) => [channel, Buffer.from(bytes).toString('base64')]),
    ),
    checkpoint: positions.reduce((largest, timestamp) => (timestamp > largest ? timestamp : largest), 0n),
  };
}

async function isFlushed(ask: Ask, { of, segments, timestamp }: FlushTicket): Promise<boolean> {
  const { flushed } = await ask({
    method: 'GetFlushState',
    what: `flush state of ${fullName(of)}`,
    request: { 1: segments, 2: timestamp, 3: of.db, 4: of.name },
    answer: FLUSH_STATE,
  });
  return flushed;
}

/** The calls over an open connection, which stays the caller's. */
export function segmentServer(
  connection: Omit<Calls, typeof Symbol.asyncDispose>,
  signal?: AbortSignal,
): SegmentServer {
  const ask = asker(connection, signal);
  return {
    address: connection.address,
    version: connection.version,
    databases: () => databases(ask),
    async collections(db) {
      const what = `list the collections of ${db}`;
      const { names } = await ask({ method: 'ShowCollections', what, request: { 2: db }, answer: NAMES });
      return [...names].sort().map((name) => ({ db, name }));
    },
    async describe(of) {
      const call = {
        method: 'DescribeCollection',
        what: `describe ${fullName(of)}`,
        request: named(of),
        answer: DESCRIBE,
      };
      const answer = await ask(call, isNotFound);
      return isOk(answer.status) ? answer : undefined;
    },
    async partitions(of) {
      const what = `list partitions of ${fullName(of)}`;
      const { names, ids } = await ask({ method: 'ShowPartitions', what, request: named(of), answer: PARTITIONS });
      return names.map((name, at) => ({ id: ids[at] ?? 0n, name }));
    },
    indexes: (of) => indexes(ask, of),
    async loadState(of, partition) {
      const request = { 2: of.name, ...(partition === undefined ? {} : { 3: [partition] }), 4: of.db };
      const { state } = await ask({
        method: 'GetLoadState',
        what: `load state of ${fullName(of)}`,
        request,
        answer: LOAD,
      });
      return LOAD_STATES[state] ?? 'NotLoad';
    },
    flush: (of) => flush(ask, of),
    isFlushed: (ticket) => isFlushed(ask, ticket),
    async segments(of) {
      const what = `list the segments of ${fullName(of)}`;
      const call = { method: 'GetPersistentSegmentInfo', what, request: named(of), answer: SEGMENTS };
      return (await ask(call)).segments;
    },
    async rbac() {
      const call = { method: 'BackupRBAC', what: 'back up users and roles', request: {}, answer: RBAC };
      const whole = await orUndefined(ask(call));
      if (whole) return whole.rbac ?? rbacCodec.zero;
      return await selectRbac(
        ask,
        (await databases(ask)).map(({ db_name }) => db_name),
      );
    },
  };
}
