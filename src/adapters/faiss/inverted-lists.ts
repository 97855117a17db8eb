import { fail } from '../../util/errors.js';
import type { ByteCursor, Extent } from './byte-cursor.js';
import { assertSlices } from './flat-kinds.js';
import { type ListLayout, sliceWidths } from './layout.js';

/** What the index around the lists says of them. */
export interface ListsContext {
  readonly nlist: number;
  readonly rows: number;
  /** Bytes of a code; the lists must say the same. */
  readonly codeBytes: number;
  /** Slices of a Panorama index. */
  readonly levels?: number;
}

export interface InvertedLists {
  /** Absent where the codes are interleaved for fast scanning. */
  readonly layout?: ListLayout;
  /** e.g. "array, full (ilar)". */
  readonly kind: string;
}

const ID_BYTES = 8;
/** Rows of a batch in lists that do not say it (Faiss 1.13 to 1.15.0). */
const OLD_BATCH = 128;

function grown<T extends Float64Array | Int32Array>(array: T, larger: T): T {
  larger.set(array);
  return larger;
}

/** Collects the lists that hold rows, growing as they come: a claim of many lists costs no memory. */
export function listTable(cursor: ByteCursor, context: Pick<ListsContext, 'rows'>) {
  let firstRow = new Float64Array(64);
  let numbers = new Int32Array(64);
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
        firstRow = grown(firstRow, new Float64Array(firstRow.length * 2));
        numbers = grown(numbers, new Int32Array(firstRow.length));
      }
      numbers[used] = list;
      firstRow[used] = rows;
      rows += size;
      firstRow[used + 1] = rows;
      return used++;
    },
    finish(): ListTable {
      if (rows !== context.rows) {
        throw cursor.corrupt(`the inverted lists hold ${rows} rows, the header says ${context.rows}`);
      }
      return { firstRow: firstRow.slice(0, used + 1), numbers: numbers.slice(0, used) };
    },
  };
}

type ListTable = Pick<ListLayout, 'firstRow' | 'numbers'>;

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
function fullSizes(cursor: ByteCursor, context: ListsContext): ListTable {
  const count = cursor.count('the number of list sizes');
  if (count !== context.nlist) throw cursor.corrupt(`there are ${count} list sizes for ${context.nlist} lists`);
  if (count * 8 > cursor.left) cursor.skip('list sizes', count, 8);
  const table = listTable(cursor, context);
  for (let list = 0; list < count; list++) table.add(list, cursor.count('the size of a list'));
  return table.finish();
}

