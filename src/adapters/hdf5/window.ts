import { formatCount } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { type ColumnPlan, MAX_TEXT_BYTES } from './column-plan.js';
import type { OutputArray } from './decode.js';
import type { Hdf5File } from './file.js';
import { appendFixedTexts, appendPointedTexts, type TextBuilder, textBuilder } from './text.js';

/** Heap that one column may take so that its chunks are read once; larger bands of chunks are read in parts. */
const MAX_WINDOW_BYTES = 24 << 20;
const LARGE_CHUNK_WINDOW_BYTES = 256 << 20;
/** Reading fewer bytes at a time costs more for the call than for the data. */
const MIN_WINDOW_BYTES = 64 << 10;
/** Variable-length text: rows and bytes that are aimed at in one read, as lengths are known only afterwards. */
const MAX_TEXT_ROWS = 16384;
const TEXT_WINDOW_BYTES = 1 << 20;
const FIRST_TEXT_ROWS = 128;

function chunkRows(plan: ColumnPlan): number {
  return plan.dataset.chunks?.[0] ?? 1;
}

/**
 * Rows that one read of a column takes. The library forgets decompressed chunks between reads, so reads begin and end at
 * chunks wherever the memory allows; batches are cut from what was read.
 */
export function windowRows(plan: ColumnPlan, batchRows: number, totalRows: number): number {
  if (plan.dataset.element.kind === 'vlen-text') return Math.min(MAX_TEXT_ROWS, Math.max(totalRows, 1));
  const unit = chunkRows(plan);
  const rowBytes = Math.max(plan.heapRowBytes, 1);
  const { chunks, element, filters } = plan.dataset;
  const chunkBytes = filters.length === 0 ? 0 : (chunks ?? []).reduce((bytes, n) => bytes * n, element.bytes);
  const cap = Math.max(MAX_WINDOW_BYTES, Math.min(chunkBytes, LARGE_CHUNK_WINDOW_BYTES));
  const capRows = Math.max(1, Math.floor(cap / rowBytes));
  const wanted = Math.max(batchRows, Math.ceil(MIN_WINDOW_BYTES / rowBytes));
  let rows = Math.ceil(wanted / unit) * unit;
  if (rows > capRows) rows = capRows < unit ? capRows : Math.floor(capRows / unit) * unit;
  return Math.min(rows, Math.max(totalRows, 1));
}

/** Part of the heap that belongs to one column of one read. */
export interface Region {
  readonly pointer: number;
  /** Rows that fit. */
  readonly rows: number;
}

function badRow(file: Hdf5File, plan: ColumnPlan, row: number, what: string): MilvusdmError {
  return fail('SRC_BAD_ROW', `row ${formatCount(row)} of dataset "${plan.dataset.name}" of ${file.path} ${what}`, {
    hint: 'Mend the source: this value fits no field of its type.',
  });
}

/** Offsets and counts per dimension for some rows of a column. */
function selection(plan: ColumnPlan, first: number, rows: number): [offset: number[], count: number[]] {
  const rank = plan.dataset.shape?.length ?? 1;
  return rank === 1
    ? [[first], [rows]]
    : [
        [first, 0],
        [rows, plan.width],
      ];
}

function readRows(file: Hdf5File, plan: ColumnPlan, first: number, rows: number, pointer: number): void {
  const [offset, count] = selection(plan, first, rows);
  file.read(plan.dataset.path, offset, count, pointer);
}

/** A column of fixed row size, read in windows; rows are asked for in ascending order. */
export interface FixedColumn {
  /** Copies rows to `out` from element 0 on. Throws SRC_CORRUPT, SRC_BAD_ROW. */
  copy(first: number, rows: number, out: OutputArray | TextBuilder): void;
}

function copyRows(
  file: Hdf5File,
  plan: ColumnPlan,
  pointer: number,
  row: number,
  rows: number,
  out: OutputArray | TextBuilder,
  at: number,
): void {
  const heap = file.library.module.HEAPU8;
  const { element } = plan.dataset;
  if (element.kind === 'text') {
    appendFixedTexts(out as TextBuilder, heap, pointer, rows, element.bytes, element.padding);
    return;
  }
  const bad = plan.decode!(heap, pointer, rows * plan.width, out as OutputArray, at * plan.width);
  if (bad >= 0) {
    const value = new DataView(heap.buffer, pointer + bad * 8, 8).getBigUint64(0, true);
    throw badRow(file, plan, row + bad, `is ${value}, beyond the largest int64`);
  }
}

