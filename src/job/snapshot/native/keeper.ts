import type { Calls } from '../../../milvus/calls.js';
import { describeCollections } from '../../../segments/describe.js';
import { flushCollection } from '../../../segments/flush.js';
import { type SegmentServer, segmentServer } from '../../../segments/server.js';
import { fail, MilvusdmError } from '../../../util/errors.js';
import { allSettled, createPool } from '../../../util/pool.js';
import { shapeOf } from '../shape.js';
import type {
  CollectionRef,
  CreateSnapshot,
  RestoreSnapshot,
  RestoreState,
  RestoreStatus,
  SnapshotDetails,
  SnapshotInfo,
  SnapshotKeeper,
  SnapshotRef,
} from '../types.js';
import { type SnapshotCalls, snapshotCalls } from './calls.js';
import { contentsOf, type NativeOptions } from './contents.js';
import type { SnapshotAnswer, WireJob } from './messages.js';

const STATES: readonly RestoreState[] = ['pending', 'pending', 'executing', 'completed', 'failed'];
/** Calls in flight while many snapshots are looked at. */
const AT_A_TIME = 8;
/** Below it a number is milliseconds since 1970, above it a Milvus timestamp: milliseconds and 18 bits of a counter. */
const LEAST_TIMESTAMP = 10n ** 16n;
const COUNTER_BITS = 18n;

/** When a snapshot was taken: the least position of its channels, as a Milvus timestamp. */
export function createdAt(timestamp: bigint): number {
  return Number(timestamp >= LEAST_TIMESTAMP ? timestamp >> COUNTER_BITS : timestamp);
}

function infoOf({ db, collection, name }: SnapshotRef, answer: SnapshotAnswer): SnapshotInfo {
  return {
    db,
    collection: answer.collection || collection,
    name,
    kind: 'native',
    description: answer.description,
    partitions: answer.partitions,
    created: createdAt(answer.createTs),
    location: answer.location,
  };
}

function statusOf(job: WireJob): RestoreStatus {
  return {
    jobId: String(job.jobId),
    snapshot: job.snapshot,
    to: { db: job.db || 'default', collection: job.collection },
    state: STATES[job.state] ?? 'pending',
    progress: job.progress,
    reason: job.reason,
    started: Number(job.started),
    timeCost: job.timeCost,
  };
}

interface Native {
  readonly calls: SnapshotCalls;
  readonly server: SegmentServer;
  readonly o: NativeOptions;
}

const isCode = (thrown: unknown, ...codes: readonly string[]): boolean =>
  thrown instanceof MilvusdmError && codes.includes(thrown.code);

/** The answer may have been lost on its way, and the call done all the same. */
const isLost = (thrown: unknown): boolean => isCode(thrown, 'NET_UNAVAILABLE', 'NET_DEADLINE');

async function has({ calls }: Native, ref: SnapshotRef): Promise<boolean> {
  return (await calls.list(ref)).includes(ref.name);
}

function notFound({ db, collection, name }: SnapshotRef): MilvusdmError {
  return fail('SNAPSHOT_NOT_FOUND', `snapshot not found: ${db}.${collection} has none of the name "${name}"`);
}

async function requireSnapshot(native: Native, ref: SnapshotRef): Promise<void> {
  if (!(await has(native, ref))) throw notFound(ref);
}

async function create(native: Native, request: CreateSnapshot): Promise<SnapshotInfo> {
  const { calls, server, o } = native;
  const { db, collection, name } = request;
  if (await has(native, request)) {
    throw fail('SNAPSHOT_EXISTS', `${db}.${collection} has a snapshot of the name "${name}" already`);
  }
  if (request.flush) await flushCollection(server, { db, name: collection }, o.signal);
  try {
    await calls.create(request);
  } catch (thrown) {
    if (!isLost(thrown) || !(await has(native, request))) throw thrown;
    o.log(`the answer was lost, and snapshot "${name}" is there`);
  }
  return infoOf(request, await calls.describe(request));
}

async function collectionsOf(
  { server }: Native,
  { db, collection }: { readonly db?: string; readonly collection?: string },
): Promise<CollectionRef[]> {
  if (collection !== undefined) return [{ db: db ?? 'default', collection }];
  const dbs = db === undefined ? (await server.databases()).map(({ db_name }) => db_name) : [db];
  const all = await Promise.all(dbs.map((one) => server.collections(one)));
  return all.flat().map((of) => ({ db: of.db, collection: of.name }));
}

