import type { ByteCursor } from './byte-cursor.js';
import { metricHead } from './header.js';
import { sliceWidths } from './layout.js';
import { type Context, type Decoder, type IndexNode, leaf, readHead } from './node.js';
import { type Quantizer, readAdditiveQuantizer, readProductQuantizer, readScalarQuantizer } from './quantizers.js';
import { BITS, FLOAT32 } from './stored-form.js';

/** IxFI, IxF2, IxFl: header, codes counted in 4-byte units. IBxF: header, codes counted in bytes. */
export const flat: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const rowBytes = context.binary ? head.dim / 8 : head.dim * 4;
  const unit = context.binary ? 1 : 4;
  const codes = cursor.skipVector('values of the vectors', unit);
  if (codes.count * unit !== head.rows * rowBytes) {
    const need = `${head.rows} rows of dimension ${head.dim} need ${(head.rows * rowBytes) / unit}`;
    throw cursor.corrupt(`${context.label} stores ${codes.count} values, ${need}`);
  }
  const layout = { kind: 'flat' as const, rows: head.rows, rowBytes, at: codes.at };
  const form = context.binary ? BITS : FLOAT32;
  return leaf(head, context, { stored: { layout, form, storedDim: head.dim, transforms: [] } });
};

/** IxFP (L2), IxFp (IP): d i32, n_levels u64, batch u64, ntotal i64, is_trained u8, codes VEC<u8>, cum_sums VEC<f32>. */
export const flatPanorama: Decoder = (cursor, context) => {
  const dim = cursor.i32('the dimension');
  const levels = cursor.count('the number of levels');
  const batchRows = cursor.count('the rows of a batch');
  const rows = cursor.count('the number of rows');
  const head = metricHead(cursor, dim, rows, context.fourcc === 'IxFP' ? 'L2' : 'IP');
  context.note(head);
  assertSlices(cursor, levels, batchRows, dim);
  cursor.flag('is_trained');
  const rowBytes = dim * 4;
  const codes = cursor.skipVector('bytes of the vectors', 1);
  const slots = Math.ceil(rows / batchRows) * batchRows;
  if (codes.count !== slots * rowBytes) {
    throw cursor.corrupt(
      `${context.label} stores ${codes.count} bytes, ${slots} places of ${rowBytes} bytes are needed`,
    );
  }
  cursor.skipVector('sums of the levels', 4);
  const slices = { batchRows, widths: sliceWidths(dim, levels) };
  const layout = { kind: 'flat' as const, rows, rowBytes, at: codes.at, slices };
  return leaf(head, context, {
    stored: { layout, form: FLOAT32, storedDim: dim, transforms: [] },
    details: [`slices: ${slices.widths.length} a row, batches of ${batchRows} rows`],
  });
};

/** Throws SRC_CORRUPT for slices that no row of `dim` dimensions can be cut into. */
export function assertSlices(cursor: ByteCursor, levels: number, batchRows: number, dim: number): void {
  if (levels < 1 || levels > 2 ** 20) throw cursor.corrupt(`${dim} dimensions in ${levels} levels`);
  if (batchRows < 1 || batchRows > 2 ** 31) throw cursor.corrupt(`batches of ${batchRows} rows`);
}

/** The codes of a flat index behind its quantizer: VEC<u8>. */
function codesOf(
  cursor: ByteCursor,
  context: Context,
  head: ReturnType<typeof readHead>,
  quantizer: Quantizer,
): IndexNode {
  const codes = cursor.skipVector('bytes of the codes', 1);
  const { codeBytes, form, unread, describe } = quantizer;
  if (codes.count !== head.rows * codeBytes) {
    const need = `${head.rows} rows of ${codeBytes} bytes need ${head.rows * codeBytes}`;
    throw cursor.corrupt(`${context.label} stores ${codes.count} bytes of codes, ${need}`);
  }
  const layout = { kind: 'flat' as const, rows: head.rows, rowBytes: codeBytes, at: codes.at };
  return leaf(head, context, {
    details: [`codes: ${describe}`],
    ...(form ? { stored: { layout, form, storedDim: head.dim, transforms: [] } } : {}),
    ...(unread ? { unread } : {}),
  });
}

/** IxSQ: header, scalar quantizer, codes. */
export const scalar: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  return codesOf(cursor, context, head, readScalarQuantizer(cursor, head.dim));
};

/** IxPq, IxPo: header, product quantizer, codes, search_type i32, encode_signs u8, polysemous_ht i32. IxPQ: without the last three. */
export const product: Decoder = (cursor, context) => {
  const head = readHead(cursor, context);
  const node = codesOf(cursor, context, head, readProductQuantizer(cursor, head.dim));
  if (context.fourcc !== 'IxPQ') cursor.skip('the search parameters', 9, 1);
  return node;
};

/** IxRq, IxLS, IxPR, IxPL: header, additive quantizer, code_size u64, codes. */
export function additive(kind: 'residual' | 'local', split: boolean): Decoder {
  return (cursor, context) => {
    const head = readHead(cursor, context);
    const quantizer = readAdditiveQuantizer(cursor, head.dim, kind, split);
    const codeBytes = cursor.count('the code size');
    if (codeBytes !== quantizer.codeBytes) {
      throw cursor.corrupt(`${context.label} has codes of ${codeBytes} bytes, its quantizer of ${quantizer.codeBytes}`);
    }
    return codesOf(cursor, context, head, quantizer);
  };
}
