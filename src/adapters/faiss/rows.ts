import { fail } from '../../util/errors.js';
import { idTranslator } from './id-map.js';
import { type FlatLayout, hasIds, type ListLayout, type MappedLayout, type RowLayout } from './layout.js';
import { scatterReader } from './scatter.js';
import { readInto, type SourceFile } from './source-file.js';

/** The files that hold an index. */
export interface IndexFiles {
  readonly index: SourceFile;
  /** The file of on-disk inverted lists, where there is one. */
  readonly data?: SourceFile;
}

/** What a read fills; what is absent is not read. Each holds at least the rows asked for. */
export interface RowTarget {
  readonly vectors?: Uint8Array;
  readonly ids?: BigInt64Array;
}

/** Fills the target with rows `first` to `first + count - 1`. Throws SRC_*. */
export type ReadRows = (first: number, count: number, target: RowTarget) => Promise<void>;

function bytesOf(ids: BigInt64Array): Uint8Array {
  return new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
}

function flatRows(layout: FlatLayout, file: SourceFile): ReadRows {
  const { at, rowBytes } = layout;
  return async (first, count, { vectors }) => {
    if (vectors) await readInto(file, at + first * rowBytes, vectors.subarray(0, count * rowBytes));
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
  const { firstRow, place, rowBytes } = layout;
  const scatter = scatterReader(file);
  const codesAt = (list: number): number =>
    place.kind === 'packed' ? place.at + firstRow[list]! * (rowBytes + 8) : place.codesAt[list]!;
  const idsAt = (list: number): number =>
    place.kind === 'packed' ? codesAt(list) + (firstRow[list + 1]! - firstRow[list]!) * rowBytes : place.idsAt[list]!;

  return async (first, count, { vectors, ids }) => {
    const idBytes = ids && bytesOf(ids);
    let list = listOf(firstRow, first);
    for (let done = 0; done < count; list++) {
      const inList = first + done - firstRow[list]!;
      const rows = Math.min(firstRow[list + 1]! - firstRow[list]! - inList, count - done);
      if (vectors) {
        const at = codesAt(list) + inList * rowBytes;
        if (!scatter.fits(at, rows * rowBytes)) await scatter.flush();
        scatter.add(at, rows * rowBytes, vectors, done * rowBytes);
      }
      if (idBytes) {
        const at = idsAt(list) + inList * 8;
        if (!scatter.fits(at, rows * 8)) await scatter.flush();
        scatter.add(at, rows * 8, idBytes, done * 8);
      }
      done += rows;
    }
    await scatter.flush();
  };
}

function mappedRows(layout: MappedLayout, files: IndexFiles): ReadRows {
  const inner = rowReader(layout.inner, files);
  if (!hasIds(layout.inner)) {
    return async (first, count, { vectors, ids }) => {
      if (vectors) await inner(first, count, { vectors });
      if (ids) await readInto(files.index, layout.mapAt + first * 8, bytesOf(ids).subarray(0, count * 8));
    };
  }
  const translate = idTranslator(files.index, layout.mapAt, layout.rows);
  return async (first, count, target) => {
    await inner(first, count, target);
    if (target.ids) await translate(target.ids, count, first);
  };
}

/** The function that reads rows of a layout. One call at a time: it keeps buffers of its own (17 MiB at most). */
export function rowReader(layout: RowLayout, files: IndexFiles): ReadRows {
  if (layout.kind === 'flat') return flatRows(layout, files.index);
  if (layout.kind === 'mapped') return mappedRows(layout, files);
  if (layout.place.kind === 'packed') return listRows(layout, files.index);
  if (!files.data) throw fail('INTERNAL', `${files.index.path}: the file of its on-disk lists was not opened`);
  return listRows(layout, files.data);
}
