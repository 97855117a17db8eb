import type { ByteCursor } from './byte-cursor.js';
import type { Unread } from './refused.js';
import type { AdditiveForm, AdditiveGroup, NumberType, ProductForm, StoredForm } from './stored-form.js';

/** What a quantizer says of the codes that it makes. */
export interface Quantizer {
  /** Absent where no vectors can be made of the codes; `unread` says why. */
  readonly form?: StoredForm;
  readonly unread?: Unread;
  readonly codeBytes: number;
  /** e.g. "4 x 8 bits". */
  readonly describe: string;
}

const MOST_BITS = 24;
const MOST_PARTS = 2 ** 20;

function dimension(cursor: ByteCursor, what: string, dim: number): void {
  const d = cursor.count(`the dimension of ${what}`);
  if (d !== dim) throw cursor.corrupt(`${what} has dimension ${d}, its index ${dim}`);
}

const NARROW: Readonly<Record<number, { readonly type: NumberType; readonly name: string }>> = {
  4: { type: 'float16', name: 'fp16' },
  5: { type: 'uint8', name: '8 bits, direct' },
  7: { type: 'bfloat16', name: 'bf16' },
  8: { type: 'uint8-128', name: '8 bits, direct, signed' },
};
const RANGED: Readonly<Record<number, { readonly bits: 4 | 6 | 8; readonly uniform: boolean }>> = {
  0: { bits: 8, uniform: false },
  1: { bits: 4, uniform: false },
  2: { bits: 8, uniform: true },
  3: { bits: 4, uniform: true },
  6: { bits: 6, uniform: false },
};

/** qtype i32, rangestat i32, rangestat_arg f32, d u64, code_size u64, trained VEC<f32>. */
export function readScalarQuantizer(cursor: ByteCursor, dim: number): Quantizer {
  const type = cursor.i32('the type of the scalar quantizer');
  cursor.skip('the range of the scalar quantizer', 2, 4);
  dimension(cursor, 'the scalar quantizer', dim);
  const stated = cursor.count('the code size of the scalar quantizer');
  const trained = cursor.skipVector('trained values', 4);
  const sized = (codeBytes: number): number => {
    // Files of 2018 may leave 0 here and say the size behind the quantizer.
    if (stated !== codeBytes && stated !== 0) {
      throw cursor.corrupt(`the scalar quantizer says ${stated} bytes a code, its type needs ${codeBytes}`);
    }
    return codeBytes;
  };
  const narrow = NARROW[type];
  if (narrow) {
    const bytes = narrow.type === 'float16' || narrow.type === 'bfloat16' ? 2 : 1;
    return { form: { kind: 'numbers', type: narrow.type }, codeBytes: sized(dim * bytes), describe: narrow.name };
  }
  const ranged = RANGED[type];
  if (!ranged) {
    const holds = `codes of the scalar quantizer type ${type}, a few bits a dimension`;
    return { unread: { why: 'none', holds }, codeBytes: stated, describe: `type ${type}` };
  }
  const { bits, uniform } = ranged;
  const need = uniform ? 2 : dim * 2;
  const describe = `${bits} bits${uniform ? ', one range' : ''}`;
  const codeBytes = sized(Math.ceil((dim * bits) / 8));
  if (trained.count === 0) return { unread: UNTRAINED, codeBytes, describe };
  if (trained.count !== need) {
    throw cursor.corrupt(`the scalar quantizer has ${trained.count} trained values, ${dim} dimensions need ${need}`);
  }
  return { form: { kind: 'scalar', bits, trained }, codeBytes, describe };
}

const UNTRAINED: Unread = { why: 'none', holds: 'it has not been trained' };

/** d u64, M u64, nbits u64, centroids VEC<f32>. */
export function readProductQuantizer(cursor: ByteCursor, dim: number): Quantizer & { readonly form: ProductForm } {
  dimension(cursor, 'the product quantizer', dim);
  const parts = cursor.count('the number of sub-quantizers');
  const bits = cursor.count('the bits of a sub-quantizer');
  if (parts < 1 || dim % parts !== 0) throw cursor.corrupt(`${dim} dimensions in ${parts} sub-quantizers`);
  if (bits < 1 || bits > MOST_BITS) throw cursor.corrupt(`${bits} bits a sub-quantizer, not 1 to ${MOST_BITS}`);
  const codebooks = cursor.skipVector('centroids of the product quantizer', 4);
  // An index that has not been trained holds none.
  if (codebooks.count !== 0 && codebooks.count !== 2 ** bits * dim) {
    throw cursor.corrupt(`the product quantizer has ${codebooks.count} values, it needs ${2 ** bits * dim}`);
  }
  return {
    form: { kind: 'product', parts, bits, codebooks },
    codeBytes: Math.ceil((parts * bits) / 8),
    describe: `${parts} x ${bits} bits`,
  };
}

