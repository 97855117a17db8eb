import { sumDigests } from '../../batch/digest.js';
import type { TaskConfig } from '../../config/types.js';
import type { ObjectStore } from '../../store/types.js';
import { sleep } from '../../util/abort.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Emit, JobSignals } from '../open-job.js';
import type { Report } from '../report.js';
import { executeRun } from '../run.js';
import { finishCommand, shardCommand } from './commands.js';
import { factsOf, requireSameFacts } from './facts.js';
import { type Held, whileHeld } from './held.js';
import { openPreparedLedger } from './open-ledger.js';
import { finishPortion, firstGap, type Written } from './portions.js';
import {
  KEYS,
  openWork,
  readFinished,
  readJson,
  readPlan,
  type ShardDone,
  type WorkPlan,
  writeJson,
} from './work-place.js';

const NAMED = 20;

export interface FinishOptions {
  /** How long to wait for shards that are not done. */
  readonly waitMs: number;
}

function unfinished(config: TaskConfig, { shards }: WorkPlan, missing: readonly number[]): MilvusdmError {
  const named = missing.slice(0, NAMED).join(', ');
  const more = missing.length > NAMED ? ` and ${missing.length - NAMED} more` : '';
  const who = `${missing.length === 1 ? 'shard' : 'shards'} ${named}${more}`;
  return fail('SHARDS_UNFINISHED', `${missing.length} of ${shards} shards are not done: ${who}`, {
    hint: `Run them, e.g. ${shardCommand(config, missing[0]!, shards)}; what they have written is not written again.`,
  });
}

async function readShards(store: ObjectStore, plan: WorkPlan): Promise<{ done: ShardDone[]; missing: number[] }> {
  const all: ShardDone[] = [];
  const missing: number[] = [];
  for (let shard = 0; shard < plan.shards; shard++) {
    const done = await readJson<ShardDone>(store, KEYS.shardDone(shard));
    if (done) all.push(done);
    else missing.push(shard);
  }
  return { done: all, missing };
}

const LOOK_MS = 2000;

/** Waits until all shards are done, or the time is over; what is wrong then is said by whoever looks next. */
async function waitForShards(store: ObjectStore, waitMs: number, signals: JobSignals, emit: Emit): Promise<void> {
  const end = performance.now() + waitMs;
  let told = '';
  // One after the other: whichever is looked at, all of them have to be done.
  for (let shard = 0; ; ) {
    const plan = await readPlan(store);
    if (plan?.prepared && shard === plan.shards) return;
    if (plan?.prepared && (await readJson(store, KEYS.shardDone(shard)))) {
      shard++;
      continue;
    }
    const left = end - performance.now();
    if (left <= 0) return;
    const text = plan?.prepared ? `waiting for shard ${shard} of ${plan.shards}` : 'waiting for `milvusdm prepare`';
    if (text !== told) emit({ type: 'log', message: text });
    told = text;
    await sleep(Math.min(LOOK_MS, left), signals.stop);
  }
}

/** Rows and digests of all shards together, by partition. */
function writtenInto(into: string, shards: readonly ShardDone[]): Map<string, Written> {
  const sums = new Map<string, Written>();
  for (const { collection, partition, digest, rows_written: rows } of shards.flatMap((s) => s.targets)) {
    if (collection !== into || digest === null) continue;
    const before = sums.get(partition ?? '');
    sums.set(partition ?? '', { hex: sumDigests(before?.hex, digest), rows: (before?.rows ?? 0) + rows });
  }
  return sums;
}

/** Throws VERIFY_MISMATCH where the shards together have not written what `prepare` has read. */
function requireSameRows(plan: WorkPlan, shards: readonly ShardDone[]): void {
  for (const { into, digests } of plan.collections) {
    const written = writtenInto(into, shards);
    for (const { partition, hex, rows } of digests ?? []) {
      const sum = written.get(partition);
      if (rows === 0 || sum?.hex === hex) continue;
      const name = partition === '' ? `"${into}"` : `"${into}/${partition}"`;
      const has = sum ? `${sum.rows} rows with ${sum.hex}` : 'none';
      throw fail(
        'VERIFY_MISMATCH',
        `the shards have not sent what prepare has read for ${name}: ${has}, not ${rows} with ${hex}`,
      );
    }
  }
}

/** Throws JOB_DAMAGED where the ledgers do not say of every row that it has arrived, although every shard is done. */
function requireAllArrived({ collections }: WorkPlan, { state }: Ledger, store: ObjectStore): void {
  for (const planned of collections.filter((c) => !c.skipped)) {
    const known = state.collections.get(planned.name);
    const writes = (partition: string | null): boolean =>
      known?.begin.units.find((u) => u.partition === partition)?.write ?? true;
    const gap = firstGap(planned, (split) => known?.splits[split]?.acked.count ?? 0, writes);
    if (gap === undefined) continue;
    const { shard, split } = planned.parts[gap]!;
    throw fail(
      'JOB_DAMAGED',
      `the ledger of shard ${shard} in ${store.name} lacks rows of ${split.replace('\0', '/')}`,
      {
        hint: 'Something has changed it; start over with `milvusdm prepare --restart`.',
      },
    );
  }
}

async function complete(
  config: TaskConfig,
  id: string,
  { store, plan }: { readonly store: ObjectStore; readonly plan: WorkPlan },
  held: Held,
  emit: Emit,
): Promise<Report> {
  const { done: shards, missing } = await readShards(store, plan);
  if (missing.length > 0) throw unfinished(config, plan, missing);
  requireSameRows(plan, shards);
  const folders = { shards: shards.map(({ shard }) => KEYS.shardLedger(shard)), own: KEYS.finishLedger };
  const setAside = plan.setAside > 0 || shards.some((s) => s.setAside);
  const report = await executeRun(config, id, held.signals, emit, {
    async open() {
      const ledger = await openPreparedLedger({ id, task: config.task, file: config.file }, store, folders);
      requireAllArrived(plan, ledger, store);
      return { ledger, abandoned: undefined };
    },
    portion: finishPortion(store, plan, (into) => writtenInto(into, shards), setAside),
    command: finishCommand(config),
    startsOver: '`milvusdm prepare --restart`',
  });
  if (report.error && report.error.code !== 'ROWS_QUARANTINED') return held.judged(report);
  const finished = { ...report, resumable: false };
  await writeJson(store, KEYS.finished, finished);
  return finished;
}

/**
 * `milvusdm finish`: once every shard is done, builds the index, verifies, loads where that is asked for and reports on the whole.
 * Doing it again gives the same report. Throws SHARDS_UNFINISHED, JOB_UNPREPARED, CFG_CONFLICT; later failures are in the report.
 */
export async function finishWork(
  config: TaskConfig,
  id: string,
  { waitMs }: FinishOptions,
  signals: JobSignals,
  emit: Emit,
): Promise<Report> {
  const log = (message: string): void => emit({ type: 'log', message });
  await using store = await openWork(config, { log });
  await waitForShards(store, waitMs, signals, emit);
  const lock = { folder: KEYS.jobLock, what: 'the end of this job' };
  return await whileHeld(store, lock, { signals, emit }, async (held) => {
    const plan = await readPlan(store);
    if (!plan?.prepared) throw fail('JOB_UNPREPARED', `the job in ${store.name} was not prepared`);
    requireSameFacts(plan.facts, factsOf(config));
    return (await readFinished(store)) ?? (await complete(config, id, { store, plan }, held, emit));
  });
}
