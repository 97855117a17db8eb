import { setImmediate as nextTurn } from 'node:timers/promises';
import { Schema } from 'apache-arrow';
import { makeBatch, type RawValues } from '../../batch/columns.js';
import { type FieldSpec, toArrowField } from '../../batch/fields.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import type { Cursor, ReadBatch, ReadOptions } from '../types.js';
import type { ColumnPlan } from './column-plan.js';
import type { OutputArray } from './decode.js';
import type { Hdf5File } from './file.js';
import { type TextBuilder, textBuilder } from './text.js';
import type { Hdf5Library, HeapBlock } from './wasm.js';
import {
  checkTexts,
  type FixedColumn,
  fixedColumn,
  type VariableColumn,
  variableColumn,
  windowRows,
} from './window.js';

/** Memory of one pass over a file: kept from pass to pass, and grown where a pass needs more. */
export interface Workspace {
  /** Heap for the columns' windows, at least `bytes`. */
  heap(library: Hdf5Library, bytes: number, what: string): HeapBlock;
  /** The output array of a field, with room for at least `length` elements. */
  array(field: FieldSpec, length: number): OutputArray;
  text(field: FieldSpec): TextBuilder;
  free(): void;
}

const ARRAYS = {
  BOOL: Uint8Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FLOAT: Float32Array,
  DOUBLE: Float64Array,
  FLOAT_VECTOR: Float32Array,
  BINARY_VECTOR: Uint8Array,
} as const;

/** Makes an empty workspace. The one who made it frees it. */
export function openWorkspace(): Workspace {
  let block: HeapBlock | undefined;
  let owner: Hdf5Library | undefined;
  const arrays = new Map<string, OutputArray>();
  const texts = new Map<string, TextBuilder>();
  return {
    heap(library, bytes, what) {
      if (block && owner === library && block.bytes >= bytes) return block;
      block?.free();
      block = undefined;
      block = library.allocate(bytes, what);
      owner = library;
      return block;
    },
    array(field, length) {
      let array = arrays.get(field.name);
      if (!array || array.length < length) {
        array = new ARRAYS[field.type as keyof typeof ARRAYS](length);
        arrays.set(field.name, array);
      }
      return array;
    },
    text(field) {
      let builder = texts.get(field.name);
      if (!builder) {
        builder = textBuilder();
        texts.set(field.name, builder);
      }
      return builder;
    },
    free() {
      block?.free();
      block = undefined;
      owner = undefined;
      arrays.clear();
      texts.clear();
    },
  };
}

/** One column of a pass: where it is read, and where its values go. */
interface Lane {
  readonly plan: ColumnPlan;
  readonly fixed?: FixedColumn;
  readonly variable?: VariableColumn;
  readonly array?: OutputArray;
  readonly text?: TextBuilder;
}

/** Bytes between the regions of two columns on the heap, so that every element type is aligned. */
const ALIGNMENT = 64;

function openLanes(
  file: Hdf5File,
  plans: readonly ColumnPlan[],
  workspace: Workspace,
  batchRows: number,
  totalRows: number,
): Lane[] {
  const sizes = plans.map((plan) => windowRows(plan, batchRows, totalRows));
  const bytes = plans.map((plan, i) => Math.ceil((sizes[i]! * plan.heapRowBytes) / ALIGNMENT) * ALIGNMENT);
  const total = bytes.reduce((sum, n) => sum + n, 0);
  let { pointer } = workspace.heap(file.library, total, `"${file.path}"`);
  return plans.map((plan, i) => {
    const region = { pointer, rows: sizes[i]! };
    pointer += bytes[i]!;
    const { kind } = plan.dataset.element;
    const output = plan.decode
      ? { array: workspace.array(plan.field, batchRows * plan.width) }
      : { text: workspace.text(plan.field) };
    return kind === 'vlen-text'
      ? { plan, variable: variableColumn(file, plan, region, totalRows), ...output }
      : { plan, fixed: fixedColumn(file, plan, region, totalRows), ...output };
  });
}

