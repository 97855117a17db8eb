import type { Reader } from '../../adapters/types.js';
import type { TaskConfig } from '../../config/types.js';
import type { ObjectStore } from '../../store/types.js';
import { fail } from '../../util/errors.js';
import type { LedgerState } from '../ledger/state.js';
import type { Emit, JobSignals, OpenCollection } from '../open-job.js';
import type { Preflight } from '../preflight.js';
import type { Report } from '../report.js';
import { executeRun } from '../run.js';
import type { Portion } from '../run-state.js';
import { prepareCommand } from './commands.js';
import { dealOut, type Part } from './deal.js';
import { factsOf, requireSameFacts } from './facts.js';
import { type Held, whileHeld } from './held.js';
import { requireFree } from './lock.js';
import { abandonedState, openPrepareLedger } from './open-ledger.js';
import { partedReader } from './parted-reader.js';
import { prepareReport } from './prepare-report.js';
import { keepQuarantine } from './quarantine.js';
import { refuseUnsettleable } from './refusals.js';
import {
  emptyWork,
  KEYS,
  openWork,
  type PlannedCollection,
  readFinished,
  readPlan,
  WORK_VERSION,
  type WorkPlan,
  writeJson,
} from './work-place.js';

export interface PrepareOptions {
  readonly shards: number;
  /** Give up what was prepared, written and noted before. */
  readonly restart: boolean;
}

function plannedOf(
  open: OpenCollection,
  parts: readonly Part[],
  preflight: Preflight | undefined,
  dropped: PlannedCollection['dropped'],
): PlannedCollection {
  const { duplicates, digests, edgeIds = 0 } = preflight ?? {};
  return {
    name: open.task.name,
    into: open.config.collection,
    parts: parts.map((part, i) => ({ ...part, partition: open.splits[i]?.partition ?? null })),
    skipped: preflight === undefined,
    duplicates: duplicates ? { extraRows: duplicates.extraRows, ids: duplicates.ids, first: duplicates.first } : null,
    edgeIds,
    digests: digests
      ? [...digests].map(([partition, digester]) => {
          const { hex, rows } = digester.result();
          return { partition, hex, rows };
        })
      : null,
    dropped,
  };
}

/** What is found out while a job is prepared. */
interface Findings {
  readonly collections: PlannedCollection[];
  setAside: number;
}

/** Deals every source out and keeps what preflight has found; a collection ends as soon as its target is ready. */
function preparingPortion(store: ObjectStore, shards: number, found: Findings): Portion {
  const loads = new Array<number>(shards).fill(0);
  const dealt = new Map<string, readonly Part[]>();
  return {
    async divide(collection: string, reader: Reader): Promise<Reader> {
      const parts = dealOut(await reader.splits(), loads, reader.cursorAt !== undefined);
      dealt.set(collection, parts);
      return partedReader(reader, parts);
    },
    ...(shards > 1 ? { refuse: refuseUnsettleable } : {}),
    async ready(_run, open, preflight) {
      const rows = open.splits.reduce((sum, s) => sum + s.rows, 0);
      const kept = preflight?.dropped && { rows, key: KEYS.dropped(found.collections.length) };
      if (kept) await store.write(kept.key, preflight.dropped.bits);
      found.collections.push(plannedOf(open, dealt.get(open.task.name)!, preflight, kept ?? null));
    },
    async ended(job) {
      found.setAside = job.badRows.count;
      await keepQuarantine(store, job);
    },
  };
}

/** What stands in the work place when a job is to be prepared. */
interface Standing {
  /** A job that is prepared, or was about to be. */
  readonly plan?: WorkPlan;
  /** What a job that is given up has left. */
  readonly abandoned?: LedgerState | undefined;
}

