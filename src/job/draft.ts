import type { Schema } from 'apache-arrow';
import type {
  CollectionSettings,
  PlanOptions,
  Reader,
  Target,
  WritePlan,
  Writer,
  WriterRequest,
  WriteUnit,
} from '../adapters/types.js';
import { keyIndex } from '../batch/columns.js';
import { fromArrowField } from '../batch/fields.js';
import type { TaskConfig } from '../config/types.js';
import { decideMetric, type MetricDecision } from '../milvus/metrics.js';
import type { IdSource } from '../transforms/ids.js';
import { createDisposables } from '../util/disposables.js';
import { fail } from '../util/errors.js';
import { bindRun, type KeySource, keySource, possibleKeys, settingsAfter, vectorOf } from './binding.js';
import type { CollectionTask } from './collection-task.js';
import { jobId } from './job-id.js';

/** The metric that the source states; none when its files differ. */
function metricOf(reader: Reader, settings: CollectionSettings): string | undefined {
  if (settings.metric) return settings.metric;
  const metrics = new Set(reader.info.map((i) => i.metric));
  return metrics.size === 1 ? [...metrics][0] : undefined;
}

function checkDimension(config: TaskConfig, schema: Schema): void {
  const { dim } = vectorOf(schema);
  const wanted = config.parameter.dimension;
  if (wanted === undefined || wanted === dim) return;
  const transformed = (config.transforms ?? []).length > 0;
  const what = transformed ? 'the vectors have' : 'the source has vectors of';
  throw fail(
    'CFG_CONFLICT',
    `collection_parameter.dimension is ${wanted}, but ${what} ${dim} dimensions${transformed ? ' after the transforms' : ''}`,
    {
      hint: `Set dimension: ${dim}, or leave it out.`,
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

/** What is written, and by which metric it is indexed, should the keys come from where `keys` says. */
export interface Draft {
  readonly keys: KeySource;
  readonly schema: Schema;
  readonly settings: CollectionSettings;
  readonly metric: MetricDecision;
  readonly warnings: readonly string[];
}

/** Where row numbers start makes no difference to a plan. */
function keysFor(kind: KeySource, config: TaskConfig): IdSource {
  const { idOffset } = config.options;
  if (kind === 'stored') return { kind, offset: idOffset };
  return kind === 'target' ? { kind } : { kind, field: config.parameter.idField, start: 0n };
}

function draftFor(task: CollectionTask, reader: Reader, keys: KeySource): Draft {
  const { config } = task;
  const { ids, steps } = bindRun(reader.schema, keysFor(keys, config), config.transforms);
  checkDimension(config, steps.schema);
  const settings = settingsAfter(task.settings, ids.schema, steps);
  const metric = decideMetric(config.parameter, vectorOf(steps.schema).type, metricOf(reader, settings));
  return { keys, schema: steps.schema, settings, metric, warnings: [...metric.warnings, ...steps.warnings] };
}

/** What a task can come to, one draft for each place that the keys can come from. */
export interface Drafts {
  readonly drafts: readonly Draft[];
  /** Why one of the places was ruled out. */
  readonly refusal?: unknown;
}

/**
 * Drafts a task, likeliest place of the keys first, and checks what the configuration says of its rows. Throws
 * CFG_CONFLICT where nothing is left.
 */
export function draftTask(task: CollectionTask, reader: Reader): Drafts {
  checkIds(task.config, keyIndex(reader.schema) >= 0);
  const drafts: Draft[] = [];
  let refusal: unknown;
  for (const keys of possibleKeys(reader.schema, task.config.options.newIds)) {
    try {
      drafts.push(draftFor(task, reader, keys));
    } catch (thrown) {
      refusal ??= thrown;
    }
  }
  if (drafts.length === 0) throw refusal;
  return { drafts, refusal };
}

function requestOf(task: CollectionTask, input: Schema, { schema, settings, keys, metric }: Draft): WriterRequest {
  const { config } = task;
  const source = input.fields[keyIndex(input)];
  const key = schema.fields[keyIndex(schema)];
  const { idField } = config.parameter;
  return {
    collection: config.collection,
    // The column is gone where the target makes the keys, but the field keeps its name.
    parameter: { ...config.parameter, idField: keys === 'target' && source ? source.name : idField },
    mode: config.mode,
    metric: metric.metric,
    ids: {
      type: key ? (fromArrowField(key).type as 'INT64' | 'VARCHAR') : 'none',
      stored: source !== undefined,
      newIds: config.options.newIds,
    },
    settings,
    parallelism: config.options.parallelism,
    ...(config.options.tuning === 'off' ? {} : { tuning: { batchBytes: config.options.batchBytes } }),
    ...(config.write ? { write: config.write } : {}),
    job: config.options.part === undefined ? jobId(config) : `${jobId(config)}/${config.options.part}`,
    description: `migrated by milvusdm (${config.task})`,
  };
}

/** A draft that the target has agreed to. */
export interface Planned {
  readonly draft: Draft;
  readonly plan: WritePlan;
  /** The caller disposes of it. */
  readonly writer: Writer;
}

/** Asks the target for its plan, with the likeliest draft first, until one has the keys from where the target says. */
export async function planDrafts(
  task: CollectionTask,
  reader: Reader,
  { drafts, refusal }: Drafts,
  target: Target,
  { units, ...options }: PlanOptions & { readonly units: readonly WriteUnit[] },
): Promise<Planned> {
  for (const draft of drafts) {
    await using stack = createDisposables();
    const writer = stack.use(target.writer(requestOf(task, reader.schema, draft)));
    const plan = await writer.plan(draft.schema, units, options);
    const agreed = keySource(reader.schema, task.config.options.newIds, plan.autoId) === draft.keys;
    if (!agreed && plan.units.some((u) => u.write)) continue;
    stack.release();
    return { draft, plan, writer };
  }
  throw refusal ?? fail('INTERNAL', 'the target makes keys by one plan and none by the next');
}
