import type {
  CollectionSettings,
  Phase,
  PhaseProgress,
  Reader,
  Target,
  WritePlan,
  Writer,
  WriteUnit,
} from '../adapters/types.js';
import { keyIndex } from '../batch/columns.js';
import { type FieldSpec, fromArrowField, isVector } from '../batch/fields.js';
import type { MetricType, TaskConfig } from '../config/types.js';
import { decideMetric } from '../milvus/metrics.js';
import { openTarget } from '../registry.js';
import { bindTransforms } from '../transforms/bind.js';
import { createDisposables } from '../util/disposables.js';
import { fail } from '../util/errors.js';
import { type CollectionTask, openCollectionTasks } from './collection-task.js';
import type { JobEvent } from './events.js';
import { type PlacedSplit, placeSplits } from './run-context.js';
import { refuseUnfinished } from './unfinished.js';

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

function vectorOf(reader: Reader): FieldSpec {
  return reader.schema.fields.map(fromArrowField).find((f) => isVector(f.type))!;
}

/** The metric that the source states; none when its files differ. */
function metricOf(reader: Reader, settings: CollectionSettings): string | undefined {
  if (settings.metric) return settings.metric;
  const metrics = new Set(reader.info.map((i) => i.metric));
  return metrics.size === 1 ? [...metrics][0] : undefined;
}

function checkDimension(config: TaskConfig, reader: Reader): void {
  const vector = vectorOf(reader);
  const wanted = config.parameter.dimension;
  if (wanted === undefined || wanted === vector.dim) return;
  throw fail(
    'CFG_CONFLICT',
    `collection_parameter.dimension is ${wanted}, but the source has vectors of ${vector.dim} dimensions`,
    {
      hint: `Set dimension: ${vector.dim}, or leave it out.`,
    },
  );
}

function checkIds(config: TaskConfig, stored: boolean): void {
  const { idStart, idOffset, newIds } = config.options;
  if (stored && idStart !== undefined && !newIds) {
    throw fail('CFG_CONFLICT', 'id_start is set, but the source has ids of its own', {
      hint: 'Leave id_start out, or use id_offset to shift the ids, or new_ids: true to replace them.',
    });
  }
  if (!stored && idOffset !== 0n) {
    throw fail('CFG_CONFLICT', 'id_offset is set, but the source has no ids to shift', { hint: 'Use id_start.' });
  }
}

/** Opens the source and the server that is written to; reads only. */
export async function openJob(config: TaskConfig, signals: JobSignals, emit: Emit): Promise<OpenJob> {
  await using stack = createDisposables();
  const o = {
    retryForMs: config.options.retryFor * 1000,
    log: (message: string): void => emit({ type: 'log', message }),
    signal: signals.stop,
  };
  emit({ type: 'phase', phase: 'plan' });
  const { tasks, warnings } = stack.use(await openCollectionTasks(config, o));
  // Files are looked at before a server is asked for: what is wrong with them needs none.
  if (tasks.length === 1 && tasks[0]!.name === '') await (await checkedReader(tasks[0]!))[Symbol.asyncDispose]();
  emit({ type: 'phase', phase: 'connect' });
  const target = stack.use(
    await openTarget(
      {
        dest: config.dest,
        ...(config.archive ? { archive: config.archive } : {}),
        collections: tasks.map((t) => t.config.collection),
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

/** Opens the rows of a task and checks what the configuration says of them. */
async function checkedReader(task: CollectionTask): Promise<Reader> {
  const reader = await task.open();
  try {
    checkDimension(task.config, reader);
    checkIds(task.config, keyIndex(reader.schema) >= 0);
    decideMetric(task.config.parameter, vectorOf(reader).type, metricOf(reader, task.settings));
    return reader;
  } catch (thrown) {
    await reader[Symbol.asyncDispose]();
    throw thrown;
  }
}

/**
 * Opens and plans one collection; changes nothing, but for a run may have the server flush what it has.
 * @param id of the mark that an unfinished run of this collection leaves
 */
export async function openCollection(
  task: CollectionTask,
  target: Target,
  id: string,
  forRun: boolean,
): Promise<OpenCollection> {
  await using stack = createDisposables();
  const { config, settings } = task;
  const reader = stack.use(await checkedReader(task));
  const key = keyIndex(reader.schema);
  const { metric, warnings } = decideMetric(config.parameter, vectorOf(reader).type, metricOf(reader, settings));
  const keyType = key < 0 ? 'none' : (fromArrowField(reader.schema.fields[key]!).type as 'INT64' | 'VARCHAR');
  const writer = stack.use(
    target.writer({
      collection: config.collection,
      parameter: config.parameter,
      mode: config.mode,
      metric,
      ids: { type: keyType, stored: key >= 0, newIds: config.options.newIds },
      settings,
      parallelism: config.options.parallelism,
      description: `migrated by milvusdm (${config.task})`,
    }),
  );
  const splits = nameDefault(placeSplits(await reader.splits(), config));
  // Bound again for the run, which counts what the steps lose; here they are only checked.
  const bound = bindTransforms(reader.schema, config.transforms ?? []);
  const plan = await writer.plan(bound.schema, unitsOf(splits, task), forRun);
  const building = plan.units.some((u) => !u.fresh);
  if (building && !config.options.restart) await refuseUnfinished(id, config);
  const all = [...task.warnings, ...reader.warnings, ...warnings, ...bound.warnings, ...plan.warnings];
  const kept = stack.release();
  return {
    task,
    config,
    reader,
    writer,
    plan,
    splits,
    metric,
    warnings: all,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Name of the mark of one collection of a job. */
export function markId(id: string, task: CollectionTask): string {
  return task.name === '' ? id : `${id}-${task.config.collection}`;
}

/** The phase of a job, told once per change, with its progress. */
export function phaseTeller(emit: Emit): PhaseProgress & { readonly current: Phase } {
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
