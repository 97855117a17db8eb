import { BUCKETS, bucketOf, type Digest, type Hash, xxh64 } from '../../batch/digest.js';
import { createRowBytes, type KeyKind, keyBytes } from '../../batch/row-bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { createRowTable, type KeyBalance, type RowTable, scatter, tableCapacity } from './row-table.js';
import { type ContentSource, type PassOptions, readAll } from './source.js';

/** What a side is able to show of its rows. */
export interface Visibility {
  /** Its rows come from queries of a Milvus: one row per id, and never those with the ids 2^63-1 and -2^63. */
  readonly queried: boolean;
}

export interface LocateInput {
  /** Both sides have one schema (see align.ts). */
  readonly a: ContentSource;
  readonly b: ContentSource;
  readonly digests: { readonly a: Digest; readonly b: Digest };
  readonly visibility: { readonly a: Visibility; readonly b: Visibility };
  /** The rows of `a` are only a part of those of `b`: what `b` has besides does not count. */
  readonly subset: boolean;
  /** Differences to find at least before the search may end early. */
  readonly limit: number;
  /** Bound on the memory of the search. */
  readonly maxBytes: number;
  readonly pass: PassOptions;
}

export type DifferenceKind = 'missing' | 'extra' | 'different';

/** Seen from `a`: a row that `b` lacks, one that only `b` has, one whose values differ. */
export interface KeyDifference {
  readonly kind: DifferenceKind;
  /** The int64 key as 64 bits, a hash of a text key, a hash of the row where there are no keys. */
  readonly key: bigint;
}

export interface Located {
  readonly found: readonly KeyDifference[];
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  /** All differing parts were searched, so that the counts are exact. */
  readonly complete: boolean;
  /** Further copies of ids that one side cannot show. */
  readonly copies: number;
  /** Rows with the ids 2^63-1 and -2^63, which queries never show. */
  readonly unfindable: number;
}

/** Cells into which the rows of the differing buckets are divided when they are too many to be held at once. */
const CELLS = 1 << 16;
const EDGES: ReadonlySet<bigint> = new Set([2n ** 63n - 1n, 2n ** 63n]);

/** Some of the rows in the differing buckets. */
interface Part {
  readonly rows: number;
  has(key: bigint): boolean;
}

interface Keying {
  readonly hash: Hash;
  readonly kind: KeyKind;
}

/** The key of a row in 64 bits. */
export function keyOf(row: Uint8Array, { kind, hash }: Keying): bigint {
  if (kind === 'none') return hash(row, 0n);
  const bytes = keyBytes(row, kind);
  if (kind === 'text') return hash(bytes, 2n);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
}

type RowVisit = (key: bigint, hash: bigint) => void;

/** One pass over the rows in some of the buckets. */
async function eachRow(input: LocateInput, side: 'a' | 'b', buckets: Uint8Array, visit: RowVisit): Promise<void> {
  const source = input[side];
  const hash = await xxh64();
  const rowBytes = createRowBytes(source.schema);
  const keying = { kind: rowBytes.key, hash };
  await readAll(
    source,
    (batch) => {
      const rowOf = rowBytes.of(batch);
      for (let i = 0; i < batch.numRows; i++) {
        const row = rowOf(i);
        if (buckets[bucketOf(row, rowBytes.key)] === 1) visit(keyOf(row, keying), hash(row, 0n));
      }
      return undefined;
    },
    input.pass,
  );
}

function differingBuckets({ digests: { a, b }, subset }: LocateInput): Uint8Array {
  const out = new Uint8Array(BUCKETS);
  for (let i = 0; i < BUCKETS; i++) {
    const same = a.buckets[i * 2] === b.buckets[i * 2] && a.buckets[i * 2 + 1] === b.buckets[i * 2 + 1];
    out[i] = same || (subset && a.counts[i] === 0) ? 0 : 1;
  }
  return out;
}

function rowsIn({ digests: { a, b }, subset }: LocateInput, buckets: Uint8Array): number {
  let rows = 0;
  // Of a subset each row can have one counterpart that differs.
  for (const [i, taken] of buckets.entries()) if (taken) rows += a.counts[i]! + (subset ? a.counts[i]! : b.counts[i]!);
  return rows;
}

/** Numbers the parts in which differing cells are gathered; -1 for cells that agree. */
function gatherCells(sums: BigUint64Array, rows: Float64Array, subset: boolean, capacity: number): Int32Array {
  const parts = new Int32Array(CELLS).fill(-1);
  let part = 0;
  let held = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    const count = rows[cell]!;
    if (count === 0 || (!subset && sums[cell] === 0n)) continue;
    if (held > 0 && held + count > capacity) {
      part++;
      held = 0;
    }
    held += count;
    parts[cell] = part;
  }
  return parts;
}

