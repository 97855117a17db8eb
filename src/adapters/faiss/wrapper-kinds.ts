import type { ByteCursor } from './byte-cursor.js';
import type { MappedLayout } from './layout.js';
import { around, assertSame, branch, type Decoder, type IndexNode, readHead } from './node.js';
import { readTransform, type Transform } from './vector-transforms.js';

const MOST_TRANSFORMS = 64;

/** IxMp, IxM2, IBMp, IBM2: header, index, id_map VEC<i64>. */
export const idMap: Decoder = (cursor, context) => {
  const head = readHead(cursor, context, true);
  const inner = context.nested();
  if (inner.dim !== head.dim) {
    throw cursor.corrupt(`${context.label} has dimension ${head.dim}, the index inside it ${inner.dim}`);
  }
  const map = cursor.skipVector('entries of the id map', 8);
  if (map.count !== head.rows || inner.rows !== head.rows) {
    const counts = `its id map has ${map.count}, the index inside it ${inner.rows}`;
    throw cursor.corrupt(`${context.label} has ${head.rows} rows, ${counts}`);
  }
  const { stored } = inner;
  if (!stored) return around(head, context, inner);
  const { layout: rows } = stored;
  const layout: MappedLayout = {
    kind: 'mapped',
    rows: head.rows,
    rowBytes: rows.rowBytes,
    inner: rows,
    mapAt: map.at,
  };
  return around(head, context, inner, { stored: { ...stored, layout } });
};

function assertChain(cursor: ByteCursor, label: string, dim: number, chain: readonly Transform[], inner: number): void {
  let at = dim;
  for (const transform of chain) {
    if (transform.dimIn !== at) {
      throw cursor.corrupt(`${label}: ${transform.label} takes ${transform.dimIn} dimensions, where there are ${at}`);
    }
    at = transform.dimOut;
  }
  if (at !== inner)
    throw cursor.corrupt(`${label}: its transforms lead to ${at} dimensions, the index inside it has ${inner}`);
}

function transformed(inner: IndexNode, chain: readonly Transform[]): { stored?: NonNullable<IndexNode['stored']> } {
  const { stored } = inner;
  return stored ? { stored: { ...stored, transforms: [...chain, ...stored.transforms] } } : {};
}

/** IxPT: header, number of transforms i32, the transforms, index. */
export const preTransform: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const count = cursor.i32('the number of transforms');
  if (count < 0 || count > MOST_TRANSFORMS) throw cursor.corrupt(`${context.label} has ${count} transforms`);
  const chain = Array.from({ length: count }, () => readTransform(cursor));
  const inner = context.nested();
  assertChain(cursor, context.label, head.dim, chain, inner.dim);
  if (inner.rows !== head.rows) assertSame(cursor, context, { ...head, dim: inner.dim }, inner);
  const lines = chain.map((t) => `  transform: ${t.label}, ${t.dimIn} to ${t.dimOut} dimensions`);
  return around(head, context, inner, { ...transformed(inner, chain), below: [...lines, ...branch('index', inner)] });
};

/** IwIQ: header, quantizer, has_vt u8, [transform], inverted index, and behind an IVFPQ an i32. */
export const independentQuantizer: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const quantizer = context.nested();
  const chain = cursor.flag('has_vt') ? [readTransform(cursor)] : [];
  const inner = context.nested();
  if (/\((?:IwPQ|IwQR|IvPQ|IvQR)\)$/.test(inner.label)) cursor.i32('use_precomputed_table');
  assertChain(cursor, context.label, head.dim, chain, inner.dim);
  const lines = chain.map((t) => `  transform: ${t.label}, ${t.dimIn} to ${t.dimOut} dimensions`);
  const below = [...branch('quantizer', quantizer), ...lines, ...branch('index', inner)];
  // Only the index inside it counts its rows.
  return around({ ...head, rows: inner.rows }, context, inner, { ...transformed(inner, chain), below });
};

/** IxRF, IxRP: header, coarse index, index with the rows as they are to be refined, k_factor f32. */
export const refine: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const base = context.nested();
  const store = context.nested();
  cursor.f32('k_factor');
  assertSame(cursor, context, head, store);
  const details = [`coarse index, not needed: ${base.chain.join(' over ')}`];
  return around(head, context, store, { details, below: [...branch('coarse', base), ...branch('refine', store)] });
};

/** IRMf, IRMh: header, index of rows that were scaled by their own minimum and maximum. */
export const rowwiseMinMax: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const inner = context.nested();
  const unread = {
    why: 'approximate' as const,
    holds: 'rows scaled by their own minimum and maximum, in an inner index',
  };
  return around(head, context, inner, { unread });
};
