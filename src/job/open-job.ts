import type { Phase, PhaseProgress, Reader, WritePlan, Writer, WriteUnit } from '../adapters/types.js';
import { keyIndex } from '../batch/columns.js';
import { type FieldSpec, fromArrowField, isVector } from '../batch/fields.js';
import type { MetricType, TaskConfig } from '../config/types.js';
import { decideMetric } from '../milvus/metrics.js';
import { openReader, openWriter } from '../registry.js';
import { createDisposables } from '../util/disposables.js';
import { fail } from '../util/errors.js';
import type { JobEvent } from './events.js';
import { type PlacedSplit, placeSplits } from './run-context.js';
import { refuseUnfinished } from './unfinished.js';

/** Everything that is open while a job is planned or run. */
export interface OpenJob extends AsyncDisposable {
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

function unitsOf(splits: readonly PlacedSplit[]): WriteUnit[] {
  const names = [...new Set(splits.map((s) => s.partition))];
  return names.map((partition) => (partition === undefined ? {} : { partition }));
}

/** Files with and without a partition in one run: those without one go to the default partition by name. */
function nameDefault(splits: readonly PlacedSplit[]): PlacedSplit[] {
  const mixed = splits.some((s) => s.partition !== undefined) && splits.some((s) => s.partition === undefined);
  return mixed ? splits.map((s) => ({ ...s, partition: s.partition ?? '_default' })) : [...splits];
}

function vectorOf(reader: Reader): FieldSpec {
  return reader.schema.fields.map(fromArrowField).find((f) => isVector(f.type))!;
}

/** The metric that the sources state; none when they differ. */
function metricOf(reader: Reader): string | undefined {
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

/** Opens source and target and plans; changes nothing, but for a run may have the server flush what it has. */
export async function openJob(
  config: TaskConfig,
  id: string,
  signals: JobSignals,
  emit: Emit,
  forRun: boolean,
): Promise<OpenJob> {
  await using stack = createDisposables();
  const log = (message: string): void => emit({ type: 'log', message });
  emit({ type: 'phase', phase: 'plan' });
  const { idField, vectorField } = config.parameter;
  const reader = stack.use(await openReader(config.source, { idField, vectorField }));
  checkDimension(config, reader);
  const key = keyIndex(reader.schema);
  checkIds(config, key >= 0);
  const { metric, warnings } = decideMetric(config.parameter, vectorOf(reader).type, metricOf(reader));
  const keyType = key < 0 ? 'none' : (fromArrowField(reader.schema.fields[key]!).type as 'INT64' | 'VARCHAR');
  emit({ type: 'phase', phase: 'connect' });
  const writer = stack.use(
    await openWriter({
      endpoint: config.dest,
      collection: config.collection,
      parameter: config.parameter,
      mode: config.mode,
      metric,
      ids: { type: keyType, stored: key >= 0, newIds: config.options.newIds },
      parallelism: config.options.parallelism,
      retryForMs: config.options.retryFor * 1000,
      description: `migrated by milvusdm (${config.task})`,
      log,
      signal: signals.stop,
    }),
  );
  const splits = nameDefault(placeSplits(await reader.splits(), config));
  const plan = await writer.plan(reader.schema, unitsOf(splits), forRun);
  const building = plan.units.some((u) => !u.fresh);
  if (building && !config.options.restart) await refuseUnfinished(id, config);
  const all = [...config.notes, ...reader.warnings, ...warnings, ...plan.warnings];
  const kept = stack.release();
  return {
    reader,
    writer,
    plan,
    splits,
    metric,
    warnings: all,
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
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