interface Additive extends AdditiveGroup {
  readonly normBits: number;
}

/** Bits of the norm behind the codes, by search type: none, float, 4 or 8 bits in several forms. */
const NORM_BITS: readonly number[] = [0, 0, 0, 32, 8, 4, 8, 4, 8, 8];

/**
 * d u64, M u64, nbits VEC<u64>, is_trained u8, codebooks VEC<f32>, search_type i32, norm_min f32, norm_max f32, [6 to 9: codes
 * of the norms], [8 and 9: their tables VEC<f32>].
 */
function readAdditive(cursor: ByteCursor): Additive {
  const dim = cursor.count('the dimension of the additive quantizer');
  const parts = cursor.count('the number of codebooks');
  const count = cursor.count('the number of code widths');
  if (dim < 1 || dim > 2 ** 20) throw cursor.corrupt(`the additive quantizer has dimension ${dim}`);
  if (parts < 1 || parts > MOST_PARTS || count !== parts) {
    throw cursor.corrupt(`the additive quantizer has ${parts} codebooks and ${count} code widths`);
  }
  if (count * 8 > cursor.left) cursor.skip('code widths', count, 8);
  const bits = Array.from({ length: count }, () => cursor.count('the width of a code'));
  const wide = bits.find((width) => width < 1 || width > MOST_BITS);
  if (wide !== undefined) throw cursor.corrupt(`a code of ${wide} bits, not 1 to ${MOST_BITS}`);
  cursor.flag('is_trained of the additive quantizer');
  const codebooks = cursor.skipVector('values of the codebooks', 4);
  const search = cursor.i32('the search type');
  cursor.skip('the range of the norms', 2, 4);
  if (search >= 6 && search <= 9) cursor.skipVector('codes of the norms', 4);
  if (search === 8 || search === 9) cursor.skipVector('tables of the norms', 4);
  return { dim, bits, codebooks, normBits: NORM_BITS[search] ?? 0 };
}

/** What stands behind the additive quantizer: of RQ 2 x i32; of LSQ 5 x u64, 2 x f32, u64, i32, u64, u8. */
const TAIL_BYTES = { residual: 8, local: 69 } as const;

/** An RQ or LSQ; as a product an additive quantizer of all, nsplits u64, then one RQ or LSQ for each stretch of dimensions. */
export function readAdditiveQuantizer(
  cursor: ByteCursor,
  dim: number,
  kind: keyof typeof TAIL_BYTES,
  product: boolean,
): Quantizer {
  const whole = readAdditive(cursor);
  const groups: AdditiveGroup[] = [];
  if (product) {
    const splits = cursor.count('the number of splits');
    if (splits < 1 || splits > whole.bits.length)
      throw cursor.corrupt(`${splits} splits of ${whole.bits.length} codebooks`);
    for (let i = 0; i < splits; i++) {
      groups.push(readAdditive(cursor));
      cursor.skip('the parameters of the additive quantizer', TAIL_BYTES[kind], 1);
    }
  } else {
    groups.push(whole);
    cursor.skip('the parameters of the additive quantizer', TAIL_BYTES[kind], 1);
  }
  const dims = groups.reduce((sum, group) => sum + group.dim, 0);
  if (whole.dim !== dim || dims !== dim)
    throw cursor.corrupt(`the additive quantizer has dimension ${dims}, its index ${dim}`);
  const bits = groups.reduce((sum, group) => sum + sumOf(group.bits), 0);
  if (bits !== sumOf(whole.bits)) throw cursor.corrupt('the codes of the splits are not those of the whole');
  const codeBytes = Math.ceil((bits + whole.normBits) / 8);
  const describe = `${groups.length > 1 ? `${groups.length} splits, ` : ''}${whole.bits.length} codebooks`;
  const short = groups.find(({ codebooks, bits: widths, dim: own }) => codebooks.count !== own * entriesOf(widths));
  if (short && short.codebooks.count !== 0) {
    throw cursor.corrupt(
      `the codebooks hold ${short.codebooks.count} values, ${short.dim * entriesOf(short.bits)} are needed`,
    );
  }
  if (short) return { unread: UNTRAINED, codeBytes, describe };
  const form: AdditiveForm = { kind: 'additive', groups };
  return { form, codeBytes, describe };
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function entriesOf(bits: readonly number[]): number {
  return bits.reduce((sum, width) => sum + 2 ** width, 0);
}