/** Rows from `row` on, at most `rows`, whose texts of unknown length leave room for the rest within `maxBytes`. */
function fitTexts(lanes: readonly Lane[], row: number, rows: number, fixedBytes: number, maxBytes: number): number {
  const variable = lanes.filter((lane) => lane.variable);
  if (variable.length === 0) return rows;
  let bytes = 0;
  for (let i = 0; i < rows; i++) {
    bytes += fixedBytes;
    for (const lane of variable) bytes += lane.variable!.length(row + i);
    if (bytes > maxBytes && i > 0) return i;
    for (const lane of variable) lane.variable!.append(row + i, lane.text!);
  }
  return rows;
}

function fillBatch(file: Hdf5File, lanes: readonly Lane[], row: number, rows: number): RawValues[] {
  return lanes.map((lane) => {
    const { plan, fixed, text, array } = lane;
    if (fixed) fixed.copy(row, rows, array ?? text!);
    if (!text) return array!;
    checkTexts(file, plan, text, row);
    return text.column();
  });
}

/** What a pass over one file reads. */
export interface Pass {
  readonly file: Hdf5File;
  readonly rows: number;
  readonly plans: readonly ColumnPlan[];
  /** Fields of the batches, in the order of `plans`. */
  readonly fields: readonly FieldSpec[];
}

/** Row behind a cursor; SRC_CHANGED for one that is none of this file. */
export function startRow(after: Cursor | undefined, rows: number, path: string): number {
  if (after === undefined) return 0;
  const row = /^\d+$/.test(after) ? Number(after) : Number.NaN;
  if (Number.isSafeInteger(row) && row <= rows) return row;
  throw fail('SRC_CHANGED', `${path} has ${rows} rows and cannot go on behind row ${after}`);
}

/** Rows of a batch by bytes; whole chunks of the first chunked column where that loses nothing. */
function rowsPerBatch(plans: readonly ColumnPlan[], rowBytes: number, maxBytes: number): [rows: number, unit: number] {
  const rows = Math.max(1, Math.floor(maxBytes / Math.max(rowBytes, 1)));
  const widest = plans.reduce((a, b) => (b.heapRowBytes > a.heapRowBytes ? b : a));
  const unit = widest.dataset.chunks?.[0] ?? 1;
  return unit <= rows ? [rows - (rows % unit), unit] : [rows, 1];
}

/** Texts of unknown length: so many rows are looked at for one batch at most. */
const MAX_VARIABLE_ROWS = 1 << 18;

/**
 * Reads a file in batches of at most `maxBytes`, from the row behind `after` on. The cursor is the number of rows read.
 * Every batch shares the workspace's memory. Throws SRC_CORRUPT, SRC_CHANGED, SRC_BAD_ROW, INTERRUPTED.
 */
export async function* readPass(pass: Pass, options: ReadOptions, workspace: Workspace): AsyncGenerator<ReadBatch> {
  const { file, plans, rows: totalRows } = pass;
  const schema = new Schema(pass.fields.map(toArrowField));
  const fixedBytes = plans.reduce((sum, plan) => sum + plan.batchRowBytes, 0);
  const [byBytes, unit] = rowsPerBatch(plans, fixedBytes, options.maxBytes);
  const variable = plans.some((plan) => plan.dataset.element.kind === 'vlen-text');
  const batchRows = Math.min(byBytes, Math.max(totalRows, 1), variable ? MAX_VARIABLE_ROWS : Number.POSITIVE_INFINITY);
  const lanes = openLanes(file, plans, workspace, batchRows, totalRows);
  let row = startRow(options.after, totalRows, file.path);
  while (row < totalRows) {
    throwIfAborted(options.signal);
    for (const lane of lanes) lane.text?.clear();
    // Back to a chunk's start after a resume in the middle of one.
    const aligned = Math.floor((row + batchRows) / unit) * unit;
    const planned = Math.min(aligned > row ? aligned : row + batchRows, totalRows) - row;
    const rows = fitTexts(lanes, row, planned, fixedBytes, options.maxBytes);
    const columns = fillBatch(file, lanes, row, rows);
    file.checkUnchanged();
    yield { batch: makeBatch(schema, rows, columns), cursor: String(row + rows), firstRow: row };
    row += rows;
    // The library works synchronously: signals and timers get their turn here.
    await nextTurn();
  }
}
