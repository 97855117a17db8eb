import type { Calls } from '../../../milvus/calls.js';
import { DDL_TIMEOUT_MS } from '../../../milvus/connection.js';
import { decodeStatus, readAnswer } from '../../../milvus/decode.js';
import { encodeMessage } from '../../../milvus/messages.js';
import { requireOk } from '../../../milvus/status.js';
import type { Ask } from '../../../segments/ask.js';
import { asker } from '../../../segments/server.js';
import { fail } from '../../../util/errors.js';
import { withRetry } from '../../../util/retry.js';
import { WireReader } from '../../../util/wire.js';
import type { CollectionRef, CreateSnapshot, RestoreSnapshot, SnapshotRef } from '../types.js';
import { snapshotError } from './errors.js';
import { JOB, JOBS, RESTORE, SNAPSHOT, SNAPSHOTS, type SnapshotAnswer, type WireJob } from './messages.js';

/** The calls of Milvus 3.0 about snapshots, each checked. They throw SNAPSHOT_*, DST_* and NET_* errors. */
export interface SnapshotCalls {
  /** Never sent twice unless the server was too busy to take it. */
  create(request: Omit<CreateSnapshot, 'flush'>): Promise<void>;
  drop(ref: SnapshotRef): Promise<void>;
  list(of: CollectionRef): Promise<readonly string[]>;
  describe(ref: SnapshotRef): Promise<SnapshotAnswer>;
  /** As `create`. Gives the id of the job. */
  restore(request: RestoreSnapshot): Promise<bigint>;
  job(id: bigint): Promise<WireJob>;
  /** Of all collections of the database without a collection. */
  jobs(of: { readonly db: string; readonly collection?: string }): Promise<readonly WireJob[]>;
}

type Connection = Omit<Calls, typeof Symbol.asyncDispose>;

/** A call that answers a bare status. */
async function tell(
  connection: Connection,
  call: { readonly method: string; readonly what: string; readonly request: Uint8Array; readonly once: boolean },
  signal: AbortSignal,
): Promise<void> {
  const { method, what, request, once } = call;
  const one = async (): Promise<void> => {
    const bytes = await connection.call(method, request, { deadlineMs: DDL_TIMEOUT_MS, signal });
    requireOk(
      readAnswer(bytes, what, (part) => decodeStatus(new WireReader(part))),
      what,
    );
  };
  await withRetry(one, { ...connection.retry, onlyBusy: once });
}

async function translated<T>(call: Promise<T>): Promise<T> {
  return await call.catch((thrown: unknown) => {
    throw snapshotError(thrown);
  });
}

function nothingSaid(what: string): Error {
  return fail('DST_UNSUPPORTED', `${what}: the server answers without an error and without a result`, {
    hint: 'Something between milvusdm and the server answers for it, or the server lacks snapshots.',
  });
}

async function describe(ask: Ask, { db, collection, name }: SnapshotRef): Promise<SnapshotAnswer> {
  const what = `describe snapshot "${name}" of ${db}.${collection}`;
  const request = encodeMessage({ 2: name, 3: db, 4: collection });
  const answer = await ask({ method: 'DescribeSnapshot', what, request, answer: SNAPSHOT });
  if (answer.name !== name) throw nothingSaid(what);
  return answer;
}

async function restore(connection: Connection, signal: AbortSignal, { from, to }: RestoreSnapshot): Promise<bigint> {
  const what = `restore snapshot "${from.name}" of ${from.db}.${from.collection} to ${to.db}.${to.collection}`;
  const request = encodeMessage({ 2: from.name, 3: from.db, 4: from.collection, 6: to.db, 7: to.collection });
  const once = { ...connection, retry: { ...connection.retry, onlyBusy: true } };
  const { jobId } = await asker(once, signal)({ method: 'RestoreSnapshot', what, request, answer: RESTORE });
  if (jobId === 0n) throw nothingSaid(what);
  return jobId;
}

/** The calls over an open connection, which stays the caller's. */
export function snapshotCalls(connection: Connection, signal: AbortSignal): SnapshotCalls {
  const ask = asker(connection, signal);
  return {
    create({ db, collection, name, description, compactionProtection = 0 }) {
      const what = `create snapshot "${name}" of ${db}.${collection}`;
      const request = encodeMessage({ 2: name, 3: description, 4: db, 5: collection, 6: compactionProtection });
      return translated(tell(connection, { method: 'CreateSnapshot', what, request, once: true }, signal));
    },
    drop({ db, collection, name }) {
      const what = `drop snapshot "${name}" of ${db}.${collection}`;
      const request = encodeMessage({ 2: name, 3: db, 4: collection });
      return translated(tell(connection, { method: 'DropSnapshot', what, request, once: false }, signal));
    },
    async list({ db, collection }) {
      const what = `list the snapshots of ${db}.${collection}`;
      const request = encodeMessage({ 2: db, 3: collection });
      return (await translated(ask({ method: 'ListSnapshots', what, request, answer: SNAPSHOTS }))).names;
    },
    describe: (ref) => translated(describe(ask, ref)),
    restore: (request) => translated(restore(connection, signal, request)),
    async job(id) {
      const what = `state of restore job ${id}`;
      const request = encodeMessage({ 2: id });
      const { info } = await translated(ask({ method: 'GetRestoreSnapshotState', what, request, answer: JOB }));
      if (!info) throw nothingSaid(what);
      return info;
    },
    async jobs({ db, collection }) {
      const what = `list the restore jobs of ${db}${collection === undefined ? '' : `.${collection}`}`;
      const request = encodeMessage({ 2: db, 3: collection });
      return (await translated(ask({ method: 'ListRestoreSnapshotJobs', what, request, answer: JOBS }))).jobs;
    },
  };
}
