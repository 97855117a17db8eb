import { Schema } from 'apache-arrow';
import { type FieldSpec, MILVUS_TYPES, type MilvusType, toArrowField } from '../batch/fields.js';
import { didYouMean } from '../config/suggest.js';
import type { CastTarget } from '../config/transforms.js';
import { castScalars } from './cast-scalar.js';
import { castVectors, type RefuseRow } from './cast-vector.js';
import { createErrorMeter, type ErrorMeter, errorFigures, errorWords } from './error-meter.js';
import { LONGEST_TEXT, NUMBER_TYPES } from './scalars.js';
import {
  type BoundStep,
  badRow,
  type Column,
  checkSome,
  fieldIndex,
  fieldSpec,
  type LossReport,
  refuse,
  type StepName,
  shown,
  withColumns,
} from './step.js';
import { NUMERIC_VECTORS } from './vectors.js';

const KEY_TYPES: readonly MilvusType[] = ['INT64', 'VARCHAR'];

interface BoundCast {
  readonly index: number;
  readonly from: FieldSpec;
  readonly to: FieldSpec;
  readonly exact: boolean;
  readonly meter: ErrorMeter;
  rows: number;
}

/** Types that a field can be cast to. */
function targetsOf(spec: FieldSpec): readonly MilvusType[] {
  const { type } = spec;
  if (spec.dynamic) return [];
  if (NUMERIC_VECTORS.includes(type)) return NUMERIC_VECTORS;
  if (type === 'VARCHAR') return [...NUMBER_TYPES, 'VARCHAR', 'JSON'];
  if (type === 'JSON') return ['VARCHAR', 'JSON'];
  return NUMBER_TYPES.includes(type) ? [...NUMBER_TYPES, 'VARCHAR'] : [];
}

function checkTarget(name: StepName, spec: FieldSpec, target: CastTarget): void {
  const { type } = target;
  const field = shown(spec.name);
  if (!MILVUS_TYPES.includes(type)) {
    throw refuse(name, `${field}: ${shown(type)} is no type${didYouMean(type, MILVUS_TYPES)}`);
  }
  const targets = targetsOf(spec);
  if (!targets.includes(type)) {
    const what = spec.dynamic ? 'the dynamic field' : spec.type;
    const hint = spec.type === 'JSON' ? 'Take values out of it by json_path.' : undefined;
    throw refuse(
      name,
      `${field} is ${what}, which cannot become ${type}, allowed: ${targets.join(', ') || 'nothing'}`,
      hint,
    );
  }
  const role = spec.primaryKey ? 'the key' : spec.partitionKey ? 'the partition key' : undefined;
  if (role && !KEY_TYPES.includes(type)) {
    throw refuse(name, `${field} is ${role}, which cannot become ${type}, allowed: ${KEY_TYPES.join(', ')}`);
  }
  if (spec.primaryKey && target.onLoss === 'report') {
    throw refuse(name, `${field} is the key, of which nothing may be lost, allowed: on_loss: error`);
  }
  if (target.maxLength !== undefined && type !== 'VARCHAR') {
    throw refuse(name, `max_length of ${field} has no use with ${type}, allowed: leave it out`);
  }
}

function defaultLength(from: FieldSpec): number {
  if (from.type === 'VARCHAR') return from.maxLength ?? LONGEST_TEXT;
  if (from.type === 'JSON') return LONGEST_TEXT;
  return from.type === 'BOOL' ? 5 : 32;
}

function specFor(from: FieldSpec, target: CastTarget): FieldSpec {
  const { maxLength: _length, defaultValue: _value, ...rest } = from;
  const length = target.type === 'VARCHAR' ? { maxLength: target.maxLength ?? defaultLength(from) } : {};
  const standing =
    from.defaultValue !== undefined && from.type === target.type ? { defaultValue: from.defaultValue } : {};
  return { ...rest, type: target.type, ...length, ...standing };
}

