import type { ByteCursor } from './byte-cursor.js';
import { type IndexHeader, readBinaryHeader, readHeader } from './header.js';
import { readInvertedLists } from './inverted-lists.js';
import type { RowLayout } from './layout.js';

/** An index as found in a file, with the indexes inside it. */
export interface IndexNode extends IndexHeader {
  /** e.g. "IVFFlat (IwFl)". */
  readonly label: string;
  readonly binary: boolean;
  /** Where its rows are; absent where the index was only stepped over. */
  readonly layout?: RowLayout;
  /** The labels from this index inwards to the one that holds the rows. */
  readonly chain: readonly string[];
  /** Facts of this index and of those inside, one line each. */
  readonly details: readonly string[];
  readonly warnings: readonly string[];
}

/** `rows`: the rows of this index are wanted; `skip`: it only has to be stepped over, as quantizers are. */
export type Role = 'rows' | 'skip';

/** What a decoder is told of the index that it decodes. */
export interface Context {
  readonly role: Role;
  readonly label: string;
  readonly binary: boolean;
  /** Decodes the index that stands next in the file. */
  nested(role: Role): IndexNode;
}

/** Decodes an index of one kind, from behind its four characters to its last byte. */
export type Decoder = (cursor: ByteCursor, context: Context) => IndexNode;

const MOST_LISTS = 1e8;

function header(cursor: ByteCursor, context: Context, wrapper = false): IndexHeader {
  return context.binary ? readBinaryHeader(cursor, wrapper) : readHeader(cursor);
}

function rowBytesOf(node: IndexHeader, binary: boolean): number {
  return binary ? node.dim / 8 : node.dim * 4;
}

/** IxFI, IxF2, IxFl: header, codes counted in 4-byte units. IBxF: header, codes counted in bytes. */
export const flat: Decoder = (cursor, context) => {
  const head = header(cursor, context);
  const rowBytes = rowBytesOf(head, context.binary);
  const unit = context.binary ? 1 : 4;
  const codes = cursor.skipVector('values of the vectors', unit);
  if (codes.count * unit !== head.rows * rowBytes) {
    const need = `${head.rows} rows of dimension ${head.dim} need ${(head.rows * rowBytes) / unit}`;
    throw cursor.corrupt(`${context.label} stores ${codes.count} values, ${need}`);
  }
  const layout: RowLayout = { kind: 'flat', rows: head.rows, rowBytes, at: codes.at };
  return { ...head, ...outer(context), layout, details: [], warnings: [] };
};

function outer(context: Context): Pick<IndexNode, 'label' | 'binary' | 'chain'> {
  return { label: context.label, binary: context.binary, chain: [context.label] };
}

/** Direct map: type u8, array VEC<i64>, and for a hashtable VEC<(i64, i64)>. Not needed to read rows. */
function skipDirectMap(cursor: ByteCursor): string {
  const type = cursor.u8('the type of the direct map');
  if (type > 2) throw cursor.corrupt(`the type of the direct map is ${type}, not 0 to 2`);
  cursor.skipVector('entries of the direct map', 8);
  if (type === 2) cursor.skipVector('entries of the hashtable', 16);
  return ['none', 'array', 'hashtable'][type]!;
}

/** IwFl, IBwF: header, nlist u64, nprobe u64, quantizer, direct map, inverted lists. */
export const invertedFile: Decoder = (cursor, context) => {
  const head = header(cursor, context);
  const nlist = cursor.count('the number of lists');
  if (nlist > MOST_LISTS) throw cursor.corrupt(`${context.label} has ${nlist} lists, more than ${MOST_LISTS}`);
  const nprobe = cursor.count('nprobe');
  const quantizer = context.nested('skip');
  if (quantizer.dim !== head.dim) {
    throw cursor.corrupt(`${context.label} has dimension ${head.dim}, its quantizer ${quantizer.dim}`);
  }
  const directMap = skipDirectMap(cursor);
  const codeBytes = rowBytesOf(head, context.binary);
  const lists = readInvertedLists(cursor, { nlist, rows: head.rows, codeBytes });
  const { firstRow } = lists.layout;
  const warnings =
    head.rows > 0 && quantizer.rows !== nlist
      ? [`${cursor.path}: the quantizer has ${quantizer.rows} centroids for ${nlist} lists (the rows are not affected)`]
      : [];
  return {
    ...head,
    ...outer(context),
    layout: lists.layout,
    warnings,
    details: [
      `nlist: ${nlist}, ${firstRow.length - 1} with rows; nprobe ${nprobe}`,
      `quantizer: ${quantizer.chain.join(' over ')}, ${quantizer.rows} centroids`,
      `inverted lists: ${lists.kind}`,
      `direct map: ${directMap}`,
    ],
  };
};

/** IxMp, IxM2, IBMp, IBM2: header, index, id_map VEC<i64>. */
export const idMap: Decoder = (cursor, context) => {
  const head = header(cursor, context, true);
  const inner = context.nested(context.role);
  if (inner.dim !== head.dim) {
    throw cursor.corrupt(`${context.label} has dimension ${head.dim}, the index inside it ${inner.dim}`);
  }
  const map = cursor.skipVector('entries of the id map', 8);
  if (map.count !== head.rows || inner.rows !== head.rows) {
    const counts = `its id map has ${map.count}, the index inside it ${inner.rows}`;
    throw cursor.corrupt(`${context.label} has ${head.rows} rows, ${counts}`);
  }
  const { layout: rows } = inner;
  const layout: RowLayout | undefined = rows && {
    kind: 'mapped',
    rows: head.rows,
    rowBytes: rows.rowBytes,
    inner: rows,
    mapAt: map.at,
  };
  return {
    ...head,
    ...outer(context),
    ...(layout ? { layout } : {}),
    chain: [context.label, ...inner.chain],
    details: inner.details,
    warnings: inner.warnings,
  };
};

/** The graph of an HNSW index: five vectors and five i32. */
function skipGraph(cursor: ByteCursor): void {
  cursor.skipVector('level probabilities', 8);
  cursor.skipVector('neighbour counts', 4);
  cursor.skipVector('levels', 4);
  cursor.skipVector('graph offsets', 8);
  cursor.skipVector('neighbours', 4);
  cursor.skip('the parameters of the graph', 5, 4);
}

/** IHN*, IBH*: header, what `extra` steps over, graph, storage index. Stepped over only: a quantizer of IVF. */
export function graph(extra?: (cursor: ByteCursor) => void): Decoder {
  return (cursor, context) => {
    const head = header(cursor, context);
    extra?.(cursor);
    skipGraph(cursor);
    const storage = context.nested('skip');
    return {
      ...head,
      ...outer(context),
      chain: [context.label, ...storage.chain],
      details: [],
      warnings: storage.warnings,
    };
  };
}

/** What lies before the graph of IHfP: n_levels u64, VEC<f32>. */
export const skipPanorama = (cursor: ByteCursor): void => {
  cursor.count('the number of levels');
  cursor.skipVector('sums of the levels', 4);
};
/** What lies before the graph of IHNc and IBHc: 2 x u8, i32. */
export const skipCagra = (cursor: ByteCursor): void => {
  cursor.skip('the parameters of the graph', 6, 1);
};
/** What lies before the graph of IHc2: 2 x u8, 2 x i32. */
export const skipCagra2 = (cursor: ByteCursor): void => {
  cursor.skip('the parameters of the graph', 10, 1);
};
