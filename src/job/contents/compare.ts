import { combineDigests, type Digest } from '../../batch/digest.js';
import { anySignal } from '../../util/abort.js';
import { align, type FieldDifference } from './align.js';
import { changedMeanwhile, type DifferenceKind, locate, type Visibility } from './locate.js';
import { nameRows, type RowDifference } from './name-rows.js';
import { type ContentSource, digestContents } from './source.js';

/** A digest, perhaps without the buckets that tell where to look for differences. */
export type KnownDigest = Pick<Digest, 'hex' | 'rows'> & Partial<Digest>;

/** One side of a comparison. */
export interface Side extends Visibility {
  readonly content: ContentSource;
  /**
   * Its digest where it is known already, over all of its fields in the order of its schema, of `a` only: then it is read
   * only to name differences.
   */
  readonly known?: KnownDigest;
}

export interface CompareOptions {
  /** The rows of `a` are only a part of those of `b`. */
  readonly subset?: boolean;
  /** Differing rows to name; 10 where absent. */
  readonly limit?: number;
  /** Bound on the memory of the search for differing rows; 64 MiB where absent. */
  readonly maxBytes?: number;
  readonly signal: AbortSignal;
  /** Rows read of those that this pass is to read; starts again with every pass. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What two contents have in common. `a` is what should be, `b` what is. */
export interface Comparison {
  readonly equal: boolean;
  readonly rows: { readonly a: number; readonly b: number };
  /** Over the fields that both have, as `a` calls and orders them. */
  readonly digests: { readonly a: string; readonly b: string };
  readonly fields: readonly FieldDifference[];
  /** The first differing rows, by ascending id. */
  readonly differences: readonly RowDifference[];
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  /** False: the search ended with the first differences, and there may be more than `counts`. */
  readonly complete: boolean;
  /** Further copies of ids that the other side, being queried, cannot show. */
  readonly copies: number;
  /** Rows with the ids 2^63-1 and -2^63, which no query shows. */
  readonly unfindable: number;
}

const FIRST = 10;
const SEARCH_BYTES = 64 * 1024 * 1024;
const NO_DIFFERENCES = { differences: [], counts: { missing: 0, extra: 0, different: 0 } } as const;

function rowsOf(source: ContentSource): number {
  return source.splits.reduce((sum, s) => sum + s.rows, 0);
}

/** Progress over passes: each starts at 0 again. */
function passCounter(o: CompareOptions): (total: number) => { signal: AbortSignal; onRows: (rows: number) => void } {
  return (total) => {
    let done = 0;
    return {
      signal: o.signal,
      onRows(rows) {
        done += rows;
        o.onProgress?.(Math.min(done, total), total);
      },
    };
  };
}

/** Runs both; the failure of one stops the other, and is thrown when both have ended. */
async function together<T>(signal: AbortSignal, runs: readonly ((signal: AbortSignal) => Promise<T>)[]): Promise<T[]> {
  const local = new AbortController();
  let failure: { error: unknown } | undefined;
  const inner = anySignal(signal, local.signal);
  const results = await Promise.all(
    runs.map((run) =>
      run(inner).catch((error: unknown) => {
        failure ??= { error };
        local.abort();
        return undefined;
      }),
    ),
  );
  if (failure) throw failure.error;
  return results as T[];
}

function hasKey({ content }: Side): boolean {
  return content.schema.fields.some((f) => f.metadata.get('milvus.primary_key') === 'true');
}

async function withBuckets(known: KnownDigest, read: () => Promise<Digest>): Promise<Digest> {
  const { buckets, counts } = known;
  return buckets && counts ? { ...known, buckets, counts } : read();
}

/** Keys of two types: no row of one side can be one of the other. */
function keysDiffer(fields: readonly FieldDifference[], a: Side): boolean {
  return hasKey(a) && fields.some((f) => f.a?.primaryKey);
}

/**
 * Compares the content of two sides: by digests, in one pass over each, and where these differ by a search for the rows
 * that do, which holds at most `maxBytes`. Key and only vector field may have two names; other fields are taken by name. A side that is
 * queried shows one row per id: of further copies that the other side has, any may be that row. Neither side is changed or
 * closed. Throws what the readers throw, SRC_CHANGED, INTERRUPTED.
 */
export async function compareContents(a: Side, b: Side, o: CompareOptions): Promise<Comparison> {
  const aligned = align(a.content, b.content);
  const fields = aligned.differences;
  const counter = passCounter(o);
  const knownA = fields.some((f) => f.a) ? undefined : a.known;
  const pass = counter((knownA ? 0 : rowsOf(a.content)) + rowsOf(b.content));
  const digestOf = async (content: ContentSource, signal: AbortSignal): Promise<Digest> =>
    combineDigests((await digestContents(content, { ...pass, signal })).values());
  const [digestA, digestB] = (await together(o.signal, [
    async (signal) => knownA ?? digestOf(aligned.a, signal),
    (signal) => digestOf(aligned.b, signal),
  ])) as [KnownDigest, Digest];
  const rows = { a: digestA.rows, b: digestB.rows };
  const digests = { a: digestA.hex, b: digestB.hex };
  const ours = fields.filter((f) => !o.subset || f.a);
  const base = { rows, digests, fields, copies: 0, unfindable: 0, complete: true };
  if (digestA.hex === digestB.hex || keysDiffer(fields, a)) {
    return { ...base, ...NO_DIFFERENCES, equal: ours.length === 0 && digestA.hex === digestB.hex };
  }
  const sides = align(a.content, b.content, 'both');
  const search = counter(rowsOf(a.content) + rowsOf(b.content));
  const located = await locate({
    a: sides.a,
    b: sides.b,
    digests: { a: await withBuckets(digestA, () => digestOf(aligned.a, o.signal)), b: digestB },
    visibility: { a, b },
    subset: o.subset ?? false,
    limit: o.limit ?? FIRST,
    maxBytes: o.maxBytes ?? SEARCH_BYTES,
    pass: search,
  });
  const { counts, complete, copies, unfindable } = located;
  const differing = counts.missing + counts.extra + counts.different;
  if (!o.subset && differing + copies + unfindable === 0) throw changedMeanwhile();
  const differences = await nameRows(sides.a, sides.b, located.found, search);
  const equal = ours.length === 0 && differing === 0;
  return { ...base, equal, differences, counts, complete, copies, unfindable };
}
