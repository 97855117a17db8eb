import { fail } from '../../util/errors.js';
import type { ByteCursor } from './byte-cursor.js';
import {
  type Decoder,
  flat,
  graph,
  type IndexNode,
  idMap,
  invertedFile,
  type Role,
  skipCagra,
  skipCagra2,
  skipPanorama,
} from './decoders.js';
import type { RowLayout } from './layout.js';
import { REFUSED_KINDS, refusal } from './refused.js';

interface Kind {
  readonly name: string;
  readonly decode: Decoder;
}

const LARGEST_NESTING = 16;

/** Every kind that is read or stepped over. A further kind is one decoder and one line here. */
const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['IxFI', { name: 'Flat IP', decode: flat }],
  ['IxF2', { name: 'Flat L2', decode: flat }],
  ['IxFl', { name: 'Flat', decode: flat }],
  ['IwFl', { name: 'IVFFlat', decode: invertedFile }],
  ['IxMp', { name: 'IDMap', decode: idMap }],
  ['IxM2', { name: 'IDMap2', decode: idMap }],
  ['IBxF', { name: 'BinaryFlat', decode: flat }],
  ['IBwF', { name: 'BinaryIVF', decode: invertedFile }],
  ['IBMp', { name: 'BinaryIDMap', decode: idMap }],
  ['IBM2', { name: 'BinaryIDMap2', decode: idMap }],
  ['IHNf', { name: 'HNSWFlat', decode: graph() }],
  ['IHNs', { name: 'HNSWSQ', decode: graph() }],
  ['IHNp', { name: 'HNSWPQ', decode: graph() }],
  ['IHN2', { name: 'HNSW2Level', decode: graph() }],
  ['IH00', { name: 'HNSW', decode: graph() }],
  ['IHfP', { name: 'HNSWFlatPanorama', decode: graph(skipPanorama) }],
  ['IHNc', { name: 'HNSWCagra', decode: graph(skipCagra) }],
  ['IHc2', { name: 'HNSWCagra', decode: graph(skipCagra2) }],
  ['IBHf', { name: 'BinaryHNSW', decode: graph() }],
  ['IBHc', { name: 'BinaryHNSWCagra', decode: graph(skipCagra) }],
]);

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

function decodeNested(cursor: ByteCursor, role: Role, labels: readonly string[], binary?: boolean): IndexNode {
  const fourcc = cursor.fourcc('the kind of the index');
  const kind = KINDS.get(fourcc);
  const refused = REFUSED_KINDS.get(fourcc);
  const name = kind?.name ?? refused?.name;
  if (name === undefined) throw unknown(cursor.path, fourcc, labels);
  const chain = [...labels, `${name} (${fourcc})`];
  if (labels.length >= LARGEST_NESTING) throw cursor.corrupt(`more than ${LARGEST_NESTING} indexes inside each other`);
  if (refused && role === 'rows') throw refusal(cursor.path, chain, refused);
  if (!kind) {
    throw fail('SRC_UNSUPPORTED', `${cursor.path}: ${chain.join(' over ')}: milvusdm cannot step over this kind yet`);
  }
  const isBinary = fourcc.startsWith('IB');
  if (binary !== undefined && binary !== isBinary) {
    throw cursor.corrupt(`${chain.join(' over ')}: float and binary indexes do not go together`);
  }
  return kind.decode(cursor, {
    role,
    label: `${name} (${fourcc})`,
    binary: isBinary,
    nested: (inner) => decodeNested(cursor, inner, chain, isBinary),
  });
}

/** Decodes the index at the cursor, reading headers and tables of lists only. Throws SRC_* for what it cannot read. */
export function decodeIndex(cursor: ByteCursor): IndexNode & { readonly layout: RowLayout } {
  const node = decodeNested(cursor, 'rows', []);
  if (!node.layout) throw fail('INTERNAL', `${cursor.path}: ${node.label} was decoded without its rows`);
  return { ...node, layout: node.layout };
}

/** Whether a file that begins with these bytes (at least 4) is a Faiss index, of a kind that is read or of one that is not. */
export function isFaiss(header: Uint8Array): boolean {
  if (header.length < 4) return false;
  const fourcc = Buffer.from(header.buffer, header.byteOffset, 4).toString('latin1');
  return KINDS.has(fourcc) || REFUSED_KINDS.has(fourcc);
}