/** Those of a collection, or of a snapshot, that was dropped meanwhile are left out. */
async function list(
  native: Native,
  of: { readonly db?: string; readonly collection?: string },
): Promise<SnapshotInfo[]> {
  const { calls, server } = native;
  const pool = createPool(AT_A_TIME);
  const gone = async (ref: CollectionRef, thrown: unknown): Promise<boolean> =>
    of.collection === undefined &&
    isCode(thrown, 'DST_REFUSED') &&
    (await server.describe({ db: ref.db, name: ref.collection })) === undefined;
  const namesOf = async (ref: CollectionRef): Promise<SnapshotRef[]> => {
    try {
      return (await calls.list(ref)).map((name) => ({ ...ref, name }));
    } catch (thrown) {
      if (await gone(ref, thrown)) return [];
      throw thrown;
    }
  };
  const infoOr = async (ref: SnapshotRef): Promise<SnapshotInfo[]> => {
    try {
      return [infoOf(ref, await calls.describe(ref))];
    } catch (thrown) {
      if (isCode(thrown, 'SNAPSHOT_NOT_FOUND') || (await gone(ref, thrown))) return [];
      throw thrown;
    }
  };
  const refs = await allSettled((await collectionsOf(native, of)).map((ref) => pool(() => namesOf(ref))));
  return (await allSettled(refs.flat().map((ref) => pool(() => infoOr(ref))))).flat();
}

async function describe(native: Native, ref: SnapshotRef): Promise<SnapshotDetails> {
  await requireSnapshot(native, ref);
  const info = infoOf(ref, await native.calls.describe(ref));
  const contents = await contentsOf(info, native.o);
  if (contents) return { ...info, ...contents };
  const [live] = await describeCollections(native.server, [{ db: ref.db, name: info.collection }], '');
  return live ? { ...info, shape: shapeOf(live.info) } : info;
}

async function restore(native: Native, request: RestoreSnapshot): Promise<string> {
  const { calls, server, o } = native;
  const { from, to } = request;
  await requireSnapshot(native, from);
  if (await server.describe({ db: to.db, name: to.collection })) {
    throw fail('SNAPSHOT_TARGET_EXISTS', `collection already exists: ${to.db}.${to.collection}`);
  }
  try {
    return String(await calls.restore(request));
  } catch (thrown) {
    if (!isLost(thrown)) throw thrown;
    // The target did not exist before, so that a job of it is ours.
    const job = (await calls.jobs(to)).findLast(({ snapshot }) => snapshot === from.name);
    if (!job) throw thrown;
    o.log(`the answer was lost, and the restore has begun as job ${job.jobId}`);
    return String(job.jobId);
  }
}

function jobNumber(id: string): bigint {
  if (/^[0-9]{1,19}$/.test(id)) return BigInt(id);
  throw fail('USAGE', `"${id}" is no job id of a Milvus`, { hint: '`milvusdm snapshot jobs` shows them.' });
}

async function jobs(
  { calls, server }: Native,
  { db, collection }: { readonly db?: string; readonly collection?: string },
): Promise<RestoreStatus[]> {
  if (collection !== undefined) return (await calls.jobs({ db: db ?? 'default', collection })).map(statusOf);
  const dbs = db === undefined ? (await server.databases()).map(({ db_name }) => db_name) : [db];
  const all = (await Promise.all(dbs.map((one) => calls.jobs({ db: one })))).flat();
  // A server that looks at no database gives the same ones for each.
  return [...new Map(all.map((job) => [job.jobId, statusOf(job)])).values()];
}

/**
 * The snapshots of a Milvus 3.0. Takes the connection over: disposing of the keeper closes it. Which snapshots are pinned
 * is told by no call; the server refuses to drop those.
 */
export function nativeKeeper(connection: Calls, o: NativeOptions): SnapshotKeeper {
  const native: Native = {
    calls: snapshotCalls(connection, o.signal),
    server: segmentServer(connection, o.signal),
    o,
  };
  return {
    kind: 'native',
    notes: [],
    create: (request) => create(native, request),
    list: (of) => list(native, of),
    describe: (ref) => describe(native, ref),
    async drop(ref) {
      // The server finds nothing wrong with dropping what is not there.
      await requireSnapshot(native, ref);
      await native.calls.drop(ref);
    },
    freedBy: async () => undefined,
    restore: (request) => restore(native, request),
    async restoreJob(id) {
      return statusOf(await native.calls.job(jobNumber(id)));
    },
    restoreJobs: (of) => jobs(native, of),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}
