import { fail } from '../../util/errors.js';
import type { ByteCursor } from './byte-cursor.js';
import type { ListLayout } from './layout.js';

/** What the index around the lists says of them. */
export interface ListsContext {
  readonly nlist: number;
  readonly rows: number;
  /** Bytes of a code; the lists must say the same. */
  readonly codeBytes: number;
}

export interface InvertedLists {
  readonly layout: ListLayout;
  /** e.g. "array, full (ilar)". */
  readonly kind: string;
}

const ID_BYTES = 8;
const UNREAD: Readonly<Record<string, string>> = {
  ilpn: 'Panorama lists',
  ilp2: 'Panorama lists',
  ilbl: 'fast-scan block lists',
};

/** Collects the lists that hold rows, growing as they come: a claim of many lists costs no memory. */
function listTable(cursor: ByteCursor, context: ListsContext) {
  let firstRow = new Float64Array(64);
  let used = 0;
  let rows = 0;
  return {
    /** Returns the index of the list among those that hold rows, or -1 for an empty one. */
    add(list: number, size: number): number {
      if (size === 0) return -1;
      if (size > context.rows - rows) {
        throw cursor.corrupt(
          `inverted list ${list} brings the rows to ${rows + size}, the header says ${context.rows}`,
        );
      }
      if (used + 2 > firstRow.length) {
        const larger = new Float64Array(firstRow.length * 2);
        larger.set(firstRow);
        firstRow = larger;
      }
      firstRow[used] = rows;
      rows += size;
      firstRow[used + 1] = rows;
      return used++;
    },
    finish(): Float64Array {
      if (rows !== context.rows) {
        throw cursor.corrupt(`the inverted lists hold ${rows} rows, the header says ${context.rows}`);
      }
      return firstRow.slice(0, used + 1);
    },
  };
}

function checkShape(cursor: ByteCursor, context: ListsContext): void {
  const nlist = cursor.count('the number of inverted lists');
  const codeBytes = cursor.count('the code size of the inverted lists');
  if (nlist !== context.nlist) {
    throw cursor.corrupt(`there are ${nlist} inverted lists, the index header says ${context.nlist}`);
  }
  if (codeBytes !== context.codeBytes) {
    throw cursor.corrupt(`the code size of the inverted lists is ${codeBytes}, a row needs ${context.codeBytes}`);
  }
}

/** `full`: VEC<u64> sizes of all lists. */
function fullSizes(cursor: ByteCursor, context: ListsContext): Float64Array {
  const count = cursor.count('the number of list sizes');
  if (count !== context.nlist) throw cursor.corrupt(`there are ${count} list sizes for ${context.nlist} lists`);
  if (count * 8 > cursor.left) cursor.skip('list sizes', count, 8);
  const table = listTable(cursor, context);
  for (let list = 0; list < count; list++) table.add(list, cursor.count('the size of a list'));
  return table.finish();
}

/** `sprs`: VEC<u64> of (list, size) pairs in ascending order of lists. */
function sparseSizes(cursor: ByteCursor, context: ListsContext): Float64Array {
  const count = cursor.count('the number of list sizes');
  if (count % 2 !== 0) throw cursor.corrupt(`there are ${count} values where (list, size) pairs are expected`);
  if (count * 8 > cursor.left) cursor.skip('list sizes', count, 8);
  const table = listTable(cursor, context);
  let before = -1;
  for (let pair = 0; pair < count / 2; pair++) {
    const list = cursor.count('the number of a list');
    if (list <= before || list >= context.nlist) {
      throw cursor.corrupt(`list ${list} follows list ${before} in a table of ${context.nlist} lists`);
    }
    before = list;
    table.add(list, cursor.count('the size of a list'));
  }
  return table.finish();
}

function arrayLists(cursor: ByteCursor, context: ListsContext): InvertedLists {
  checkShape(cursor, context);
  const form = cursor.fourcc('the form of the list sizes');
  if (form !== 'full' && form !== 'sprs') throw cursor.corrupt(`the form of the list sizes is "${form}"`);
  const firstRow = form === 'full' ? fullSizes(cursor, context) : sparseSizes(cursor, context);
  const { at } = cursor.skip('the inverted lists', context.rows, context.codeBytes + ID_BYTES);
  return {
    kind: `array, ${form === 'full' ? 'full' : 'sparse'} (ilar)`,
    layout: { kind: 'lists', rows: context.rows, rowBytes: context.codeBytes, firstRow, place: { kind: 'packed', at } },
  };
}

/** Lists in another file: size, capacity and offset of each; the ids lie behind the capacity, not behind the codes. */
function onDiskLists(cursor: ByteCursor, context: ListsContext): InvertedLists {
  checkShape(cursor, context);
  const count = cursor.count('the number of on-disk lists');
  if (count !== context.nlist) throw cursor.corrupt(`there are ${count} on-disk lists for ${context.nlist} lists`);
  if (count * 24 > cursor.left) cursor.skip('on-disk lists', count, 24);
  const table = listTable(cursor, context);
  const codes: number[] = [];
  const ids: number[] = [];
  let end = 0;
  for (let list = 0; list < count; list++) {
    const size = cursor.count('the size of an on-disk list');
    const capacity = cursor.count('the capacity of an on-disk list');
    if (size === 0) {
      cursor.skip('the offset of an empty list', 1, 8);
      continue;
    }
    const offset = cursor.count('the offset of an on-disk list');
    if (size > capacity) throw cursor.corrupt(`on-disk list ${list} holds ${size} rows in room for ${capacity}`);
    table.add(list, size);
    codes.push(offset);
    ids.push(offset + capacity * context.codeBytes);
    end = Math.max(end, offset + capacity * context.codeBytes + size * ID_BYTES);
  }
  cursor.skipVector('free slots', 16);
  const storedPath = cursor.text('the path of the data file', cursor.count('the length of the path of the data file'));
  const totalBytes = cursor.count('the size of the data file');
  if (end > totalBytes) throw cursor.corrupt(`the on-disk lists end at ${end}, their file at ${totalBytes}`);
  const place = {
    kind: 'placed' as const,
    codesAt: Float64Array.from(codes),
    idsAt: Float64Array.from(ids),
    storedPath,
    totalBytes,
  };
  return {
    kind: `on disk (ilod), in ${storedPath}`,
    layout: { kind: 'lists', rows: context.rows, rowBytes: context.codeBytes, firstRow: table.finish(), place },
  };
}

/** Reads the table of inverted lists and steps over the lists themselves. Throws SRC_*. */
export function readInvertedLists(cursor: ByteCursor, context: ListsContext): InvertedLists {
  const form = cursor.fourcc('the kind of the inverted lists');
  if (form === 'ilar') return arrayLists(cursor, context);
  if (form === 'ilod') return onDiskLists(cursor, context);
  if (form === 'il00') {
    if (context.rows > 0) {
      const message = `${cursor.path} was saved without its inverted lists (il00): ${context.rows} rows are not in it`;
      throw fail('SRC_UNSUPPORTED', message, { hint: 'Save the index together with its inverted lists.' });
    }
    const place = { kind: 'packed' as const, at: cursor.at };
    const layout: ListLayout = {
      kind: 'lists',
      rows: 0,
      rowBytes: context.codeBytes,
      firstRow: new Float64Array(1),
      place,
    };
    return { kind: 'none (il00)', layout };
  }
  const unread = UNREAD[form];
  if (unread) throw fail('SRC_UNSUPPORTED', `${cursor.path} has ${unread} (${form}): milvusdm does not read these yet`);
  throw cursor.corrupt(`the kind of the inverted lists is "${form}"`);
}