/** Opens a column whose rows all have the same size in the file. */
export function fixedColumn(file: Hdf5File, plan: ColumnPlan, region: Region, totalRows: number): FixedColumn {
  const unit = chunkRows(plan);
  let start = 0;
  let end = 0;
  const fill = (row: number): void => {
    // From the start of the chunk, which is decompressed whole anyway, as long as the row itself is still reached.
    const aligned = Math.floor(row / unit) * unit;
    start = row < aligned + region.rows && region.rows >= unit ? aligned : row;
    end = Math.min(start + region.rows, totalRows);
    try {
      readRows(file, plan, start, end - start, region.pointer);
    } catch (thrown) {
      // Once more chunk by chunk, so that the error names the rows that are damaged.
      if (plan.dataset.chunks && !file.library.worn()) {
        for (let at = start; at < end; at += unit) readRows(file, plan, at, Math.min(unit, end - at), region.pointer);
      }
      throw thrown;
    }
  };
  return {
    copy(first, rows, out) {
      let row = first;
      while (row < first + rows) {
        if (row < start || row >= end) fill(row);
        const take = Math.min(first + rows, end) - row;
        const pointer = region.pointer + (row - start) * plan.heapRowBytes;
        copyRows(file, plan, pointer, row, take, out, row - first);
        row += take;
      }
    },
  };
}

/** A column of variable-length text. Rows are asked for in ascending order. */
export interface VariableColumn {
  /** Bytes of the text of a row; reads on where needed. */
  length(row: number): number;
  /** Appends the text of a row whose length was asked for. */
  append(row: number, out: TextBuilder): void;
}

/** Opens a column of variable-length text, which is read in windows that adapt to how long the texts are. */
export function variableColumn(file: Hdf5File, plan: ColumnPlan, region: Region, totalRows: number): VariableColumn {
  const texts = textBuilder();
  let start = 0;
  let end = 0;
  let nextRows = FIRST_TEXT_ROWS;
  let column = texts.column();
  const fill = (row: number): void => {
    const rows = Math.min(nextRows, region.rows, totalRows - row);
    const [offset, count] = selection(plan, row, rows);
    const { module } = file.library;
    // A pointer that the library did not write must not be followed.
    module.HEAPU8.fill(0, region.pointer, region.pointer + rows * 4);
    file.read(plan.dataset.path, offset, count, region.pointer);
    texts.clear();
    const bad = appendPointedTexts(texts, module.HEAPU8, region.pointer, rows);
    file.reclaim(plan.dataset.path, count, region.pointer);
    if (bad >= 0) {
      const where = `row ${formatCount(row + bad)} of dataset "${plan.dataset.name}" of ${file.path}`;
      throw fail('SRC_CORRUPT', `${where} holds no valid text`);
    }
    column = texts.column();
    [start, end] = [row, row + rows];
    const fitting = Math.floor(TEXT_WINDOW_BYTES / Math.max(texts.size / rows, 1));
    nextRows = Math.max(1, Math.min(fitting, rows * 8, MAX_TEXT_ROWS));
  };
  return {
    length(row) {
      if (row < start || row >= end) fill(row);
      return column.offsets[row - start + 1]! - column.offsets[row - start]!;
    },
    append(row, out) {
      out.append(column.bytes, column.offsets[row - start]!, column.offsets[row - start + 1]!);
    },
  };
}

/** Throws SRC_BAD_ROW for the first text of a batch that Milvus would refuse: not UTF-8, or too long. */
export function checkTexts(file: Hdf5File, plan: ColumnPlan, texts: TextBuilder, firstRow: number): void {
  const invalid = texts.findInvalid();
  if (invalid >= 0) throw badRow(file, plan, firstRow + invalid, 'is not valid UTF-8');
  const { offsets } = texts.column();
  for (let i = 0; i < texts.rows; i++) {
    const bytes = offsets[i + 1]! - offsets[i]!;
    if (bytes > MAX_TEXT_BYTES) {
      throw badRow(
        file,
        plan,
        firstRow + i,
        `has ${formatCount(bytes)} bytes; text fields hold ${formatCount(MAX_TEXT_BYTES)}`,
      );
    }
  }
}
