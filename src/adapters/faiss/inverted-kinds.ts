import type { ByteCursor, Extent } from './byte-cursor.js';
import type { IndexHeader } from './header.js';
import { type InvertedLists, readInvertedLists, readOldLists } from './inverted-lists.js';
import type { RowLayout } from './layout.js';
import { branch, type Context, type Decoder, type IndexNode, leaf, readHead } from './node.js';
import { type Quantizer, readAdditiveQuantizer, readProductQuantizer, readScalarQuantizer } from './quantizers.js';
import { BITS, FLOAT32 } from './stored-form.js';

const MOST_LISTS = 1e8;

/** What stands before the codes of every inverted file. */
interface InvertedHead {
  readonly head: IndexHeader;
  readonly nlist: number;
  readonly quantizer: IndexNode;
  readonly directMap: string;
  /** Files before 2018: where the ids of each list are. */
  readonly ids: readonly Extent[];
}

/** Direct map: type u8, array VEC<i64>, and for a hashtable VEC<(i64, i64)>. Not needed to read rows. */
function skipDirectMap(cursor: ByteCursor): string {
  const type = cursor.u8('the type of the direct map');
  if (type > 2) throw cursor.corrupt(`the type of the direct map is ${type}, not 0 to 2`);
  cursor.skipVector('entries of the direct map', 8);
  if (type === 2) cursor.skipVector('entries of the hashtable', 16);
  return ['none', 'array', 'hashtable'][type]!;
}

/** Header, nlist u64, nprobe u64, quantizer, [before 2018: nlist times ids VEC<i64>], direct map. */
export function readInvertedHead(cursor: ByteCursor, context: Context, old = false): InvertedHead & { nprobe: number } {
  const head = readHead(cursor, context);
  const nlist = cursor.count('the number of lists');
  if (nlist > MOST_LISTS) throw cursor.corrupt(`${context.label} has ${nlist} lists, more than ${MOST_LISTS}`);
  const nprobe = cursor.count('nprobe');
  const quantizer = context.nested();
  if (quantizer.dim !== head.dim) {
    throw cursor.corrupt(`${context.label} has dimension ${head.dim}, its quantizer ${quantizer.dim}`);
  }
  const ids: Extent[] = [];
  for (let list = 0; old && list < nlist; list++) ids.push(cursor.skipVector('ids of a list', 8));
  return { head, nlist, nprobe, quantizer, ids, directMap: skipDirectMap(cursor) };
}

interface InvertedParts {
  readonly codes: Pick<Quantizer, 'form' | 'unread'> & { readonly describe?: string };
  readonly lists: InvertedLists;
  readonly residual?: boolean;
  readonly layout?: RowLayout;
}

/** The node of an inverted file from its parts. */
export function invertedNode(
  cursor: ByteCursor,
  context: Context,
  ivf: ReturnType<typeof readInvertedHead>,
  parts: InvertedParts,
): IndexNode {
  const { head, nlist, nprobe, quantizer } = ivf;
  const { codes, lists, residual } = parts;
  const layout = parts.layout ?? lists.layout;
  const withRows = lists.layout ? `, ${lists.layout.numbers.length} with rows` : '';
  const describe = codes.describe && `codes: ${codes.describe}${residual ? ', differences to the centroids' : ''}`;
  const warnings =
    head.rows > 0 && quantizer.rows !== nlist && !residual
      ? [`${cursor.path}: the quantizer has ${quantizer.rows} centroids for ${nlist} lists (the rows are not affected)`]
      : [];
  let unread = codes.unread;
  if (!layout) unread ??= { why: 'approximate', holds: 'fast-scan packed codes' };
  if (residual && head.rows > 0 && quantizer.rows !== nlist) {
    throw cursor.corrupt(`${context.label} has ${nlist} lists, its quantizer ${quantizer.rows} centroids`);
  }
  if (residual && !quantizer.stored)
    unread ??= { why: 'approximate', holds: 'differences to centroids that are not stored' };
  const { form } = codes;
  return leaf(head, context, {
    ...(layout && form && !unread
      ? {
          stored: {
            layout,
            form,
            storedDim: head.dim,
            transforms: [],
            ...(residual ? { residualOf: quantizer } : {}),
          },
        }
      : {}),
    ...(unread ? { unread } : {}),
    warnings,
    below: branch('quantizer', quantizer),
    details: [
      `nlist: ${nlist}${withRows}; nprobe ${nprobe}`,
      `quantizer: ${quantizer.chain.join(' over ')}, ${quantizer.rows} centroids`,
      ...(describe ? [describe] : []),
      `inverted lists: ${lists.kind}`,
      `direct map: ${ivf.directMap}`,
    ],
  });
}

/** IwFl, IBwF: inverted head, lists. IwPn, IwP2: n_levels u64 and (P2) the rows of a batch u64 before the lists. */
export const invertedFlat: Decoder = (cursor, context) => {
  const ivf = readInvertedHead(cursor, context);
  const { dim, rows } = ivf.head;
  const sliced = context.fourcc === 'IwPn' || context.fourcc === 'IwP2';
  const levels = sliced ? { levels: cursor.count('the number of levels') } : {};
  if (context.fourcc === 'IwP2') cursor.count('the rows of a batch');
  const codeBytes = context.binary ? dim / 8 : dim * 4;
  const lists = readInvertedLists(cursor, { nlist: ivf.nlist, rows, codeBytes, ...levels });
  return invertedNode(cursor, context, ivf, { codes: { form: context.binary ? BITS : FLOAT32 }, lists });
};

