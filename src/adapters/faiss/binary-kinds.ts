import { listTable } from './inverted-lists.js';
import { around, assertSame, branch, type Decoder, leaf, readHead } from './node.js';
import { BITS } from './stored-form.js';

/**
 * IBHh: header, b i32, nflip i32, number of buckets u64, bits of a bucket's size i32, VEC<u8> of hashes and sizes, then of each
 * bucket ids VEC<i64> and vectors VEC<u8>.
 */
export const binaryHash: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  cursor.skip('the parameters of the hash', 2, 4);
  const buckets = cursor.count('the number of buckets');
  cursor.i32('the bits of a size');
  cursor.skipVector('bytes of the hashes', 1);
  const rowBytes = head.dim / 8;
  const table = listTable(cursor, head);
  const codesAt: number[] = [];
  const idsAt: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const ids = cursor.skipVector('ids of a bucket', 8);
    const codes = cursor.skipVector('vectors of a bucket', 1);
    if (codes.count !== ids.count * rowBytes) {
      throw cursor.corrupt(`bucket ${bucket} has ${ids.count} ids and ${codes.count} bytes of vectors`);
    }
    if (table.add(bucket, ids.count) < 0) continue;
    codesAt.push(codes.at);
    idsAt.push(ids.at);
  }
  const place = { kind: 'placed' as const, codesAt: Float64Array.from(codesAt), idsAt: Float64Array.from(idsAt) };
  const layout = { kind: 'lists' as const, rows: head.rows, rowBytes, ...table.finish(), place };
  return leaf(head, context, {
    stored: { layout, form: BITS, storedDim: head.dim, transforms: [] },
    details: [`buckets: ${buckets}`],
  });
};

/** IBHm: header, flat index, b, number of hashes, nflip i32, of each hash id_bits i32, entries u64, VEC<u8>. */
export const binaryMultiHash: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const storage = context.nested();
  cursor.i32('the bits of a hash');
  const hashes = cursor.i32('the number of hashes');
  cursor.i32('nflip');
  for (let hash = 0; hash < hashes; hash++) {
    cursor.i32('the bits of an id');
    cursor.count('the entries of a hash');
    cursor.skipVector('bytes of a hash', 1);
  }
  assertSame(cursor, context, head, storage);
  return around(head, context, storage);
};

/** IBFf: binary header, float index of -1 and 1. */
export const binaryFromFloat: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const inner = context.nested(false);
  assertSame(cursor, context, head, inner);
  const { stored } = inner;
  return around(head, context, inner, {
    ...(stored ? { stored: { ...stored, bits: true } } : {}),
    below: branch('floats', inner),
  });
};
