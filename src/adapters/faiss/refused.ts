import { fail, type MilvusdmError } from '../../util/errors.js';

/**
 * Why rows are not read: `none` holds nothing that vectors could be made of, `approximate` holds codes from which only
 * similar vectors could be made, in a way that is not read.
 */
export type Refusal = 'none' | 'approximate';

/** Why the rows of an index cannot be had. */
export interface Unread {
  readonly why: Refusal;
  /** What it holds instead of vectors. */
  readonly holds: string;
}

export interface RefusedKind extends Unread {
  readonly name: string;
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
  ISV2: 'SVSVamana',
  ISVF: 'SVSFlat',
  ISID: 'SVSIVF',
  ISIQ: 'SVSIVFLVQ',
  ISIL: 'SVSIVFLeanVec',
});
add('approximate', 'codes of a two-level product quantizer', { Ix2L: '2Layer' });
add('approximate', 'rows scaled by their own minimum and maximum, in an inner index', {
  IRMf: 'RowwiseMinMaxFP16',
  IRMh: 'RowwiseMinMax',
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
add('approximate', 'residual quantizer codes in the order of Faiss 1.7.1', { IxRQ: 'ResidualQuantizer' });

/** Kinds that are known and not read, by their four characters. */
export const REFUSED_KINDS: ReadonlyMap<string, RefusedKind> = kinds;

const SAYS: Readonly<Record<Refusal, string>> = {
  none: 'it stores no vectors',
  approximate: 'it stores approximations in a form that milvusdm does not read',
};
const HINTS: Readonly<Record<Refusal, string>> = {
  none: 'Migrate the data from which the index was built.',
  approximate:
    'Migrate the data from which the index was built; or, if the approximations are good enough, reconstruct the rows with Faiss into an IndexFlat and migrate that.',
};

/** e.g. "it stores no vectors (only hash bits are stored)". */
export function reasonOf(unread: Unread): string {
  return `${SAYS[unread.why]} (${unread.holds})`;
}

/** SRC_UNSUPPORTED for a file whose rows cannot be read; `chain` names the indexes from the outermost to the refused. */
export function refusal(path: string, chain: readonly string[], unread: Unread): MilvusdmError {
  const message = `${path} is a Faiss index of the kind ${chain.join(' over ')}: ${reasonOf(unread)}`;
  return fail('SRC_UNSUPPORTED', message, { hint: HINTS[unread.why] });
}
