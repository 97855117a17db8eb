import type { ByteCursor } from './byte-cursor.js';
import { around, assertSame, type Context, type Decoder, type IndexNode, readHead } from './node.js';

/** The graph of an HNSW index: five vectors and five i32. */
function skipHnsw(cursor: ByteCursor): void {
  cursor.skipVector('level probabilities', 8);
  cursor.skipVector('neighbour counts', 4);
  cursor.skipVector('levels', 4);
  cursor.skipVector('graph offsets', 8);
  cursor.skipVector('neighbours', 4);
  cursor.skip('the parameters of the graph', 5, 4);
}

function storageOf(cursor: ByteCursor, context: Context, head: ReturnType<typeof readHead>): IndexNode {
  const storage = context.nested();
  // An index saved without its storage keeps only the graph.
  if (storage.rows > 0 || storage.stored) assertSame(cursor, context, head, storage);
  return around(head, context, storage);
}

/** IHN*, IBH*: header, what `extra` steps over, graph, storage index. */
export function hnsw(extra?: (cursor: ByteCursor) => void): Decoder {
  return (cursor, context) => {
    const head = readHead(cursor, context);
    extra?.(cursor);
    skipHnsw(cursor);
    return storageOf(cursor, context, head);
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

/**
 * INSf, INSp, INSs: header, GK i32, build_type i8, 4 x i32, graph, storage. Graph: ntotal, R, L, C, search_L, entry point i32,
 * is_built u8, and if built the neighbours of each node i32, closed by -1: it can only be read through.
 */
export const nsg: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  cursor.skip('the parameters of the graph', 21, 1);
  const nodes = cursor.i32('the number of nodes');
  cursor.skip('the parameters of the graph', 5, 4);
  if (nodes < 0 || (nodes !== head.rows && nodes !== 0)) {
    throw cursor.corrupt(`${context.label} has ${head.rows} rows, its graph ${nodes} nodes`);
  }
  if (cursor.flag('is_built')) cursor.skipRuns('neighbours', nodes);
  return storageOf(cursor, context, head);
};

/** INNf: header, 9 x i32, has_built u8, VEC<i32>, storage. */
export const nnDescent: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  cursor.skip('the parameters of the graph', 9, 4);
  cursor.flag('has_built');
  cursor.skipVector('neighbours', 4);
  return storageOf(cursor, context, head);
};
