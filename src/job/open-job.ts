import type {
  Phase,
  PhaseProgress,
  Reader,
  ResumePoint,
  Target,
  WritePlan,
  Writer,
  WriteUnit,
} from '../adapters/types.js';
import type { MetricType, TaskConfig } from '../config/types.js';
import { openTarget } from '../registry.js';
import { plural } from '../util/bytes.js';
import { createDisposables } from '../util/disposables.js';
import { type CollectionTask, openCollectionTasks } from './collection-task.js';
import { draftTask, planDrafts } from './draft.js';
import type { JobEvent } from './events.js';
import { requireSameSource, resumePoint } from './ledger/continue.js';
import type { LedgerState } from './ledger/state.js';
import type { StartOver } from './restart.js';
import { type PlacedSplit, placeSplits } from './run-context.js';

/** Everything that is open while a job is planned or run. */
export interface OpenJob extends AsyncDisposable {
  readonly tasks: readonly CollectionTask[];
  readonly target: Target;
  readonly warnings: readonly string[];
}

/** One collection of a job, opened and planned. */
export interface OpenCollection extends AsyncDisposable {
  readonly task: CollectionTask;
  readonly config: TaskConfig;
  readonly reader: Reader;
  readonly writer: Writer;
  readonly plan: WritePlan;
  readonly splits: readonly PlacedSplit[];
  readonly metric: MetricType;
  readonly warnings: readonly string[];
}

export interface JobSignals {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
}

export type Emit = (event: JobEvent) => void;

/** Partitions that rows go to, and those of the source that have none. */
function unitsOf(splits: readonly PlacedSplit[], task: CollectionTask): WriteUnit[] {
  const names = new Set([...(task.settings.partitions ?? []), ...splits.map((s) => s.partition)]);
  if (names.size === 0) names.add(task.config.partition);
  return [...names].map((partition) =>
    partition === undefined ? {} : { partition, ...(task.whole ? { whole: true } : {}) },
  );
}

/** Files with and without a partition in one run: those without one go to the default partition by name. */
export function nameDefault(splits: readonly PlacedSplit[]): PlacedSplit[] {
  const mixed = splits.some((s) => s.partition !== undefined) && splits.some((s) => s.partition === undefined);
  return mixed ? splits.map((s) => ({ ...s, partition: s.partition ?? '_default' })) : [...splits];
}

export interface JobOptions {
  /** Start of the job's first run. */
  readonly started: Date;
  /** The job is run and not only planned: a source may have its server flush what it holds. */
  readonly run: boolean;
}

/** Opens the source and the server that is written to; reads only, but for that flush. */
export async function openJob(
  config: TaskConfig,
  signals: JobSignals,
  emit: Emit,
  { started, run }: JobOptions,
): Promise<OpenJob> {
  await using stack = createDisposables();
  const o = {
    retryForMs: config.options.retryFor * 1000,
    log: (message: string): void => emit({ type: 'log', message }),
    signal: signals.stop,
    run,
  };
  emit({ type: 'phase', phase: 'plan' });
  const { tasks, warnings } = stack.use(await openCollectionTasks(config, o));
  // Files are looked at before a server is asked for: what is wrong with them needs none.
  if (tasks.length === 1 && tasks[0]!.name === '') {
    await using reader = await tasks[0]!.open();
    draftTask(tasks[0]!, reader);
  }
  emit({ type: 'phase', phase: 'connect' });
  const target = stack.use(
    await openTarget(
      {
        dest: config.dest,
        ...(config.archive ? { archive: config.archive } : {}),
        ...(config.logical ? { logical: config.logical } : {}),
        collections: tasks.map((t) => t.config.collection),
        started,
      },
      o,
    ),
  );
  const kept = stack.release();
  return {
    tasks,
    target,
    warnings: [...config.notes, ...warnings],
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

export interface CollectionOptions {
  /** Have the server flush what it has, where it counts rows exactly only then. */
  readonly exact: boolean;
  /** What earlier runs of the job have left. */
  readonly state: LedgerState;
  /** What may be replaced of a run that is given up. */
  readonly startOver?: StartOver;
}

/**
 * Opens and plans one collection; changes nothing, but with `exact` may have the server flush what it has. Throws SRC_CHANGED
 * or DST_UNFINISHED when an earlier run cannot be continued.
 */
export async function openCollection(
  task: CollectionTask,
  target: Target,
  o: CollectionOptions,
): Promise<OpenCollection> {
  await using stack = createDisposables();
  const { config } = task;
  const reader = stack.use(await task.open());
  const drafts = draftTask(task, reader);
  const splits = nameDefault(placeSplits(await reader.splits(), config));
  const { replace, stay = 0 } = o.startOver ?? {};
  const planned = await planDrafts(task, reader, drafts, target, {
    units: unitsOf(splits, task),
    exact: o.exact,
    bytes: splits.reduce((sum, s) => sum + (s.split.rows === 0 ? 0 : (s.split.bytes / s.split.rows) * s.rows), 0),
    ...resumeOf(o.state, task, splits),
    ...(replace === undefined ? {} : { replace }),
  });
  const { plan, draft } = planned;
  const writer = stack.use(planned.writer);
  const twice =
    stay === 0
      ? []
      : [`${plural(stay, 'row')} of the run that is given up stay in "${config.collection}", beside their copies`];
  const all = [...task.warnings, ...reader.warnings, ...draft.warnings, ...plan.warnings, ...twice];
  const kept = stack.release();
  return {
    task,
    config,
    reader,
    writer,
    plan,
    splits,
    metric: draft.metric.metric,
    warnings: all,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** The part of an earlier run that is continued. */
function resumeOf(state: LedgerState, task: CollectionTask, splits: readonly PlacedSplit[]): { resume?: ResumePoint } {
  const earlier = state.collections.get(task.name);
  if (!earlier) return {};
  if (earlier.target !== undefined) requireSameSource(earlier, splits, task.name);
  return { resume: resumePoint(earlier, state, splits) };
}

/** Tells the phase of a job, once per change, with its progress. */
export interface PhaseTeller extends PhaseProgress {
  readonly current: Phase;
}

export function phaseTeller(emit: Emit): PhaseTeller {
  let current: Phase = 'plan';
  return {
    get current() {
      return current;
    },
    phase(phase) {
      current = phase;
      emit({ type: 'phase', phase });
    },
    progress: (done, total) => emit({ type: 'progress', phase: current, done, total, bytes: 0 }),
  };
}
