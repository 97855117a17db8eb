import type { Schema } from 'apache-arrow';
import { specsOf } from '../../batch/fields.js';
import type { CollectionParameter, MetricType, Mode } from '../../config/types.js';
import type { CollectionInfo } from '../../milvus/collections.js';
import type { IndexSpec, IndexState } from '../../milvus/indexes.js';
import { decideIndexes } from '../../milvus/metrics.js';
import { formatCount, plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { Action, CollectionSettings, IdChoice, UnitPlan, WritePlan, WriteUnit } from '../types.js';
import { identityMapping, type Mapping, matchCollection } from './match.js';

/** What the target looks like before the run. */
export interface TargetState {
  readonly info?: CollectionInfo;
  readonly indexes: readonly IndexState[];
  /** Rows by partition name, and of the whole under ''. */
  readonly rows: ReadonlyMap<string, number>;
}

export interface PlanInput {
  readonly collection: string;
  readonly mode: Mode;
  readonly parameter: CollectionParameter;
  readonly metric: MetricType;
  readonly ids: IdChoice;
  readonly schema: Schema;
  /** What the collection was in its source. */
  readonly settings: CollectionSettings;
  readonly units: readonly WriteUnit[];
}

export interface TargetPlan extends WritePlan {
  readonly mapping: Mapping;
  /** The collection is to be made (after dropping an existing one). */
  readonly create: boolean;
  readonly drop: boolean;
  readonly dropPartitions: readonly string[];
  readonly emptyPartitions: readonly string[];
  readonly createPartitions: readonly string[];
  readonly indexes: readonly IndexSpec[];
}

function unitName(collection: string, unit: WriteUnit): string {
  return unit.partition === undefined ? collection : `${collection}/${unit.partition}`;
}

function hasPartition(info: CollectionInfo | undefined, partition: string | undefined): boolean {
  return info !== undefined && (partition === undefined || info.partitions.includes(partition));
}

/** Whether what the mode is applied to exists. */
function unitExists(info: CollectionInfo | undefined, unit: WriteUnit): boolean {
  return unit.whole ? info !== undefined : hasPartition(info, unit.partition);
}

function lossOf(state: TargetState): string {
  const info = state.info!;
  const properties = Object.entries(info.properties).map(([key, value]) => `${key}=${value}`);
  const lists = [
    `its ${plural(state.rows.get('') ?? 0, 'row')}`,
    `partitions: ${info.partitions.join(', ')}`,
    ...(info.aliases.length > 0 ? [`aliases: ${info.aliases.join(', ')}`] : []),
    ...(properties.length > 0 ? [`properties: ${properties.join(', ')}`] : []),
    ...(state.indexes.length > 0 ? [`indexes: ${state.indexes.map((i) => `${i.type} on ${i.field}`).join(', ')}`] : []),
  ];
  return `lost with it: ${lists.join('; ')}`;
}

function describeSchema(input: PlanInput, mapping: Mapping): string {
  const fields = specsOf(input.schema)
    .filter((s) => !s.primaryKey)
    .map((s) => `${s.name} ${s.type}${s.dim === undefined ? '' : `(${s.dim})`}`);
  const key = `${mapping.keyField} ${mapping.keyType} primary key${mapping.autoId ? ', made by the server' : ''}`;
  return [key, ...fields].join('; ');
}

function canBeLoaded(state: TargetState, mapping: Mapping): boolean {
  return state.indexes.some((i) => i.field === mapping.vectorField);
}

/**
 * Decides, without touching the target, what a run does to it: contract of the modes skip, append and overwrite per unit.
 * Throws DST_SCHEMA_MISMATCH, DST_IDS or DST_REFUSED for what would be refused.
 */
export function planTarget(state: TargetState, input: PlanInput): TargetPlan {
  const { info } = state;
  if (info && info.name !== input.collection && input.mode === 'overwrite') {
    throw fail(
      'DST_REFUSED',
      `"${input.collection}" is an alias of collection "${info.name}": overwriting through an alias is refused`,
      {
        hint: `Set dest_collection_name: ${info.name} if that collection is meant.`,
      },
    );
  }
  const wholeOverwrite = input.mode === 'overwrite' && input.units.some((u) => u.whole || u.partition === undefined);
  const create = !info || wholeOverwrite;
  const units = input.units.map((unit): UnitPlan => {
    const exists = unitExists(info, unit);
    return {
      ...unit,
      write: !(exists && input.mode === 'skip'),
      existingRows: state.rows.get(unit.partition ?? '') ?? 0,
      fresh: input.mode === 'overwrite' || !hasPartition(info, unit.partition),
    };
  });
  const writes = units.filter((u) => u.write);
  const mapping = create
    ? identityMapping(input.schema, input.parameter.idField, input.ids.newIds)
    : writes.length > 0
      ? matchCollection(info, input.schema, input.ids)
      : identityMapping(input.schema, input.parameter.idField, false);
  const named = writes.flatMap((u) => (u.partition === undefined ? [] : [u.partition]));
  const standing = named.filter((p) => !create && info?.partitions.includes(p));
  const overwritten = input.mode === 'overwrite' ? standing : [];
  const partial = {
    mapping,
    create,
    drop: create && info !== undefined,
    dropPartitions: overwritten.filter((p) => p !== '_default'),
    emptyPartitions: overwritten.filter((p) => p === '_default'),
    createPartitions: named.filter((p) => p !== '_default' && (!standing.includes(p) || input.mode === 'overwrite')),
  };
  const { parameter, settings, metric } = input;
  const indexes = create ? decideIndexes(parameter, settings.indexes, metric, mapping.vectorField) : [];
  const rowsThatStay = create
    ? 0
    : (state.rows.get('') ?? 0) - overwritten.reduce((n, p) => n + (state.rows.get(p) ?? 0), 0);
  return {
    ...partial,
    indexes,
    units,
    creates: create,
    canQuery: create ? indexes.some((i) => i.field === mapping.vectorField) : canBeLoaded(state, mapping),
    autoId: mapping.autoId,
    needsIdStart: writes.length > 0 && rowsThatStay > 0,
    actions: actionsOf(state, input, { ...partial, units, indexes }),
    warnings:
      writes.length === 0 ? [] : create ? settingWarnings(input, mapping) : indexWarnings(state, input, mapping),
  };
}

type Drafted = Pick<
  TargetPlan,
  'mapping' | 'create' | 'drop' | 'dropPartitions' | 'emptyPartitions' | 'createPartitions' | 'indexes' | 'units'
>;

function actionsOf(state: TargetState, input: PlanInput, plan: Drafted): Action[] {
  const { collection } = input;
  const actions: Action[] = [];
  const add = (kind: Action['kind'], target: string, detail: string): number => actions.push({ kind, target, detail });
  const rowsOf = (partition: string): string => plural(state.rows.get(partition) ?? 0, 'row');
  for (const unit of plan.units.filter((u) => !u.write)) {
    add(
      'skip',
      unitName(collection, unit),
      `exists with ${plural(unit.existingRows, 'row')}; mode skip writes nothing`,
    );
  }
  const writes = plan.units.filter((u) => u.write);
  if (writes.length === 0) return actions;
  if (plan.drop) add('drop', collection, lossOf(state));
  if (plan.create) add('create', collection, describeSchema(input, plan.mapping));
  for (const p of plan.dropPartitions) add('drop', `${collection}/${p}`, `lost with it: its ${rowsOf(p)}`);
  for (const p of plan.emptyPartitions) add('empty', `${collection}/${p}`, `its ${rowsOf(p)} are deleted`);
  for (const p of plan.createPartitions) add('create', `${collection}/${p}`, 'partition');
  for (const unit of writes.filter((u) => !u.fresh)) {
    add('append', unitName(collection, unit), `to ${formatCount(unit.existingRows)} rows that stay`);
  }
  for (const index of plan.indexes) {
    add('index', collection, `${index.type} with ${index.metric || 'no metric'} on ${index.field}, after the last row`);
  }
  if (plan.create) for (const alias of input.settings.aliases ?? []) add('create', alias, `alias of ${collection}`);
  if (input.parameter.load) add('load', collection, 'loaded at the end');
  return actions;
}

/** What a new collection cannot have as it was in its source. */
function settingWarnings(input: PlanInput, mapping: Mapping): string[] {
  const warnings: string[] = [];
  if (input.settings.autoId && !mapping.autoId) {
    warnings.push(
      `"${input.collection}" is made without auto_id, so that the ids of the source are kept (new_ids: true makes new ones)`,
    );
  }
  return warnings;
}

function indexWarnings(state: TargetState, input: PlanInput, mapping: Mapping): string[] {
  const index = state.indexes.find((i) => i.field === mapping.vectorField);
  const warnings: string[] = [];
  const unwanted = input.parameter.index === 'none';
  if (!index && !unwanted) {
    warnings.push(
      `"${input.collection}" has no index on ${mapping.vectorField} and gets none: appending leaves indexes alone`,
    );
  } else if (index?.metric && index.metric !== input.metric) {
    warnings.push(
      `"${input.collection}" is indexed with ${index.metric}, not with ${input.metric}: its index stays as it is`,
    );
  }
  if (input.parameter.index && !unwanted)
    warnings.push('collection_parameter.index has no effect on a collection that exists');
  if (input.parameter.shards) warnings.push('collection_parameter.shards has no effect on a collection that exists');
  return warnings;
}
