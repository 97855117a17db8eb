import type { PhaseProgress, Reader } from '../adapters/types.js';
import { formatCount, plural } from '../util/bytes.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { type Comparison, compareContents, type KnownDigest } from './contents/compare.js';
import { type ContentSource, contentSource, wholeSplits } from './contents/source.js';

export interface FullVerification {
  /** What the target is called in messages: "books" or "books/red", with its quotes. */
  readonly name: string;
  /** The rows as they were sent: splits of this unit alone, through all transformers. */
  readonly source: ContentSource;
  /** Digest of exactly these rows, where the run has taken it; then the source is read again only to name differences. */
  readonly known?: KnownDigest;
  /** All rows of the unit. It is read but not closed. */
  readonly target: Reader;
  /** The target's rows come from queries of a Milvus, which show one row per id. */
  readonly queried: boolean;
  readonly progress: PhaseProgress;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

export interface FullyVerified {
  /** Content digest of the target, over the fields of the source. */
  readonly digest: string;
  /** Rows that the target shows. */
  readonly rows: number;
}

function counted({ counts, complete }: Comparison): string {
  const parts = [
    ...(counts.missing > 0 ? [`${plural(counts.missing, 'row')} missing`] : []),
    ...(counts.different > 0 ? [`${plural(counts.different, 'row')} different`] : []),
    ...(counts.extra > 0 ? [`${plural(counts.extra, 'row')} too many`] : []),
  ];
  return `${complete ? '' : 'at least '}${parts.join(', ')}`;
}

/** The first differing rows in a few words: `17 (different in embedding), 20 (missing)`. */
export function listDifferences({ differences }: Pick<Comparison, 'differences'>): string {
  const named = differences.filter((d) => d.id !== null);
  return named
    .map(({ id, kind, fields }) => `${id} (${kind}${fields.length > 0 ? ` in ${fields.join(', ')}` : ''})`)
    .join(', ');
}

/** What a comparison that is not equal says of the target. */
export function mismatch(name: string, found: Comparison): MilvusdmError {
  const ids = listDifferences(found);
  const fields = found.fields.map((f) => f.name);
  const parts = [
    counted(found),
    ...(fields.length > 0 ? [`fields that differ: ${fields.join(', ')}`] : []),
    ...(ids === '' ? [] : [`ids ${ids}`]),
    `source ${found.digests.a} (${plural(found.rows.a, 'row')}), target ${found.digests.b} (${plural(found.rows.b, 'row')})`,
  ];
  return fail('VERIFY_MISMATCH', `${name} is not what was sent: ${parts.filter((p) => p !== '').join('; ')}`);
}

/**
 * Proves by content digests that a unit holds exactly the rows that were sent, whatever its key and vector field are called
 * and whatever further fields it has. For an id that the source has several times any of the copies will do, because a query
 * shows one; rows with the ids 2^63-1 and -2^63 are shown by none and left out. Throws VERIFY_MISMATCH with numbers and the first ids.
 */
export async function verifyFull(o: FullVerification): Promise<FullyVerified> {
  const target = contentSource(o.target, wholeSplits(await o.target.splits()));
  const found = await compareContents(
    { content: o.source, queried: false, ...(o.known ? { known: o.known } : {}) },
    { content: target, queried: o.queried },
    { signal: o.signal, onProgress: (done, total) => o.progress.progress(done, total) },
  );
  const missing = found.fields.filter((f) => f.a);
  const rows = found.counts.missing + found.counts.extra + found.counts.different;
  if (missing.length > 0 || rows > 0) throw mismatch(o.name, { ...found, fields: missing });
  if (found.unfindable > 0) {
    o.warn(`${o.name}: ${plural(found.unfindable, 'row')} with the id 2^63-1 or -2^63 cannot be read back`);
  }
  if (found.copies > 0) {
    o.warn(`${o.name} shows one row of each id; further copies that cannot be compared: ${formatCount(found.copies)}`);
  }
  return { digest: found.digests.b, rows: found.rows.b };
}
