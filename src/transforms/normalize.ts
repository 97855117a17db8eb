import type { Schema } from 'apache-arrow';
import type { FieldSpec } from '../batch/fields.js';
import {
  type BoundStep,
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
import { normalizeInto, squaredNorm } from './vectors.js';

interface Tally {
  readonly index: number;
  readonly spec: FieldSpec;
  rows: number;
  normalized: number;
  zero: number;
  least: number;
  most: number;
}

function check(name: StepName, spec: FieldSpec): void {
  if (spec.type === 'FLOAT_VECTOR') return;
  const castable = spec.type === 'FLOAT16_VECTOR' || spec.type === 'BFLOAT16_VECTOR' || spec.type === 'INT8_VECTOR';
  throw refuse(
    name,
    `${shown(spec.name)} is ${spec.type}, allowed: FLOAT_VECTOR`,
    castable ? 'Cast it to FLOAT_VECTOR in a step before, and back behind.' : undefined,
  );
}

function normalized(column: Column, rows: number, tally: Tally): Column {
  const { width, valid } = column;
  const floats = column.values as Float32Array;
  const out = new Float32Array(rows * width);
  for (let row = 0; row < rows; row++) {
    const from = row * width;
    if (valid?.[row] === 0) continue;
    tally.rows++;
    const norm = Math.sqrt(squaredNorm(floats, from, from + width));
    if (normalizeInto(floats, from, from + width, out, from)) {
      tally.normalized++;
      tally.least = Math.min(tally.least, norm);
      tally.most = Math.max(tally.most, norm);
    } else if (norm === 0) tally.zero++;
  }
  return { ...column, values: out };
}

function report(name: StepName, tally: Tally): LossReport {
  const { spec, rows, normalized: done, zero, least, most } = tally;
  const lengths = done === 0 ? '' : `, lengths were ${least.toPrecision(4)} to ${most.toPrecision(4)}`;
  const kept = zero === 0 ? '' : `; ${zero} zero vectors kept as they are`;
  return {
    ...name,
    field: spec.name,
    rows,
    affected: zero,
    figures: {
      normalized: done,
      zero_vectors: zero,
      not_finite: rows - done - zero,
      ...(done === 0 ? {} : { min_norm: least, max_norm: most }),
    },
    text: `${shown(spec.name)}: ${done} of ${rows} vectors brought to length 1${lengths}${kept}`,
  };
}

/**
 * Brings float vectors to the Euclidean length 1, summing in double precision. Zero vectors have no direction: they stay
 * and are counted, as vectors with NaN or infinity do, which the check for finite values finds.
 */
export function bindNormalize(name: StepName, schema: Schema, fields: readonly string[]): BoundStep {
  checkSome(name, fields.length);
  const tallies = [...new Set(fields)].map((field): Tally => {
    const spec = fieldSpec(name, schema, field);
    check(name, spec);
    const index = fieldIndex(name, schema, field);
    return { index, spec, rows: 0, normalized: 0, zero: 0, least: Number.POSITIVE_INFINITY, most: 0 };
  });
  return {
    schema,
    apply: (frame) =>
      withColumns(frame, new Map(tallies.map((t) => [t.index, normalized(frame.columns[t.index]!, frame.rows, t)]))),
    losses: () => tallies.map((tally) => report(name, tally)),
  };
}
