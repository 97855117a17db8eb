import { fail, type MilvusdmError } from '../../util/errors.js';

/**
 * Why a kind of index is not read: `none` holds nothing that vectors could be made of, `approximate` holds codes from
 * which only similar vectors could be made, `later` holds the vectors themselves in a way that is not read yet.
 */
export type Refusal = 'none' | 'approximate' | 'later';

export interface RefusedKind {
  readonly name: string;
  readonly why: Refusal;
  /** What it holds instead of plain vectors. */
  readonly holds: string;
}

const kinds = new Map<string, RefusedKind>();

function add(why: Refusal, holds: string, names: Readonly<Record<string, string>>): void {
  for (const [fourcc, name] of Object.entries(names)) kinds.set(fourcc, { name, why, holds });
}

add('none', 'only hash bits are stored', { IxHe: 'LSH', IxHE: 'LSH', IwSh: 'IVFSpectralHash' });
add('none', 'it is a quantizer: only centroids are stored', {
  Imiq: 'MultiIndexQuantizer',
  ImRQ: 'ResidualCoarseQuantizer',
  ImLS: 'LocalSearchCoarseQuantizer',
});
add('none', 'only lattice codes are stored', { IxLa: 'Lattice' });
add('none', 'only a few bits a dimension are stored', {
  Ixrq: 'RaBitQ',
  Ixrr: 'RaBitQ',
  Iwrq: 'IVFRaBitQ',
  Iwrr: 'IVFRaBitQ',
  Irfn: 'RaBitQFastScan',
  Irfs: 'RaBitQFastScan',
  Iwrn: 'IVFRaBitQFastScan',
  Iwrf: 'IVFRaBitQFastScan',
  IxEe: 'EDEN',
  IwEe: 'IVFEDEN',
});
add('none', 'the data is in the private form of another library', {
  ILVQ: 'SVSVamanaLVQ',
  ISVL: 'SVSVamanaLeanVec',
  ISVD: 'SVSVamana',
  ISVF: 'SVSFlat',
});
add('approximate', 'codes of a two-level product quantizer', { Ix2L: '2Layer' });
add('approximate', 'rows scaled by their own minimum and maximum, in an inner index', {
  IRMf: 'RowwiseMinMaxFP16',
  IRMh: 'RowwiseMinMax',
});
add('approximate', 'numbers narrowed by a scalar quantizer', {
  IxSQ: 'ScalarQuantizer',
  IwSq: 'IVFScalarQuantizer',
  IwSQ: 'IVFScalarQuantizer',
  IvSQ: 'IVFScalarQuantizer',
});
add('approximate', 'product quantizer codes', {
  IxPq: 'PQ',
  IxPo: 'PQ',
  IxPQ: 'PQ',
  IwPQ: 'IVFPQ',
  IvPQ: 'IVFPQ',
  IwQR: 'IVFPQR',
  IvQR: 'IVFPQR',
});
add('approximate', 'additive quantizer codes', {
  IxRq: 'ResidualQuantizer',
  IxRQ: 'ResidualQuantizer',
  IxLS: 'LocalSearchQuantizer',
  IxPR: 'ProductResidualQuantizer',
  IxPL: 'ProductLocalSearchQuantizer',
  IwRQ: 'IVFResidualQuantizer',
  IwLS: 'IVFLocalSearchQuantizer',
  IwPR: 'IVFProductResidualQuantizer',
  IwPL: 'IVFProductLocalSearchQuantizer',
});
add('approximate', 'fast-scan packed codes', {
  IPfs: 'PQFastScan',
  IwPf: 'IVFPQFastScan',
  ILfs: 'LocalSearchQuantizerFastScan',
  IRfs: 'ResidualQuantizerFastScan',
  IPLf: 'ProductLocalSearchQuantizerFastScan',
  IPRf: 'ProductResidualQuantizerFastScan',
  IVLf: 'IVFLocalSearchQuantizerFastScan',
  IVRf: 'IVFResidualQuantizerFastScan',
  NPLf: 'IVFProductLocalSearchQuantizerFastScan',
  NPRf: 'IVFProductResidualQuantizerFastScan',
});
add('later', 'vectors in slices of dimensions', {
  IxFP: 'FlatPanorama',
  IxFp: 'FlatPanorama',
  IwPn: 'IVFFlatPanorama',
  IwP2: 'IVFFlatPanorama',
});
add('later', 'vectors in lists of a form before 2018', {
  IvFl: 'IVFFlat (before 2018)',
  IvFL: 'IVFFlat (before 2018)',
});
add('later', 'each vector once, with a table of its duplicates', { IwFd: 'IVFFlatDedup' });
add('later', 'a graph over an inner index', {
  IHNf: 'HNSWFlat',
  IHNs: 'HNSWSQ',
  IHNp: 'HNSWPQ',
  IHN2: 'HNSW2Level',
  IH00: 'HNSW',
  IHfP: 'HNSWFlatPanorama',
  IHNc: 'HNSWCagra',
  IHc2: 'HNSWCagra',
  INSf: 'NSGFlat',
  INSp: 'NSGPQ',
  INSs: 'NSGSQ',
  INNf: 'NNDescentFlat',
  IBHf: 'BinaryHNSW',
  IBHc: 'BinaryHNSWCagra',
});
add('later', 'a coarse inner index and one to refine it', { IxRF: 'Refine', IxRP: 'RefinePanorama' });
add('later', 'vectors that were transformed before they were stored', {
  IxPT: 'PreTransform',
  IwIQ: 'IVFIndependentQuantizer',
});
add('later', 'vectors in hash tables', { IBHh: 'BinaryHash', IBHm: 'BinaryMultiHash' });
add('later', 'bits kept as floats in an inner index', { IBFf: 'BinaryFromFloat' });

/** Kinds that are known and not read, by their four characters. */
export const REFUSED_KINDS: ReadonlyMap<string, RefusedKind> = kinds;

const SAYS: Readonly<Record<Refusal, string>> = {
  none: 'it stores no vectors',
  approximate: 'it stores approximations, not the vectors that were added',
  later: 'milvusdm does not read this kind yet',
};
const HINTS: Readonly<Record<Refusal, string>> = {
  none: 'Migrate the data from which the index was built.',
  approximate:
    'Migrate the data from which the index was built; or, if the approximations are good enough, reconstruct the rows with Faiss into an IndexFlat and migrate that.',
  later:
    'Load the index with Faiss, reconstruct the rows into an IndexFlat (IndexIDMap to keep ids), save and migrate that.',
};

/** SRC_UNSUPPORTED for a file whose rows cannot be read; `chain` names the indexes from the outermost to the refused. */
export function refusal(path: string, chain: readonly string[], kind: RefusedKind): MilvusdmError {
  const message = `${path} is a Faiss index of the kind ${chain.join(' over ')}: ${SAYS[kind.why]} (${kind.holds})`;
  return fail('SRC_UNSUPPORTED', message, { hint: HINTS[kind.why] });
}