/** Divides what differs into parts that the table can hold, by one more pass over both sides where they are too many rows. */
async function divide(input: LocateInput, buckets: Uint8Array, capacity: number): Promise<Part[]> {
  const all = rowsIn(input, buckets);
  if (all <= capacity) return [{ rows: all, has: () => true }];
  const sums = new BigUint64Array(CELLS);
  const rows = new Float64Array(CELLS);
  for (const side of ['a', 'b'] as const) {
    if (side === 'b' && input.subset) continue;
    await eachRow(input, side, buckets, (key, hash) => {
      const cell = scatter(key) % CELLS;
      sums[cell] = BigInt.asUintN(64, side === 'a' ? sums[cell]! + hash : sums[cell]! - hash);
      rows[cell]! += input.subset ? 2 : 1;
    });
  }
  const parts = gatherCells(sums, rows, input.subset, capacity);
  const count = parts.reduce((most, part) => Math.max(most, part), -1) + 1;
  return Array.from({ length: count }, (_, part) => ({
    rows: rows.reduce((sum, n, cell) => (parts[cell] === part ? sum + n : sum), 0),
    has: (key: bigint) => parts[scatter(key) % CELLS] === part,
  }));
}

/** What is said where the passes over one content do not fit together. */
export function changedMeanwhile(): MilvusdmError {
  return fail('SRC_CHANGED', 'what is compared changed between two passes, or one id has thousands of different rows', {
    hint: 'Stop whatever writes to either side and compare again.',
  });
}

/** Puts the rows of one part into the table. */
async function fill(input: LocateInput, buckets: Uint8Array, part: Part, table: RowTable): Promise<void> {
  for (const side of ['a', 'b'] as const) {
    await eachRow(input, side, buckets, (key, hash) => {
      if (!part.has(key)) return;
      if (side === 'b' && input.subset && !table.hasKey(key)) return;
      if (!table.add(side, key, hash)) throw changedMeanwhile();
    });
  }
}

interface Verdict {
  readonly different: number;
  readonly missing: number;
  readonly extra: number;
  readonly copies: number;
}

/**
 * What the balance of one key means. A side that shows one row per id explains the further copies of the other: any of
 * them may be the one that it shows.
 */
export function judge(
  balance: KeyBalance,
  once: { readonly a: boolean; readonly b: boolean },
  subset: boolean,
): Verdict {
  const shown = (count: number, otherIsOnce: boolean): number => {
    if (!otherIsOnce) return count;
    return balance.same > 0 ? 0 : Math.min(count, 1);
  };
  const a = shown(balance.onlyA, once.b);
  const b = shown(balance.onlyB, once.a);
  const different = Math.min(a, b);
  const extra = subset ? 0 : b - different;
  return { different, missing: a - different, extra, copies: balance.onlyA - a + (balance.onlyB - b) };
}

/** The differences with the smallest keys, in memory that does not grow with their number. */
function keepFirst(found: KeyDifference[], next: KeyDifference, limit: number): void {
  found.push(next);
  if (found.length < Math.max(64, limit * 4)) return;
  sortByKey(found);
  found.length = limit;
}

function sortByKey(found: KeyDifference[]): void {
  const order = ({ key }: KeyDifference): bigint => BigInt.asIntN(64, key);
  found.sort((x, y) => (order(x) < order(y) ? -1 : order(x) > order(y) ? 1 : 0));
}

interface Tally {
  readonly found: KeyDifference[];
  readonly counts: Record<DifferenceKind, number>;
  copies: number;
  unfindable: number;
}

const KINDS: readonly DifferenceKind[] = ['missing', 'extra', 'different'];

function tallyTable(table: RowTable, input: LocateInput, kind: KeyKind, tally: Tally): void {
  const { visibility, subset, limit } = input;
  // Without ids equal rows are told apart by nothing, and queries show each of them.
  const once = { a: visibility.a.queried && kind !== 'none', b: visibility.b.queried && kind !== 'none' };
  for (const balance of table.balances()) {
    const verdict = judge(balance, once, subset);
    tally.copies += verdict.copies;
    const edge = kind === 'int64' && EDGES.has(balance.key);
    for (const difference of KINDS) {
      const rows = verdict[difference];
      if (rows === 0) continue;
      if (edge && (difference === 'missing' ? once.b : difference === 'extra' && once.a)) tally.unfindable += rows;
      else {
        tally.counts[difference] += rows;
        keepFirst(tally.found, { kind: difference, key: balance.key }, limit);
      }
    }
  }
}

/**
 * Finds the rows in which two contents differ, reading only what lies in differing buckets into a table of fixed size, in
 * as many passes as that takes. Throws SRC_CHANGED when a side was changed between two passes.
 */
export async function locate(input: LocateInput): Promise<Located> {
  const buckets = differingBuckets(input);
  const parts = await divide(input, buckets, tableCapacity(input.maxBytes));
  const { key } = createRowBytes(input.a.schema);
  const counts = { missing: 0, extra: 0, different: 0 };
  const tally: Tally = { found: [], counts, copies: 0, unfindable: 0 };
  let searched = 0;
  for (const part of parts) {
    if (counts.missing + counts.extra + counts.different >= input.limit) break;
    const table = createRowTable(input.maxBytes, part.rows);
    await fill(input, buckets, part, table);
    tallyTable(table, input, key, tally);
    searched++;
  }
  sortByKey(tally.found);
  return { ...tally, found: tally.found.slice(0, input.limit), complete: searched === parts.length };
}
