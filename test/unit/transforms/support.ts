import type { RecordBatch } from 'apache-arrow';
import { makeBatch, type RawValues, rawColumn } from '../../../src/batch/columns.js';
import { type FieldSpec, isVector } from '../../../src/batch/fields.js';
import { type Value, valueAt } from '../../../src/batch/values.js';
import type { TransformStep } from '../../../src/config/transforms.js';
import { type BoundTransforms, bindTransforms } from '../../../src/transforms/bind.js';
import { MilvusdmError } from '../../../src/util/errors.js';
import { schemaOf, textColumn } from '../batch/support.js';

/** A column of a test batch; null stands for null. */
export interface Given {
  readonly spec: FieldSpec;
  readonly values: RawValues;
  readonly valid?: readonly number[];
}

/** A batch of the given columns. */
export function batchOf(rows: number, ...columns: readonly Given[]): RecordBatch {
  return makeBatch(
    schemaOf(...columns.map((c) => c.spec)),
    rows,
    columns.map((c) => c.values),
    columns.map((c) => c.valid && Uint8Array.from(c.valid)),
  );
}

export function ids(...values: readonly bigint[]): Given {
  return { spec: { name: 'id', type: 'INT64', primaryKey: true }, values: BigInt64Array.from(values) };
}

export function floats(name: string, dim: number, values: readonly number[]): Given {
  return { spec: { name, type: 'FLOAT_VECTOR', dim }, values: Float32Array.from(values) };
}

export function texts(name: string, values: readonly (string | null)[], more: Partial<FieldSpec> = {}): Given {
  const nullable = values.includes(null);
  return {
    spec: { name, type: 'VARCHAR', ...(nullable ? { nullable } : {}), ...more },
    values: textColumn(values.map((value) => value ?? '')),
    ...(nullable ? { valid: values.map((value) => Number(value !== null)) } : {}),
  };
}

/** The values of a column; text as strings, vectors as bytes. */
export function valuesOf(batch: RecordBatch, field: string): (Value | string)[] {
  const index = batch.schema.fields.findIndex((f) => f.name === field);
  const column = rawColumn(batch, index);
  const type = column.field.metadata.get('milvus.type') as FieldSpec['type'];
  return Array.from({ length: batch.numRows }, (_, row) => {
    const value = valueAt(column, row, isVector(type));
    return value instanceof Uint8Array && !isVector(type) ? Buffer.from(value).toString() : value;
  });
}

/** The values of a float vector column. */
export function floatsOf(batch: RecordBatch, field: string): number[] {
  const index = batch.schema.fields.findIndex((f) => f.name === field);
  return [...(rawColumn(batch, index).values as Float32Array)];
}

export function bind(batch: RecordBatch, ...steps: readonly TransformStep[]): BoundTransforms {
  return bindTransforms(batch.schema, steps);
}

/** Binds and applies to one batch whose first row is row 100 of the run. */
export function run(batch: RecordBatch, ...steps: readonly TransformStep[]): RecordBatch {
  return bind(batch, ...steps).apply(batch, 100);
}

/** Code and message of what an action throws. */
export function thrown(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof MilvusdmError) return `${error.code} ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}
