import type { FlatValues, RawValues, TextColumn } from '../../batch/columns.js';
import { formatCount } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { ArchiveColumn } from './archive-plan.js';
import { openStarts, reusable } from './archive-starts.js';
import { findInvalidText } from './archive-text.js';
import { MAX_TEXT_BYTES } from './column-plan.js';
import type { Hdf5File } from './file.js';
import type { FixedColumn } from './window.js';

/** Values of some rows as a batch takes them. */
export interface Filled {
  readonly values: RawValues;
  readonly valid?: Uint8Array;
}

/** One field of a pass over an archive. Rows are asked for in ascending order; memory is reused from call to call. */
export interface ArchiveLane {
  readonly column: ArchiveColumn;
  /** Looks at where the rows begin. Afterwards `variableBytes` and `fill` take up to as many of them. */
  measure(first: number, rows: number): void;
  /** Bytes of the first `rows` of the measured rows, where rows differ in length; else 0. */
  variableBytes(rows: number): number;
  /** Reads the first `rows` of the measured rows. Throws SRC_CORRUPT, SRC_BAD_ROW. */
  fill(rows: number): Filled;
}

/** The open datasets of a column. */
export interface LaneStreams {
  readonly values: FixedColumn;
  readonly offsets?: FixedColumn;
  readonly itemOffsets?: FixedColumn;
  readonly valid?: FixedColumn;
}

/** No value of Milvus comes near; a damaged file must not ask for more memory than this. */
const MAX_ROW_BYTES = 256 << 20;

/** Makes arrays for the values of a field. Vectors other than float ones are bytes in a batch. */
function valueArray({ field, values }: ArchiveColumn): (length: number) => FlatValues {
  if (field.type.endsWith('_VECTOR') && field.type !== 'FLOAT_VECTOR') return (length) => new Uint8Array(length);
  switch (values.dataset.element.label) {
    case 'int8':
      return (length) => new Int8Array(length);
    case 'int16':
      return (length) => new Int16Array(length);
    case 'int32':
      return (length) => new Int32Array(length);
    case 'int64':
      return (length) => new BigInt64Array(length);
    case 'float32':
      return (length) => new Float32Array(length);
    case 'float64':
      return (length) => new Float64Array(length);
    default:
      return (length) => new Uint8Array(length);
  }
}

function elements(plan: { readonly dataset: { readonly shape: readonly number[] | undefined } }): number {
  return plan.dataset.shape?.[0] ?? 0;
}

/** What all lanes share: the rows that were measured, and whether each has a value. */
interface Base {
  first: number;
  valid(rows: number): Uint8Array | undefined;
}

function openBase(stream: FixedColumn | undefined): Base {
  const bytes = reusable((length) => new Uint8Array(length));
  return {
    first: 0,
    valid(rows) {
      if (!stream) return undefined;
      const out = bytes(rows).subarray(0, rows);
      stream.copy(this.first, rows, out);
      return out.includes(0) ? out : undefined;
    },
  };
}

function filled(values: RawValues, valid: Uint8Array | undefined): Filled {
  return valid ? { values, valid } : { values };
}

function valuesLane(column: ArchiveColumn, streams: LaneStreams): ArchiveLane {
  const array = reusable(valueArray(column));
  const base = openBase(streams.valid);
  const { width } = column.values;
  return {
    column,
    measure(first) {
      base.first = first;
    },
    variableBytes: () => 0,
    fill(rows) {
      const out = array(rows * width);
      streams.values.copy(base.first, rows, out);
      return filled(out, base.valid(rows));
    },
  };
}

function badRow(file: Hdf5File, column: ArchiveColumn, row: number, what: string): MilvusdmError {
  const name = column.values.dataset.name;
  return fail('SRC_BAD_ROW', `row ${formatCount(row)} of dataset "${name}" of ${file.path} ${what}`);
}

/** What Milvus would refuse: no UTF-8, text that is too long, half a pair of a sparse vector. */
function checkTexts(file: Hdf5File, column: ArchiveColumn, texts: TextColumn, rows: number, firstRow: number): void {
  const { type } = column.field;
  const { bytes, offsets } = texts;
  if (type === 'SPARSE_FLOAT_VECTOR') {
    for (let i = 0; i < rows; i++) {
      const size = offsets[i + 1]! - offsets[i]!;
      if (size % 8 !== 0) throw badRow(file, column, firstRow + i, `has ${size} bytes; sparse vectors are pairs of 8`);
    }
    return;
  }
  const bad = findInvalidText(bytes, offsets, rows);
  if (bad >= 0) throw badRow(file, column, firstRow + bad, 'is not valid UTF-8');
  if (type === 'JSON') return;
  for (let i = 0; i < rows; i++) {
    const size = offsets[i + 1]! - offsets[i]!;
    if (size <= MAX_TEXT_BYTES) continue;
    const most = formatCount(MAX_TEXT_BYTES);
    throw badRow(file, column, firstRow + i, `has ${formatCount(size)} bytes; text fields hold ${most}`);
  }
}

