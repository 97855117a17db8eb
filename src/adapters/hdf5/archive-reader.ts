import { setImmediate as nextTurn } from 'node:timers/promises';
import { Schema } from 'apache-arrow';
import { makeBatch } from '../../batch/columns.js';
import { type FieldSpec, toArrowField } from '../../batch/fields.js';
import { throwIfAborted } from '../../util/abort.js';
import type { ReadBatch, ReadOptions } from '../types.js';
import { type ArchiveLane, type LaneStreams, openLane } from './archive-lanes.js';
import type { ArchiveColumn } from './archive-plan.js';
import type { ColumnPlan } from './column-plan.js';
import type { Hdf5File } from './file.js';
import { startRow, type Workspace } from './reader.js';
import { fixedColumn, windowRows } from './window.js';

/** Rows at whose lengths is looked for the first batch. */
const FIRST_ROWS = 1024;
const MAX_VARIABLE_ROWS = 1 << 18;
/** Bytes of text, or of offsets, that are read at a time. */
const WINDOW_BYTES = 256 << 10;
/** Bytes between the regions of two datasets on the heap, so that every element type is aligned. */
const ALIGNMENT = 64;

/** What a pass over one archive reads. */
export interface ArchivePass {
  readonly file: Hdf5File;
  readonly rows: number;
  readonly columns: readonly ArchiveColumn[];
  /** Fields of the batches, in the order of `columns`. */
  readonly fields: readonly FieldSpec[];
}

type StreamName = keyof LaneStreams;
const STREAMS: readonly StreamName[] = ['values', 'offsets', 'itemOffsets', 'valid'];

/** A dataset that a pass reads, and how many of its rows at a time. */
interface Window {
  readonly plan: ColumnPlan;
  readonly rows: number;
  readonly bytes: number;
}

function planWindow(plan: ColumnPlan, batchRows: number | undefined): Window {
  const total = plan.dataset.shape?.[0] ?? 0;
  const wanted = batchRows ?? Math.ceil(WINDOW_BYTES / plan.heapRowBytes);
  const rows = windowRows(plan, wanted, total);
  return { plan, rows, bytes: Math.ceil((rows * plan.heapRowBytes) / ALIGNMENT) * ALIGNMENT };
}

/** Opens all datasets of a pass side by side on the heap. */
function openLanes(pass: ArchivePass, workspace: Workspace, batchRows: number): ArchiveLane[] {
  const { file, columns } = pass;
  const windows = columns.map((column) =>
    STREAMS.map((name) => {
      const plan = column[name];
      const perRow = name === 'values' && column.layout === 'values';
      return plan && planWindow(plan, perRow ? batchRows : undefined);
    }),
  );
  const total = windows.flat().reduce((sum, window) => sum + (window?.bytes ?? 0), 0);
  let { pointer } = workspace.heap(file.library, total, `reading ${file.path}`);
  return columns.map((column, i) => {
    const streams = STREAMS.map((name, j) => {
      const window = windows[i]![j];
      if (!window) return [name, undefined];
      const region = { pointer, rows: window.rows };
      pointer += window.bytes;
      return [name, fixedColumn(file, window.plan, region, window.plan.dataset.shape?.[0] ?? 0)];
    });
    return openLane(file, column, Object.fromEntries(streams.filter(([, stream]) => stream)) as LaneStreams);
  });
}

/** The most of the measured rows whose values have at most `maxBytes`; at least one. */
function fitRows(lanes: readonly ArchiveLane[], measured: number, fixedBytes: number, maxBytes: number): number {
  const fits = (rows: number): boolean =>
    lanes.reduce((sum, lane) => sum + lane.variableBytes(rows), rows * fixedBytes) <= maxBytes;
  if (fits(measured)) return measured;
  let [low, high] = [1, measured];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * Reads an archive in batches of at most `maxBytes`, from the row behind `after` on. The cursor is the number of rows
 * read. Every batch shares the memory of the pass. Throws SRC_CORRUPT, SRC_CHANGED, SRC_BAD_ROW, INTERRUPTED.
 */
export async function* readArchive(
  pass: ArchivePass,
  options: ReadOptions,
  workspace: Workspace,
): AsyncGenerator<ReadBatch> {
  const { file, rows: totalRows } = pass;
  const schema = new Schema(pass.fields.map(toArrowField));
  const fixed = pass.columns.reduce((sum, c) => sum + (c.layout === 'values' ? c.values.heapRowBytes : 0), 0);
  const variable = pass.columns.some((column) => column.layout !== 'values');
  const byBytes = Math.max(1, Math.floor(options.maxBytes / Math.max(fixed, 1)));
  const most = Math.min(byBytes, Math.max(totalRows, 1), variable ? MAX_VARIABLE_ROWS : Number.POSITIVE_INFINITY);
  const lanes = openLanes(pass, workspace, most);
  let row = startRow(options.after, totalRows, file.path);
  let wanted = variable ? FIRST_ROWS : most;
  while (row < totalRows) {
    throwIfAborted(options.signal);
    const measured = Math.min(wanted, most, totalRows - row);
    for (const lane of lanes) lane.measure(row, measured);
    const rows = fitRows(lanes, measured, fixed, options.maxBytes);
    const filled = lanes.map((lane) => lane.fill(rows));
    file.checkUnchanged();
    const batch = makeBatch(
      schema,
      rows,
      filled.map(({ values }) => values),
      filled.map(({ valid }) => valid),
    );
    yield { batch, cursor: String(row + rows), firstRow: row };
    row += rows;
    // Little more than will be taken: what is measured beyond that is measured again.
    if (variable) wanted = rows === measured ? rows * 2 : rows + (rows >> 3) + 16;
    // The library works synchronously: signals and timers get their turn here.
    await nextTurn();
  }
}
