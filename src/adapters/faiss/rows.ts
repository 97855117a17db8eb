import { fail } from '../../util/errors.js';
import { copyFinder } from './copies.js';
import { idTranslator } from './id-map.js';
import {
  type CopiedLayout,
  dataFile,
  type FlatLayout,
  hasIds,
  type ListLayout,
  type MappedLayout,
  type RowLayout,
} from './layout.js';
import { scatterReader } from './scatter.js';
import { sliceReader } from './slices.js';
import { readInto, type SourceFile } from './source-file.js';

/** The files that hold an index. */
export interface IndexFiles {
  readonly index: SourceFile;
  /** The file of on-disk inverted lists, where there is one. */
  readonly data?: SourceFile;
}

/** What a read fills; what is absent is not read. Each holds at least the rows asked for. */
export interface RowTarget {
  /** Rows as they are stored. */
  readonly codes?: Uint8Array;
  readonly ids?: BigInt64Array;
  /** Number of the inverted list that each row lies in; rows of other layouts leave it as it is. */
  readonly lists?: Int32Array;
}

/** Fills the target with rows `first` to `first + count - 1`. Throws SRC_*. */
export type ReadRows = (first: number, count: number, target: RowTarget) => Promise<void>;

function bytesOf(ids: BigInt64Array): Uint8Array {
  return new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
}

const SPAN_BYTES = 1024 * 1024;

/** Rows behind their dimension each, which is compared with that of the first one. */
function prefixedRows(layout: FlatLayout, dim: number, file: SourceFile): ReadRows {
  const { at, rowBytes } = layout;
  const stride = rowBytes + 4;
  const most = Math.max(1, Math.floor(SPAN_BYTES / stride));
  let span: Uint8Array | undefined;
  return async (first, count, { codes }) => {
    if (!codes) return;
    span ??= new Uint8Array(Math.min(most, layout.rows) * stride);
    const view = new DataView(span.buffer);
    for (let done = 0; done < count; done += most) {
      const rows = Math.min(most, count - done);
      await readInto(file, at + (first + done) * stride, span.subarray(0, rows * stride));
      for (let row = 0; row < rows; row++) {
        const own = view.getInt32(row * stride, true);
        if (own !== dim) {
          throw fail(
            'SRC_CORRUPT',
            `${file.path}: row ${first + done + row} has dimension ${own}, the first row ${dim}`,
          );
        }
        codes.set(span.subarray(row * stride + 4, (row + 1) * stride), (done + row) * rowBytes);
      }
    }
  };
}

function countedRows(rowBytes: number): ReadRows {
  return (first, count, { codes }) => {
    for (let row = 0; codes && row < count; row++) {
      let rest = first + row;
      for (let byte = 0; byte < rowBytes; byte++, rest = Math.floor(rest / 256))
        codes[row * rowBytes + byte] = rest % 256;
    }
    return Promise.resolve();
  };
}

function flatRows(layout: FlatLayout, file: SourceFile): ReadRows {
  const { at, rowBytes, slices, prefixed, counted } = layout;
  if (counted) return countedRows(rowBytes);
  if (prefixed !== undefined) return prefixedRows(layout, prefixed, file);
  if (slices) {
    const read = sliceReader(file, slices, rowBytes);
    return async (first, count, { codes }) => {
      if (codes) await read(at, first, count, codes);
    };
  }
  return async (first, count, { codes }) => {
    if (codes) await readInto(file, at + first * rowBytes, codes.subarray(0, count * rowBytes));
  };
}

/** Index of the list that holds row `row`. */
function listOf(firstRow: Float64Array, row: number): number {
  let low = 0;
  let high = firstRow.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (firstRow[middle]! <= row) low = middle;
    else high = middle;
  }
  return low;
}

function listRows(layout: ListLayout, file: SourceFile): ReadRows {
  const { firstRow, place, rowBytes, numbers, slices } = layout;
  const scatter = scatterReader(file);
  const sliced = slices && sliceReader(file, slices, rowBytes);
  const codesAt = (list: number): number =>
    place.kind === 'packed' ? place.at + firstRow[list]! * (rowBytes + 8) : place.codesAt[list]!;
  const idsAt = (list: number): number =>
    place.kind === 'packed' ? codesAt(list) + (firstRow[list + 1]! - firstRow[list]!) * rowBytes : place.idsAt[list]!;
  const piece = async (at: number, length: number, into: Uint8Array, offset: number): Promise<void> => {
    if (!scatter.fits(at, length)) await scatter.flush();
    scatter.add(at, length, into, offset);
  };

  return async (first, count, { codes, ids, lists }) => {
    const idBytes = ids && bytesOf(ids);
    let list = listOf(firstRow, first);
    for (let done = 0; done < count; list++) {
      const inList = first + done - firstRow[list]!;
      const rows = Math.min(firstRow[list + 1]! - firstRow[list]! - inList, count - done);
      if (codes && sliced) await sliced(codesAt(list), inList, rows, codes.subarray(done * rowBytes));
      else if (codes) await piece(codesAt(list) + inList * rowBytes, rows * rowBytes, codes, done * rowBytes);
      if (idBytes) await piece(idsAt(list) + inList * 8, rows * 8, idBytes, done * 8);
      lists?.fill(numbers[list]!, done, done + rows);
      done += rows;
    }
    await scatter.flush();
  };
}

function mappedRows(layout: MappedLayout, files: IndexFiles): ReadRows {
  const inner = rowReader(layout.inner, files);
  if (!hasIds(layout.inner)) {
    return async (first, count, { ids, ...others }) => {
      await inner(first, count, others);
      if (ids) await readInto(files.index, layout.mapAt + first * 8, bytesOf(ids).subarray(0, count * 8));
    };
  }
  const translate = idTranslator(files.index, layout.mapAt, layout.rows);
  return async (first, count, target) => {
    await inner(first, count, target);
    if (target.ids) await translate(target.ids, count, first);
  };
}

function copiedRows(layout: CopiedLayout, files: IndexFiles): ReadRows {
  const { inner, pairsAt, rows, rowBytes } = layout;
  const read = rowReader(inner, files);
  const copies = copyFinder(files.index, pairsAt, rows - inner.rows, inner.rows, read);
  return async (first, count, { codes, ids }) => {
    const own = Math.max(0, Math.min(count, inner.rows - first));
    const target = { ...(codes ? { codes } : {}), ...(ids ? { ids } : {}) };
    if (own > 0) await read(first, own, target);
    let before = -1;
    for (let row = own; row < count; row++) {
      const { row: original, id } = await copies(first + row - inner.rows, codes !== undefined);
      if (ids) ids[row] = id;
      // Copies of one row stand together.
      if (codes && original === before) codes.copyWithin(row * rowBytes, (row - 1) * rowBytes, row * rowBytes);
      else if (codes) await read(original, 1, { codes: codes.subarray(row * rowBytes) });
      before = original;
    }
  };
}

/** The function that reads rows of a layout. One call at a time: it keeps buffers of its own (33 MiB at most). */
export function rowReader(layout: RowLayout, files: IndexFiles): ReadRows {
  if (layout.kind === 'flat') return flatRows(layout, files.index);
  if (layout.kind === 'mapped') return mappedRows(layout, files);
  if (layout.kind === 'copied') return copiedRows(layout, files);
  if (!dataFile(layout)) return listRows(layout, files.index);
  if (!files.data) throw fail('INTERNAL', `${files.index.path}: the file of its on-disk lists was not opened`);
  return listRows(layout, files.data);
}