/** IwFd: inverted head, VEC<i64> of pairs (id of a row, id of a row that was equal to it), lists without those rows. */
export const invertedDedup: Decoder = (cursor, context) => {
  const ivf = readInvertedHead(cursor, context);
  const { dim, rows } = ivf.head;
  const pairs = cursor.skipVector('pairs of duplicates', 8);
  const copies = pairs.count / 2;
  if (!Number.isInteger(copies) || copies > rows) {
    throw cursor.corrupt(
      `${context.label} has ${pairs.count} values where pairs for at most ${rows} rows are expected`,
    );
  }
  const lists = readInvertedLists(cursor, { nlist: ivf.nlist, rows: rows - copies, codeBytes: dim * 4 });
  const inner = lists.layout;
  if (!inner) throw cursor.corrupt(`${context.label} has lists of the kind ${lists.kind}`);
  const layout = { kind: 'copied' as const, rows, rowBytes: dim * 4, inner, pairsAt: pairs.at };
  const node = invertedNode(cursor, context, ivf, { codes: { form: FLOAT32 }, lists, layout });
  return { ...node, details: [...node.details, `duplicates: ${copies} rows stored by their ids only`] };
};

/** IwSq: inverted head, scalar quantizer, code_size u64, by_residual u8, lists. IwSQ: without by_residual, which is true. */
export const invertedScalar: Decoder = (cursor, context) => {
  const old = context.fourcc === 'IvSQ';
  const ivf = readInvertedHead(cursor, context, old);
  const quantizer = readScalarQuantizer(cursor, ivf.head.dim);
  const codeBytes = cursor.count('the code size');
  if (quantizer.form && codeBytes !== quantizer.codeBytes) {
    throw cursor.corrupt(`${context.label} has codes of ${codeBytes} bytes, its quantizer of ${quantizer.codeBytes}`);
  }
  const residual = context.fourcc === 'IwSq' ? cursor.flag('by_residual') : true;
  const lists = oldOrNew(cursor, ivf, codeBytes, old);
  return invertedNode(cursor, context, ivf, { codes: quantizer, lists, residual });
};

function oldOrNew(cursor: ByteCursor, ivf: InvertedHead, codeBytes: number, old: boolean): InvertedLists {
  const lists = { nlist: ivf.nlist, rows: ivf.head.rows, codeBytes };
  return old ? readOldLists(cursor, lists, ivf.ids, 1) : readInvertedLists(cursor, lists);
}

/**
 * IwPQ, IvPQ: inverted head, by_residual u8, code_size u64, product quantizer, lists. IwQR, IvQR: then another product
 * quantizer, VEC<u8> of its codes and k_factor f32, which refine; they are left out.
 */
export const invertedProduct: Decoder = (cursor, context) => {
  const old = context.fourcc.startsWith('Iv');
  const ivf = readInvertedHead(cursor, context, old);
  const residual = cursor.flag('by_residual');
  const codeBytes = cursor.count('the code size');
  const quantizer = readProductQuantizer(cursor, ivf.head.dim);
  if (codeBytes !== quantizer.codeBytes) {
    throw cursor.corrupt(`${context.label} has codes of ${codeBytes} bytes, its quantizer of ${quantizer.codeBytes}`);
  }
  const lists = oldOrNew(cursor, ivf, codeBytes, old);
  const node = invertedNode(cursor, context, ivf, { codes: quantizer, lists, residual });
  if (!context.fourcc.endsWith('QR')) return node;
  readProductQuantizer(cursor, ivf.head.dim);
  cursor.skipVector('bytes of the refining codes', 1);
  cursor.f32('k_factor');
  return { ...node, details: [...node.details, 'refining codes: left out'] };
};

/** IwRQ, IwLS, IwPR, IwPL: inverted head, code_size u64, additive quantizer, by_residual u8, i32, lists. */
export function invertedAdditive(kind: 'residual' | 'local', split: boolean): Decoder {
  return (cursor, context) => {
    const ivf = readInvertedHead(cursor, context);
    const codeBytes = cursor.count('the code size');
    const quantizer = readAdditiveQuantizer(cursor, ivf.head.dim, kind, split);
    if (codeBytes !== quantizer.codeBytes) {
      throw cursor.corrupt(`${context.label} has codes of ${codeBytes} bytes, its quantizer of ${quantizer.codeBytes}`);
    }
    const residual = cursor.flag('by_residual');
    cursor.i32('use_precomputed_table');
    const lists = oldOrNew(cursor, ivf, codeBytes, false);
    return invertedNode(cursor, context, ivf, { codes: quantizer, lists, residual });
  };
}

/** IvFl, IvFL (before 2018): inverted head with ids, then codes of each list, VEC<f32> or VEC<u8>. */
export const invertedOldFlat: Decoder = (cursor, context) => {
  const ivf = readInvertedHead(cursor, context, true);
  const { dim, rows } = ivf.head;
  const shape = { nlist: ivf.nlist, rows, codeBytes: dim * 4 };
  const lists = readOldLists(cursor, shape, ivf.ids, context.fourcc === 'IvFL' ? 1 : 4);
  return invertedNode(cursor, context, ivf, { codes: { form: FLOAT32 }, lists });
};