/** `sprs`: VEC<u64> of (list, size) pairs in ascending order of lists. */
function sparseSizes(cursor: ByteCursor, context: ListsContext): ListTable {
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

function listSizes(cursor: ByteCursor, context: ListsContext): ListTable & { readonly form: string } {
  const form = cursor.fourcc('the form of the list sizes');
  if (form !== 'full' && form !== 'sprs') throw cursor.corrupt(`the form of the list sizes is "${form}"`);
  const table = form === 'full' ? fullSizes(cursor, context) : sparseSizes(cursor, context);
  return { ...table, form: form === 'full' ? 'full' : 'sparse' };
}

function arrayLists(cursor: ByteCursor, context: ListsContext): InvertedLists {
  checkShape(cursor, context);
  const { form, ...table } = listSizes(cursor, context);
  const { at } = cursor.skip('the inverted lists', context.rows, context.codeBytes + ID_BYTES);
  return { kind: `array, ${form} (ilar)`, layout: listLayout(context, table, { kind: 'packed', at }) };
}

function listLayout(context: ListsContext, table: ListTable, place: ListLayout['place']): ListLayout {
  return { kind: 'lists', rows: context.rows, rowBytes: context.codeBytes, ...table, place };
}

/** n_levels u64, ilp2: batch_size u64, sizes; then of each list codes in whole batches, ids, and sums of the levels. */
function panoramaLists(cursor: ByteCursor, context: ListsContext, fourcc: string): InvertedLists {
  checkShape(cursor, context);
  const levels = cursor.count('the number of levels');
  const batchRows = fourcc === 'ilp2' ? cursor.count('the rows of a batch') : OLD_BATCH;
  const dim = context.codeBytes / 4;
  assertSlices(cursor, levels, batchRows, dim);
  if (levels !== context.levels) throw cursor.corrupt(`the lists have ${levels} levels, their index ${context.levels}`);
  const { form, firstRow, numbers } = listSizes(cursor, context);
  const codesAt = new Float64Array(numbers.length);
  const idsAt = new Float64Array(numbers.length);
  for (let list = 0; list < numbers.length; list++) {
    const rows = firstRow[list + 1]! - firstRow[list]!;
    const slots = Math.ceil(rows / batchRows) * batchRows;
    codesAt[list] = cursor.skip('the codes of a list', slots, context.codeBytes).at;
    idsAt[list] = cursor.skip('the ids of a list', rows, ID_BYTES).at;
    cursor.skip('sums of the levels of a list', slots, (levels + 1) * 4);
  }
  const layout = listLayout(context, { firstRow, numbers }, { kind: 'placed', codesAt, idsAt });
  const slices = { batchRows, widths: sliceWidths(dim, levels) };
  return { kind: `array of slices, ${form} (${fourcc})`, layout: { ...layout, slices } };
}

/** Fast-scan lists: n_per_block u64, block_size u64, then of each list ids VEC<i64> and interleaved codes VEC<u8>. */
function skipBlockLists(cursor: ByteCursor, context: ListsContext): InvertedLists {
  const nlist = cursor.count('the number of inverted lists');
  if (nlist !== context.nlist) {
    throw cursor.corrupt(`there are ${nlist} inverted lists, the index header says ${context.nlist}`);
  }
  cursor.skip('the shape of the blocks', 3, 8);
  for (let list = 0; list < nlist; list++) {
    cursor.skipVector('ids of a list', ID_BYTES);
    cursor.skipVector('bytes of a list', 1);
  }
  return { kind: 'fast-scan blocks (ilbl)' };
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
    file: { storedPath, totalBytes },
  };
  return { kind: `on disk (ilod), in ${storedPath}`, layout: listLayout(context, table.finish(), place) };
}

/** Reads the table of inverted lists and steps over the lists themselves. Throws SRC_*. */
export function readInvertedLists(cursor: ByteCursor, context: ListsContext): InvertedLists {
  const form = cursor.fourcc('the kind of the inverted lists');
  if (form === 'ilar') return arrayLists(cursor, context);
  if (form === 'ilod') return onDiskLists(cursor, context);
  if (form === 'ilpn' || form === 'ilp2') return panoramaLists(cursor, context, form);
  if (form === 'ilbl') return skipBlockLists(cursor, context);
  if (form !== 'il00') throw cursor.corrupt(`the kind of the inverted lists is "${form}"`);
  if (context.rows > 0) {
    const message = `${cursor.path} was saved without its inverted lists (il00): ${context.rows} rows are not in it`;
    throw fail('SRC_UNSUPPORTED', message, { hint: 'Save the index together with its inverted lists.' });
  }
  const none = { firstRow: new Float64Array(1), numbers: new Int32Array(0) };
  return { kind: 'none (il00)', layout: listLayout(context, none, { kind: 'packed', at: cursor.at }) };
}

/** Lists before 2018: the ids of all lists stood in the index header, here follow their codes, VEC<f32> or VEC<u8>. */
export function readOldLists(
  cursor: ByteCursor,
  context: ListsContext,
  ids: readonly Extent[],
  elementBytes: number,
): InvertedLists {
  const table = listTable(cursor, context);
  const codesAt: number[] = [];
  const idsAt: number[] = [];
  for (const [list, { at, count }] of ids.entries()) {
    const codes = cursor.skipVector('codes of a list', elementBytes);
    if (codes.count * elementBytes !== count * context.codeBytes) {
      throw cursor.corrupt(`list ${list} has ${count} ids and ${codes.count * elementBytes} bytes of codes`);
    }
    if (table.add(list, count) < 0) continue;
    codesAt.push(codes.at);
    idsAt.push(at);
  }
  const place = { kind: 'placed' as const, codesAt: Float64Array.from(codesAt), idsAt: Float64Array.from(idsAt) };
  return { kind: 'one by one, before 2018', layout: listLayout(context, table.finish(), place) };
}
