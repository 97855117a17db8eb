import type { TaskConfig } from '../../config/types.js';
import type { ObjectStore } from '../../store/types.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { EXIT } from '../../util/exit-codes.js';
import type { Emit, JobSignals } from '../open-job.js';
import { REPORT_VERSION, type Report } from '../report.js';
import { executeRun } from '../run.js';
import { shardCommand } from './commands.js';
import { factsOf, requireSameFacts } from './facts.js';
import { type Held, whileHeld } from './held.js';
import { openPreparedLedger } from './open-ledger.js';
import { shardPortion } from './portions.js';
import {
  KEYS,
  openWork,
  readJson,
  readPlan,
  type ShardDone,
  type WorkPlan,
  waitForPlan,
  writeJson,
} from './work-place.js';

export interface ShardOptions {
  /** 0 and up. */
  readonly shard: number;
  /** As many as the job is thought to have; those of the plan where absent. */
  readonly shards?: number;
  /** How long to wait for `prepare`. */
  readonly waitMs: number;
}

function checkPlan(plan: WorkPlan, config: TaskConfig, { shard, shards }: ShardOptions): void {
  requireSameFacts(plan.facts, factsOf(config));
  if (shards !== undefined && shards !== plan.shards) {
    throw fail(
      'USAGE',
      `shard ${shard} of ${shards} is asked for, and the job was prepared for ${plan.shards} shards`,
      {
        hint: `Use --shard ${shard}/${plan.shards}, or prepare the job again with --shards ${shards} --restart.`,
      },
    );
  }
  if (shard < plan.shards) return;
  throw fail(
    'USAGE',
    `there is no shard ${shard}: the job was prepared for ${plan.shards}, from 0 to ${plan.shards - 1}`,
    {
      hint: 'As many machines as shards are needed; shards are counted from 0.',
    },
  );
}

/** The report of a shard that is done already. */
function doneReport(config: TaskConfig, id: string, done: ShardDone): Report {
  return {
    version: REPORT_VERSION,
    task: config.task,
    status: done.targets.length > 0 && done.setAside ? 'partial' : 'done',
    exit_code: done.setAside ? EXIT.partial : EXIT.ok,
    job_id: id,
    resumable: false,
    targets: done.targets,
    warnings: [`shard ${done.shard} was done before`],
    error: null,
    seconds: 0,
    bytes: done.bytes,
  };
}

async function writeRows(
  config: TaskConfig,
  id: string,
  { store, plan, shard }: { readonly store: ObjectStore; readonly plan: WorkPlan; readonly shard: number },
  held: Held,
  emit: Emit,
): Promise<Report> {
  const parts = plan.collections.flatMap((c) => c.parts).filter((p) => p.shard === shard);
  const rows = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  emit({
    type: 'log',
    message: `shard ${shard} of ${plan.shards}: ${plural(parts.length, 'part')}, ${plural(rows, 'row')}`,
  });
  const ledger = { id, task: config.task, file: config.file };
  const folders = { shards: [], own: KEYS.shardLedger(shard) };
  // Samples are taken at the end, of the rows of all shards.
  const options = { ...config.options, verify: 'none' as const, part: `shard-${shard}` };
  const report = await executeRun({ ...config, options }, id, held.signals, emit, {
    open: async () => ({ ledger: await openPreparedLedger(ledger, store, folders), abandoned: undefined }),
    portion: shardPortion(store, plan, shard),
    command: shardCommand(config, shard, plan.shards),
    startsOver: '`milvusdm prepare --restart`',
  });
  if (report.error && report.error.code !== 'ROWS_QUARANTINED') return held.judged(report);
  const { seconds, bytes, targets, status } = report;
  const done: ShardDone = { shard, seconds, bytes, setAside: status === 'partial', targets };
  await writeJson(store, KEYS.shardDone(shard), done);
  return { ...report, resumable: false };
}

/**
 * `milvusdm run --shard`: writes the rows of one shard as the plan in the shared place says, continuing what an earlier run of the
 * shard has left. Waits for the plan. Throws JOB_UNPREPARED, JOB_RUNNING, USAGE and CFG_CONFLICT; later failures are in the report.
 */
export async function runShard(
  config: TaskConfig,
  id: string,
  o: ShardOptions,
  signals: JobSignals,
  emit: Emit,
): Promise<Report> {
  const log = (message: string): void => emit({ type: 'log', message });
  await using store = await openWork(config, { create: true, log });
  const end = performance.now() + o.waitMs;
  for (;;) {
    const waitMs = Math.max(0, end - performance.now());
    const plan = await waitForPlan(store, { waitMs, log, signal: signals.stop });
    checkPlan(plan, config, o);
    const what = `shard ${o.shard} of ${plan.shards}`;
    const lock = { folder: KEYS.shardLock(o.shard), what };
    const report = await whileHeld(store, lock, { signals, emit }, async (held) => {
      // Somebody may have prepared the job anew before the lock was taken; from now on nobody does.
      const now = await readPlan(store);
      if (!now?.prepared || now.started !== plan.started) return undefined;
      const done = await readJson<ShardDone>(store, KEYS.shardDone(o.shard));
      const shard = { index: o.shard, of: plan.shards };
      if (done) return { ...doneReport(config, id, done), shard };
      return { ...(await writeRows(config, id, { store, plan, shard: o.shard }, held, emit)), shard };
    });
    if (report) return report;
  }
}