/** Throws where one row alone would take more memory than any value needs. */
function checkRowBytes(file: Hdf5File, column: ArchiveColumn, row: number, bytes: number): void {
  if (bytes <= MAX_ROW_BYTES) return;
  const name = column.values.dataset.name;
  throw fail(
    'SRC_CORRUPT',
    `row ${formatCount(row)} of dataset "${name}" of ${file.path} claims ${formatCount(bytes)} bytes`,
  );
}

function textLane(file: Hdf5File, column: ArchiveColumn, streams: LaneStreams): ArchiveLane {
  const offsets = column.offsets!;
  const starts = openStarts({
    stream: streams.offsets!,
    name: offsets.dataset.name,
    path: file.path,
    total: elements(offsets) - 1,
    end: elements(column.values),
  });
  const buffer = reusable((length) => new Uint8Array(length));
  const base = openBase(streams.valid);
  return {
    column,
    measure(first, rows) {
      base.first = first;
      starts.read(first, rows);
      checkRowBytes(file, column, first, starts.at(1) - starts.at(0));
    },
    variableBytes: (rows) => starts.at(rows) - starts.at(0),
    fill(rows) {
      const size = starts.at(rows) - starts.at(0);
      const bytes = buffer(size).subarray(0, size);
      streams.values.copy(starts.at(0), size, bytes);
      const texts = { bytes, offsets: starts.rebased(rows) };
      checkTexts(file, column, texts, rows, base.first);
      return filled(texts, base.valid(rows));
    },
  };
}

function listLane(file: Hdf5File, column: ArchiveColumn, streams: LaneStreams): ArchiveLane {
  const { path } = file;
  const offsets = column.offsets!;
  const { itemOffsets, values } = column;
  const items = itemOffsets ? elements(itemOffsets) - 1 : elements(values);
  const total = elements(offsets) - 1;
  const rowStarts = openStarts({ stream: streams.offsets!, name: offsets.dataset.name, path, total, end: items });
  const itemStarts =
    itemOffsets &&
    openStarts({
      stream: streams.itemOffsets!,
      name: itemOffsets.dataset.name,
      path,
      total: items,
      end: elements(values),
    });
  const array = reusable(valueArray(column));
  const base = openBase(streams.valid);
  const bytesOf = (count: number): number =>
    itemStarts ? itemStarts.at(count) - itemStarts.at(0) : count * values.heapRowBytes;
  const itemsOf = (rows: number): number => rowStarts.at(rows) - rowStarts.at(0);
  return {
    column,
    measure(first, rows) {
      base.first = first;
      rowStarts.read(first, rows);
      checkRowBytes(file, column, first, itemsOf(1) * 8);
      itemStarts?.read(rowStarts.at(0), itemsOf(rows));
      checkRowBytes(file, column, first, bytesOf(itemsOf(1)));
    },
    variableBytes: (rows) => bytesOf(itemsOf(rows)),
    fill(rows) {
      const count = itemsOf(rows);
      const from = itemStarts ? itemStarts.at(0) : rowStarts.at(0);
      const size = itemStarts ? bytesOf(count) : count;
      const out = array(size).subarray(0, size);
      if (size > 0) streams.values.copy(from, size, out);
      const parts = itemStarts ? { bytes: out as Uint8Array, offsets: itemStarts.rebased(count) } : out;
      if ('bytes' in parts) checkTexts(file, column, parts, count, base.first);
      return filled({ items: parts, offsets: rowStarts.rebased(rows) }, base.valid(rows));
    },
  };
}

/** Opens a column of an archive over its open datasets. */
export function openLane(file: Hdf5File, column: ArchiveColumn, streams: LaneStreams): ArchiveLane {
  switch (column.layout) {
    case 'values':
      return valuesLane(column, streams);
    case 'text':
      return textLane(file, column, streams);
    default:
      return listLane(file, column, streams);
  }
}
