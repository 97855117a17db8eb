import { Schema } from 'apache-arrow';
import { type FlatValues, flat } from '../batch/columns.js';
import { type FieldSpec, toArrowField } from '../batch/fields.js';
import type { TruncateTarget } from '../config/transforms.js';
import {
  type BoundStep,
  type Column,
  checkSome,
  fieldIndex,
  fieldSpec,
  type LossReport,
  percent,
  refuse,
  type StepName,
  shown,
  withColumns,
} from './step.js';
import { NUMERIC_VECTORS, normalizeInto, squaredNorm, vectorFloats } from './vectors.js';

interface Tally {
  readonly index: number;
  readonly spec: FieldSpec;
  readonly target: TruncateTarget;
  rows: number;
  /** Rows of which something was cut off that is not zero. */
  affected: number;
  /** Rows with a length, which shares are computed of. */
  measured: number;
  kept: number;
  total: number;
  shares: number;
  leastShare: number;
}

const DENSE = [...NUMERIC_VECTORS, 'BINARY_VECTOR'] as const;

function check(name: StepName, spec: FieldSpec, target: TruncateTarget): void {
  const field = shown(spec.name);
  if (!DENSE.includes(spec.type)) throw refuse(name, `${field} is ${spec.type}, allowed: ${DENSE.join(', ')}`);
  const { dim, renormalize } = target;
  const most = spec.dim ?? 0;
  if (!Number.isInteger(dim) || dim < 1 || dim > most) {
    throw refuse(name, `${field} has ${most} dimensions, which cannot become ${dim}, allowed: 1 to ${most}`);
  }
  if (spec.type === 'BINARY_VECTOR' && dim % 8 !== 0) {
    throw refuse(name, `${field} is BINARY_VECTOR, which ${dim} dimensions do not suit, allowed: a multiple of 8`);
  }
  if (renormalize && spec.type !== 'FLOAT_VECTOR') {
    throw refuse(name, `${field} is ${spec.type}, which renormalize does not suit, allowed: FLOAT_VECTOR`);
  }
}

/** Squared lengths before and after, of float32 values; rows without a finite length are left out. */
function measure(column: Column, rows: number, tally: Tally): void {
  const { spec, target } = tally;
  if (spec.type === 'BINARY_VECTOR') return;
  const width = spec.dim!;
  const floats = vectorFloats(spec.type, column);
  for (let row = 0; row < rows; row++) {
    if (column.valid?.[row] === 0) continue;
    const from = row * width;
    const kept = squaredNorm(floats, from, from + target.dim);
    const cut = squaredNorm(floats, from + target.dim, from + width);
    const total = kept + cut;
    if (cut > 0) tally.affected++;
    if (total === 0 || !Number.isFinite(total)) continue;
    tally.measured++;
    tally.kept += kept;
    tally.total += total;
    tally.shares += kept / total;
    tally.leastShare = Math.min(tally.leastShare, kept / total);
  }
}

function firstPart(values: FlatValues, width: number, kept: number, rows: number): FlatValues {
  // Not by the constructor of a Buffer, which takes no length.
  const make = (values instanceof Uint8Array ? Uint8Array : values.constructor) as new (length: number) => FlatValues;
  const out = new make(rows * kept);
  for (let row = 0; row < rows; row++) {
    out.set(values.subarray(row * width, row * width + kept) as never, row * kept);
  }
  return out;
}

function truncated(column: Column, rows: number, tally: Tally): Column {
  const { spec, target } = tally;
  for (let row = 0; row < rows; row++) if (column.valid?.[row] !== 0) tally.rows++;
  measure(column, rows, tally);
  const source = flat(column.values);
  const kept = (column.width * target.dim) / spec.dim!;
  const values = firstPart(source, column.width, kept, rows);
  if (target.renormalize) {
    const floats = values as Float32Array;
    for (let at = 0; at < floats.length; at += kept) normalizeInto(floats, at, at + kept, floats, at);
  }
  return { ...column, values, width: kept };
}

function report(name: StepName, tally: Tally): LossReport {
  const { spec, target, rows, measured, leastShare } = tally;
  const head = `${shown(spec.name)}: ${spec.dim} dimensions cut to ${target.dim}`;
  const lost = (spec.dim ?? 0) - target.dim;
  if (spec.type === 'BINARY_VECTOR') {
    const affected = lost > 0 ? rows : 0;
    return { ...name, field: spec.name, rows, affected, figures: { dropped_dimensions: lost }, text: head };
  }
  if (measured === 0) {
    return { ...name, field: spec.name, rows, affected: 0, figures: { dropped_dimensions: lost }, text: head };
  }
  const kept = tally.kept / tally.total;
  return {
    ...name,
    field: spec.name,
    rows,
    affected: tally.affected,
    figures: {
      dropped_dimensions: lost,
      kept_share: kept,
      mean_row_share: tally.shares / measured,
      min_row_share: leastShare,
    },
    text: `${head}, which keeps ${percent(kept)} of the squared length (${percent(leastShare)} in the worst row)`,
  };
}

/**
 * Keeps the first dimensions of vectors, as models trained for it (Matryoshka) allow, and measures which share of the
 * squared length that is. `renormalize` brings what is left to length 1.
 */
export function bindTruncate(
  name: StepName,
  schema: Schema,
  fields: Readonly<Record<string, TruncateTarget>>,
): BoundStep {
  const pairs = Object.entries(fields);
  checkSome(name, pairs.length);
  const tallies = pairs.map(([field, target]): Tally => {
    const spec = fieldSpec(name, schema, field);
    check(name, spec, target);
    const index = fieldIndex(name, schema, field);
    const zero = { rows: 0, affected: 0, measured: 0, kept: 0, total: 0, shares: 0, leastShare: 1 };
    return { index, spec, target, ...zero };
  });
  const changed = schema.fields.map((field, i) => {
    const tally = tallies.find((t) => t.index === i);
    return tally ? toArrowField({ ...tally.spec, dim: tally.target.dim }) : field;
  });
  return {
    schema: new Schema(changed, schema.metadata),
    apply: (frame) =>
      withColumns(frame, new Map(tallies.map((t) => [t.index, truncated(frame.columns[t.index]!, frame.rows, t)]))),
    losses: () => tallies.map((tally) => report(name, tally)),
  };
}