async function standing(
  store: ObjectStore,
  config: TaskConfig,
  o: PrepareOptions,
  around: { readonly signals: JobSignals; readonly emit: Emit },
): Promise<Standing> {
  const plan = await readPlan(store);
  if (!plan) {
    await emptyWork(store);
    return {};
  }
  const finished = (await readFinished(store)) !== undefined;
  if (!finished && !o.restart) {
    requireSameFacts(plan.facts, factsOf(config));
    if (plan.shards === o.shards) return { plan };
    throw fail('CFG_CONFLICT', `the job in ${store.name} was prepared for ${plan.shards} shards, not for ${o.shards}`, {
      hint: `Use --shards ${plan.shards}, or start over with --restart.`,
    });
  }
  // First the plan: a shard that takes its lock from now on finds none, and those that have one are seen.
  await store.remove([KEYS.plan]);
  try {
    await requireIdle(store, plan, around);
  } catch (thrown) {
    await writeJson(store, KEYS.plan, plan);
    throw thrown;
  }
  const abandoned = finished ? undefined : await abandonedState(store, plan.shards);
  await emptyWork(store);
  return { abandoned };
}

/** Throws JOB_RUNNING while a shard of the job is being written. */
async function requireIdle(
  store: ObjectStore,
  { shards }: WorkPlan,
  { signals, emit }: { readonly signals: JobSignals; readonly emit: Emit },
): Promise<void> {
  const log = (message: string): void => emit({ type: 'log', message });
  for (let shard = 0; shard < shards; shard++) {
    const what = `shard ${shard} of ${shards}`;
    await requireFree(store, { folder: KEYS.shardLock(shard), what, log, signal: signals.stop });
  }
}

async function prepareTarget(
  config: TaskConfig,
  { store, plan, abandoned }: { readonly store: ObjectStore; readonly plan: WorkPlan } & Standing,
  held: Held,
  emit: Emit,
): Promise<Report> {
  const found: Findings = { collections: [], setAside: 0 };
  const { job: id, shards } = plan;
  const ledger = { id, task: config.task, file: config.file };
  // A plan has all collections or none.
  const options = { ...config.options, onError: 'stop' as const };
  const report = await executeRun({ ...config, options }, id, held.signals, emit, {
    open: async () => ({ ledger: await openPrepareLedger(ledger, store), abandoned }),
    portion: preparingPortion(store, shards, found),
    command: prepareCommand(config, shards),
    startsOver: 'with --restart it',
  });
  if (report.error && report.error.code !== 'ROWS_QUARANTINED') return held.judged(report);
  const done: WorkPlan = { ...plan, ...found, prepared: true };
  await writeJson(store, KEYS.plan, done);
  return prepareReport(config.task, done, {
    work: store.name,
    again: false,
    warnings: report.warnings,
    seconds: report.seconds,
  });
}

/**
 * `milvusdm prepare`: looks through the source once, creates or empties the target as the mode says, and leaves the plan in the
 * shared place. Doing it again changes nothing, unless the job was finished meanwhile; one that was cut short is continued.
 * Throws JOB_RUNNING, CFG_CONFLICT, STORE_*; later failures are in the report.
 */
export async function prepareWork(
  config: TaskConfig,
  id: string,
  o: PrepareOptions,
  signals: JobSignals,
  emit: Emit,
): Promise<Report> {
  const log = (message: string): void => emit({ type: 'log', message });
  await using store = await openWork(config, { create: true, log });
  const lock = { folder: KEYS.jobLock, what: 'the preparation of this job' };
  return await whileHeld(store, lock, { signals, emit }, async (held) => {
    const { plan: before, abandoned } = await standing(store, config, o, { signals: held.signals, emit });
    if (before?.prepared)
      return prepareReport(config.task, before, { work: store.name, again: true, warnings: [], seconds: 0 });
    const plan: WorkPlan = before ?? {
      version: WORK_VERSION,
      prepared: false,
      job: id,
      task: config.task,
      started: new Date().toISOString(),
      shards: o.shards,
      facts: factsOf(config),
      collections: [],
      setAside: 0,
    };
    if (!before) await writeJson(store, KEYS.plan, plan);
    return prepareTarget(config, { store, plan, abandoned }, held, emit);
  });
}
