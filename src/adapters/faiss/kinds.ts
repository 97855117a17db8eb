import { fail } from '../../util/errors.js';
import { binaryFromFloat, binaryHash, binaryMultiHash } from './binary-kinds.js';
import type { ByteCursor } from './byte-cursor.js';
import { additive, flat, flatPanorama, product, scalar } from './flat-kinds.js';
import { hnsw, nnDescent, nsg, skipCagra, skipCagra2, skipPanorama } from './graph-kinds.js';
import { type IndexHeader, readHeader } from './header.js';
import {
  invertedAdditive,
  invertedDedup,
  invertedFlat,
  invertedOldFlat,
  invertedProduct,
  invertedScalar,
} from './inverted-kinds.js';
import type { Context, Decoder, IndexNode } from './node.js';
import { REFUSED_KINDS, refusal } from './refused.js';
import { SKIPPED } from './skipped-kinds.js';
import { idMap, independentQuantizer, preTransform, refine, rowwiseMinMax } from './wrapper-kinds.js';

type Kind = readonly [name: string, decode: Decoder];

const LARGEST_NESTING = 16;

/** Every kind that is read. A further kind is one decoder and one line here. */
const READ: Readonly<Record<string, Kind>> = {
  IxFI: ['Flat IP', flat],
  IxF2: ['Flat L2', flat],
  IxFl: ['Flat', flat],
  IxFP: ['FlatPanorama', flatPanorama],
  IxFp: ['FlatPanorama', flatPanorama],
  IwFl: ['IVFFlat', invertedFlat],
  IvFl: ['IVFFlat before 2018', invertedOldFlat],
  IvFL: ['IVFFlat before 2018', invertedOldFlat],
  IwFd: ['IVFFlatDedup', invertedDedup],
  IwPn: ['IVFFlatPanorama', invertedFlat],
  IwP2: ['IVFFlatPanorama', invertedFlat],
  IxMp: ['IDMap', idMap],
  IxM2: ['IDMap2', idMap],
  IxPT: ['PreTransform', preTransform],
  IwIQ: ['IVFIndependentQuantizer', independentQuantizer],
  IxRF: ['Refine', refine],
  IxRP: ['RefinePanorama', refine],
  IHNf: ['HNSWFlat', hnsw()],
  IHNs: ['HNSWSQ', hnsw()],
  IHNp: ['HNSWPQ', hnsw()],
  IHN2: ['HNSW2Level', hnsw()],
  IH00: ['HNSW', hnsw()],
  IHfP: ['HNSWFlatPanorama', hnsw(skipPanorama)],
  IHNc: ['HNSWCagra', hnsw(skipCagra)],
  IHc2: ['HNSWCagra', hnsw(skipCagra2)],
  INSf: ['NSGFlat', nsg],
  INSp: ['NSGPQ', nsg],
  INSs: ['NSGSQ', nsg],
  INNf: ['NNDescentFlat', nnDescent],
  IxSQ: ['ScalarQuantizer', scalar],
  IwSq: ['IVFScalarQuantizer', invertedScalar],
  IwSQ: ['IVFScalarQuantizer', invertedScalar],
  IvSQ: ['IVFScalarQuantizer before 2018', invertedScalar],
  IxPq: ['PQ', product],
  IxPo: ['PQ', product],
  IxPQ: ['PQ', product],
  IwPQ: ['IVFPQ', invertedProduct],
  IvPQ: ['IVFPQ before 2018', invertedProduct],
  IwQR: ['IVFPQR', invertedProduct],
  IvQR: ['IVFPQR before 2018', invertedProduct],
  IxRq: ['ResidualQuantizer', additive('residual', false)],
  IxLS: ['LocalSearchQuantizer', additive('local', false)],
  IxPR: ['ProductResidualQuantizer', additive('residual', true)],
  IxPL: ['ProductLocalSearchQuantizer', additive('local', true)],
  IwRQ: ['IVFResidualQuantizer', invertedAdditive('residual', false)],
  IwLS: ['IVFLocalSearchQuantizer', invertedAdditive('local', false)],
  IwPR: ['IVFProductResidualQuantizer', invertedAdditive('residual', true)],
  IwPL: ['IVFProductLocalSearchQuantizer', invertedAdditive('local', true)],
  IBxF: ['BinaryFlat', flat],
  IBwF: ['BinaryIVF', invertedFlat],
  IBMp: ['BinaryIDMap', idMap],
  IBM2: ['BinaryIDMap2', idMap],
  IBHf: ['BinaryHNSW', hnsw()],
  IBHc: ['BinaryHNSWCagra', hnsw(skipCagra)],
  IBHh: ['BinaryHash', binaryHash],
  IBHm: ['BinaryMultiHash', binaryMultiHash],
  IBFf: ['BinaryFromFloat', binaryFromFloat],
};

