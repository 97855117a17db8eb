import { type RecordBatch, Schema } from 'apache-arrow';
import type { Bitmap } from '../batch/bitmap.js';
import { isText, keyIndex, makeBatch, rawColumn, rawColumns } from '../batch/columns.js';
import type { TransformStep } from '../config/transforms.js';
import { bindCast } from './cast.js';
import { bindConstant } from './constant.js';
import { bindJsonPath } from './json-path.js';
import { bindNormalize } from './normalize.js';
import { bindRename } from './rename.js';
import { bindSelect } from './select.js';
import { type BoundStep, type Frame, type LossReport, type RowName, type StepName, takeFrameRows } from './step.js';
import { bindTruncate } from './truncate.js';
import type { Transformer } from './types.js';
import { bindWhere } from './where.js';

/** The steps of a task, bound to the schema of its source. Counts what it does: bind again for a second pass. */
export interface BoundTransforms extends Transformer {
  /** @param without numbers, within the batch, of rows that no step gets to see, and that are left out */
  apply(batch: RecordBatch, firstRow: number, without?: ReadonlySet<number>): RecordBatch;
  /** There are no steps: all that can change is that rows are left out. */
  readonly isEmpty: boolean;
  /** What the steps have cost in all batches so far; one report per step and field that can lose something. */
  losses(): readonly LossReport[];
  /** What the user should know before anything is written. */
  readonly warnings: readonly string[];
  /** What the fields of the source are called behind the steps; those that are left out are missing. */
  readonly fieldNames: ReadonlyMap<string, string>;
}

function bindStep(schema: Schema, step: TransformStep, number: number): BoundStep {
  const name: StepName = { step: number, kind: step.kind };
  switch (step.kind) {
    case 'rename':
      return bindRename(name, schema, step.fields);
    case 'drop':
    case 'keep':
      return bindSelect(name, schema, step.fields);
    case 'cast':
      return bindCast(name, schema, step.fields);
    case 'constant':
      return bindConstant(name, schema, step.fields);
    case 'normalize':
      return bindNormalize(name, schema, step.fields);
    case 'truncate_dim':
      return bindTruncate(name, schema, step.fields);
    case 'where':
      return bindWhere(name, schema, step.expression);
    case 'json_path':
      return bindJsonPath(name, schema, step);
  }
}

/** Rows are named by what the source calls them, whatever the steps have done to the key. */
function rowNamer(batch: RecordBatch, firstRow: number): RowName {
  const key = keyIndex(batch.schema);
  return (frame, row) => {
    const at = frame.origin ? frame.origin[row]! : row;
    const number = `row ${firstRow + at}`;
    if (key < 0) return number;
    const { values } = rawColumn(batch, key);
    if (!isText(values)) return `${number} (id ${(values as BigInt64Array)[at]})`;
    const bytes = values.bytes.subarray(values.offsets[at]!, values.offsets[at + 1]!);
    return `${number} (id ${JSON.stringify(Buffer.from(bytes).toString())})`;
  };
}

/** Follows the names of the fields through a step. */
function namesAfter(names: ReadonlyMap<string, string>, step: TransformStep, schema: Schema): Map<string, string> {
  const renamed = new Map(step.kind === 'rename' ? Object.entries(step.fields) : []);
  const there = new Set(schema.fields.map((field) => field.name));
  const after = [...names].map(([from, name]): [string, string] => [from, renamed.get(name) ?? name]);
  return new Map(after.filter(([, name]) => there.has(name)));
}

/** The rows of a frame but those of which `isLeftOut` is true. */
function withoutRows(frame: Frame, isLeftOut: (row: number) => boolean): Frame {
  const kept: number[] = [];
  for (let i = 0; i < frame.rows; i++) if (!isLeftOut(i)) kept.push(i);
  return takeFrameRows(frame, kept);
}

/**
 * Binds the steps to the schema of the source, each to what the one before it gives. Throws CFG_CONFLICT for a step that
 * does not fit, naming step, field, what is there and what is allowed. `apply` shares the memory of every column that no
 * step changes, returns the batch itself when no step changes anything, and may return fewer rows (`where`); it throws
 * SRC_BAD_ROW for values that a step cannot treat.
 * @param input schema of the batches that `apply` will get
 * @param dropped rows of the run that no step gets to see, and that are left out
 */
export function bindTransforms(input: Schema, steps: readonly TransformStep[], dropped?: Bitmap): BoundTransforms {
  const bound: BoundStep[] = [];
  let schema = input;
  let fieldNames: ReadonlyMap<string, string> = new Map(input.fields.map(({ name }) => [name, name]));
  for (const [i, step] of steps.entries()) {
    const next = bindStep(schema, step, i + 1);
    bound.push(next);
    schema = next.schema;
    fieldNames = namesAfter(fieldNames, step, schema);
  }
  const output = schema === input ? input : new Schema(schema.fields, input.metadata);
  return {
    schema: output,
    fieldNames,
    warnings: bound.flatMap((step) => step.warnings ?? []),
    losses: () => bound.flatMap((step) => step.losses?.() ?? []),
    isEmpty: steps.length === 0,
    apply(batch, firstRow, without) {
      const nameOf = rowNamer(batch, firstRow);
      const first: Frame = { rows: batch.numRows, columns: rawColumns(batch) };
      const isLeftOut = (row: number): boolean => without?.has(row) || dropped?.has(firstRow + row) || false;
      let frame = dropped || without?.size ? withoutRows(first, isLeftOut) : first;
      for (const step of bound) frame = step.apply(frame, nameOf);
      if (frame === first && output === input) return batch;
      return makeBatch(
        output,
        frame.rows,
        frame.columns.map((c) => c.values),
        frame.columns.map((c) => c.valid),
      );
    },
  };
}