/** Float types round as a matter of course; everything else is refused when it would change. */
function refusesLoss(target: CastTarget): boolean {
  const floats: readonly MilvusType[] = ['FLOAT', 'DOUBLE', 'FLOAT_VECTOR', 'FLOAT16_VECTOR', 'BFLOAT16_VECTOR'];
  return (target.onLoss ?? (floats.includes(target.type) ? 'report' : 'error')) === 'error';
}

function bindOne(name: StepName, schema: Schema, field: string, target: CastTarget): BoundCast {
  const from = fieldSpec(name, schema, field);
  checkTarget(name, from, target);
  return {
    index: fieldIndex(name, schema, field),
    from,
    to: specFor(from, target),
    exact: refusesLoss(target),
    meter: createErrorMeter(),
    rows: 0,
  };
}

function castColumn(cast: BoundCast, column: Column, rows: number, refuseRow: RefuseRow): Column {
  const { from, to, exact, meter } = cast;
  cast.rows += rows;
  if (NUMERIC_VECTORS.includes(from.type)) {
    if (from.type === to.type) return column;
    return castVectors(column, rows, { from: from.type, to: to.type, dim: from.dim!, exact, meter }, refuseRow);
  }
  if (from.type === to.type && to.type !== 'VARCHAR') return column;
  const maxLength = to.maxLength ?? LONGEST_TEXT;
  return castScalars(
    column,
    rows,
    { from: from.type, to: to.type, maxLength, exact, key: from.primaryKey === true, meter },
    refuseRow,
  );
}

/** Casts that can change a value have a report. */
function canLose({ from, to }: BoundCast): boolean {
  if (from.type === to.type) return to.type === 'VARCHAR';
  if (to.type === 'FLOAT_VECTOR' || to.type === 'JSON') return false;
  if (to.type === 'VARCHAR') return false;
  const wide = to.type === 'DOUBLE' && from.type !== 'INT64' && from.type !== 'VARCHAR';
  return !wide;
}

function report(name: StepName, cast: BoundCast): LossReport {
  const { from, to, meter, rows } = cast;
  const head = `${shown(from.name)} from ${from.type} to ${to.type}`;
  if (to.type === 'VARCHAR') {
    const text = `${head}: ${meter.changed} of ${meter.values} texts cut to ${to.maxLength} bytes`;
    const figures = { values: meter.values, changed: meter.changed };
    return { ...name, field: from.name, rows, affected: meter.changed, figures, text };
  }
  const text = `${head}: ${errorWords(meter)}`;
  return { ...name, field: from.name, rows, affected: meter.changed, figures: errorFigures(meter), text };
}

function warningsOf(name: StepName, casts: readonly BoundCast[]): string[] {
  return casts
    .filter(({ from, to }) => from.defaultValue !== undefined && to.defaultValue === undefined)
    .map(({ from, to }) => {
      const step = `transforms: step ${name.step} (${name.kind})`;
      return `${step}: the default value of ${shown(from.name)} is not carried over to ${to.type}`;
    });
}

/**
 * Gives fields another type. Values that the type cannot hold exactly are refused or counted (`on_loss`); those that it
 * cannot hold at all (texts that are no numbers, NaN as an integer, beyond the range of a float type) are always refused.
 */
export function bindCast(name: StepName, schema: Schema, fields: Readonly<Record<string, CastTarget>>): BoundStep {
  const pairs = Object.entries(fields);
  checkSome(name, pairs.length);
  const casts = pairs.map(([field, target]) => bindOne(name, schema, field, target));
  const changed = schema.fields.map((field, i) => {
    const cast = casts.find((c) => c.index === i);
    return cast ? toArrowField(cast.to) : field;
  });
  return {
    schema: new Schema(changed, schema.metadata),
    warnings: warningsOf(name, casts),
    losses: () => casts.filter(canLose).map((cast) => report(name, cast)),
    apply(frame, nameOf) {
      const columns = casts.map((cast): [number, Column] => {
        const refuseRow: RefuseRow = (row, message, hint) =>
          badRow(name, nameOf(frame, row), `${shown(cast.from.name)}: ${message}`, hint);
        return [cast.index, castColumn(cast, frame.columns[cast.index]!, frame.rows, refuseRow)];
      });
      return withColumns(frame, new Map(columns));
    },
  };
}