/** Decoders of kinds whose rows cannot be had: those that are stepped over, and those that show what is inside. */
const OTHERS: Readonly<Record<string, Decoder>> = { ...SKIPPED, IRMf: rowwiseMinMax, IRMh: rowwiseMinMax };

/** The four characters of the kinds that are read. */
export const READ_KINDS: ReadonlySet<string> = new Set(Object.keys(READ));

function isPrintable(fourcc: string): boolean {
  return /^[\x20-\x7e]{4}$/.test(fourcc);
}

function unknown(path: string, fourcc: string, labels: readonly string[]): Error {
  const hex = Buffer.from(fourcc, 'latin1').toString('hex');
  const shown = isPrintable(fourcc) ? `"${fourcc}"` : `the bytes ${hex}`;
  if (labels.length > 0) {
    const where = `inside ${labels.join(' over ')}`;
    if (!isPrintable(fourcc)) return fail('SRC_CORRUPT', `${path}: ${where} no index begins, but ${shown}`);
    return fail('SRC_UNSUPPORTED', `${path}: ${where} is an index of the unknown kind ${shown}`);
  }
  if (fourcc.startsWith('I') && isPrintable(fourcc)) {
    return fail('SRC_UNSUPPORTED', `${path} is of the kind ${shown}, which is no Faiss index that milvusdm knows`);
  }
  return fail('SRC_UNREADABLE', `${path} is not a Faiss index: it begins with ${shown}`);
}

/** The header of a kind of which nothing else is read; undefined where it has none of the usual form. */
function headOf(cursor: ByteCursor): IndexHeader | undefined {
  try {
    return readHeader(cursor);
  } catch {
    return undefined;
  }
}

/** What is met on the way through a file. */
export interface Trail {
  /** The header of the outermost index, also where the rest cannot be read. */
  head?: IndexHeader;
}

function decodeNested(cursor: ByteCursor, trail: Trail, labels: readonly string[], binary?: boolean): IndexNode {
  const fourcc = cursor.fourcc('the kind of the index');
  const [readName, decodeRead] = READ[fourcc] ?? [];
  const refused = REFUSED_KINDS.get(fourcc);
  const nothing = fourcc === 'null' && labels.length > 0;
  const name = nothing ? 'no storage' : (readName ?? refused?.name);
  if (name === undefined) throw unknown(cursor.path, fourcc, labels);
  const label = `${name} (${fourcc})`;
  const chain = [...labels, label];
  if (labels.length >= LARGEST_NESTING) throw cursor.corrupt(`more than ${LARGEST_NESTING} indexes inside each other`);
  const note = (head: IndexHeader | undefined): void => {
    if (head) trail.head ??= head;
  };
  const decode = decodeRead ?? OTHERS[fourcc];
  if (!decode) {
    // A lattice index says other things before its header.
    if (fourcc !== 'IxLa') note(headOf(cursor));
    throw refusal(cursor.path, chain, refused!);
  }
  const isBinary = fourcc.startsWith('IB');
  if (binary !== undefined && binary !== isBinary && !nothing) {
    throw cursor.corrupt(`${chain.join(' over ')}: float and binary indexes do not go together`);
  }
  const context: Context = {
    label,
    fourcc,
    binary: isBinary,
    nested: (inner = isBinary) => decodeNested(cursor, trail, chain, inner),
    note,
  };
  if (!refused || labels.length > 0) return decode(cursor, context);
  try {
    return decode(cursor, context);
  } catch {
    // Whatever is wrong inside a file of which nothing could be used: what it is matters more.
    throw refusal(cursor.path, chain, refused);
  }
}

/**
 * Decodes the index at the cursor, reading headers and tables of lists only. Throws SRC_* for what it cannot read, but gives
 * a node without rows where only those cannot be had. `trail` keeps what was met, also when it throws.
 */
export function decodeIndex(cursor: ByteCursor, trail: Trail = {}): IndexNode {
  return decodeNested(cursor, trail, []);
}

/** Whether a file that begins with these bytes (at least 4) is a Faiss index, of a kind that is read or of one that is not. */
export function isFaiss(header: Uint8Array): boolean {
  if (header.length < 4) return false;
  const fourcc = Buffer.from(header.buffer, header.byteOffset, 4).toString('latin1');
  return READ_KINDS.has(fourcc) || REFUSED_KINDS.has(fourcc);
}
