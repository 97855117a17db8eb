import type { ByteCursor } from './byte-cursor.js';
import { readInvertedHead } from './inverted-kinds.js';
import { readInvertedLists } from './inverted-lists.js';
import { branch, type Decoder, leaf, readHead } from './node.js';
import { readAdditiveQuantizer, readProductQuantizer } from './quantizers.js';
import { REFUSED_KINDS } from './refused.js';
import { readTransform } from './vector-transforms.js';

// Kinds whose rows cannot be had, and which stand in other indexes: as quantizers, or as what a store of whole rows refines.

/** A kind with the usual header, and then what `body` steps over. */
function opaque(body: (cursor: ByteCursor, dim: number) => void): Decoder {
  return (cursor, context) => {
    const head = readHead(cursor, context);
    body(cursor, head.dim);
    return leaf(head, context, { unread: REFUSED_KINDS.get(context.fourcc)! });
  };
}

/** An inverted file with, between its head and its lists, what `body` steps over; gives the bytes of a code. */
function opaqueInverted(body: (cursor: ByteCursor, dim: number) => number): Decoder {
  return (cursor, context) => {
    const { head, nlist, quantizer } = readInvertedHead(cursor, context);
    const codeBytes = body(cursor, head.dim);
    readInvertedLists(cursor, { nlist, rows: head.rows, codeBytes });
    return leaf(head, context, {
      unread: REFUSED_KINDS.get(context.fourcc)!,
      below: branch('quantizer', quantizer),
    });
  };
}

/** IPfs: product quantizer, 3 x i32, 2 x u64, VEC<u8>. */
const productFastScan = opaque((cursor, dim) => {
  readProductQuantizer(cursor, dim);
  cursor.skip('the parameters of fast scan', 28, 1);
  cursor.skipVector('bytes of the codes', 1);
});

/** IwPf: by_residual u8, code_size u64, bbs i32, M2 u64, implem i32, qbs2 u64, product quantizer. */
const invertedFastScan = opaqueInverted((cursor, dim) => {
  cursor.flag('by_residual');
  const codeBytes = cursor.count('the code size');
  cursor.skip('the parameters of fast scan', 24, 1);
  readProductQuantizer(cursor, dim);
  return codeBytes;
});

/** ILfs, IRfs, IPLf, IPRf: quantizer, 3 x i32, 6 x u64, u8, f32, u64, VEC<u8>. */
function additiveFastScan(kind: 'residual' | 'local', split: boolean): Decoder {
  return opaque((cursor, dim) => {
    readAdditiveQuantizer(cursor, dim, kind, split);
    cursor.skip('the parameters of fast scan', 12 + 48 + 13, 1);
    cursor.skipVector('bytes of the codes', 1);
  });
}

/** IVLf, IVRf, NPLf, NPRf: quantizer, by_residual u8, 3 x i32, 6 x u64 (the fourth the code size), u8, f32, u64. */
function invertedAdditiveFastScan(kind: 'residual' | 'local', split: boolean): Decoder {
  return opaqueInverted((cursor, dim) => {
    readAdditiveQuantizer(cursor, dim, kind, split);
    cursor.skip('the parameters of fast scan', 13 + 24, 1);
    const codeBytes = cursor.count('the code size');
    cursor.skip('the parameters of fast scan', 16 + 13, 1);
    return codeBytes;
  });
}

/** IxHe: nbits i32, rotate_data u8, train_thresholds u8, thresholds VEC<f32>, code size i32, rotation, VEC<u8>. */
const lsh = opaque((cursor) => {
  cursor.skip('the parameters of LSH', 6, 1);
  cursor.skipVector('thresholds', 4);
  cursor.i32('the code size');
  readTransform(cursor);
  cursor.skipVector('bytes of the codes', 1);
});

/** Imiq: product quantizer. Centroid i has i as its code, so that rows stored as differences to centroids can be had. */
const multiIndex: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const { form, codeBytes } = readProductQuantizer(cursor, head.dim);
  const centroids = 2 ** (form.parts * form.bits);
  if (head.rows !== centroids && head.rows !== 0) {
    throw cursor.corrupt(`${context.label} has ${head.rows} rows, its quantizer ${centroids} centroids`);
  }
  const layout = { kind: 'flat' as const, rows: head.rows, rowBytes: codeBytes, at: 0, counted: true };
  const unread = REFUSED_KINDS.get(context.fourcc)!;
  if (form.codebooks.count === 0) return leaf(head, context, { unread });
  return leaf(head, context, { unread, stored: { layout, form, storedDim: head.dim, transforms: [] } });
};

/** ImRQ: residual quantizer, beam_factor f32. */
const residualCoarse = opaque((cursor, dim) => {
  readAdditiveQuantizer(cursor, dim, 'residual', false);
  cursor.f32('beam_factor');
});

/** Ix2L: quantizer index, nlist u64, u8, product quantizer, code sizes 3 x u64, VEC<u8>. */
const twoLayer: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const quantizer = context.nested();
  cursor.skip('the parameters of the first level', 9, 1);
  readProductQuantizer(cursor, head.dim);
  cursor.skip('the code sizes', 3, 8);
  cursor.skipVector('bytes of the codes', 1);
  const below = branch('quantizer', quantizer);
  return leaf(head, context, { unread: REFUSED_KINDS.get(context.fourcc)!, below });
};

/** RaBitQ: d u64, code_size u64, metric i32, and of several bits their number u64. */
const rabitqBytes = (fourcc: string): number => (fourcc === 'Ixrq' || fourcc === 'Iwrq' ? 20 : 28);

/** Ixrq, Ixrr: quantizer, VEC<u8>, centre VEC<f32>, qb u8. */
const rabitq: Decoder = (cursor, context) => {
  const skip = opaque(() => {
    cursor.skip('the quantizer', rabitqBytes(context.fourcc), 1);
    cursor.skipVector('bytes of the codes', 1);
    cursor.skipVector('values of the centre', 4);
    cursor.u8('qb');
  });
  return skip(cursor, context);
};

/** Iwrq, Iwrr: quantizer, code_size u64, by_residual u8, qb u8. */
const invertedRabitq: Decoder = (cursor, context) => {
  const skip = opaqueInverted(() => {
    cursor.skip('the quantizer', rabitqBytes(context.fourcc), 1);
    const codeBytes = cursor.count('the code size');
    cursor.skip('the search parameters', 2, 1);
    return codeBytes;
  });
  return skip(cursor, context);
};

/** Nothing, where an index was saved without its storage. */
const missing: Decoder = (_cursor, context) =>
  leaf({ dim: 0, rows: 0, metric: 'none' }, context, {
    unread: { why: 'none', holds: 'its rows were not saved with it' },
  });

/** Kinds that are stepped over, by their four characters. */
export const SKIPPED: Readonly<Record<string, Decoder>> = {
  IPfs: productFastScan,
  IwPf: invertedFastScan,
  ILfs: additiveFastScan('local', false),
  IRfs: additiveFastScan('residual', false),
  IPLf: additiveFastScan('local', true),
  IPRf: additiveFastScan('residual', true),
  IVLf: invertedAdditiveFastScan('local', false),
  IVRf: invertedAdditiveFastScan('residual', false),
  NPLf: invertedAdditiveFastScan('local', true),
  NPRf: invertedAdditiveFastScan('residual', true),
  IxHe: lsh,
  Imiq: multiIndex,
  ImRQ: residualCoarse,
  Ix2L: twoLayer,
  Ixrq: rabitq,
  Ixrr: rabitq,
  Iwrq: invertedRabitq,
  Iwrr: invertedRabitq,
  null: missing,
};
