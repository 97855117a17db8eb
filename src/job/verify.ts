import type { PhaseProgress, Reader, TargetRow, Writer } from '../adapters/types.js';
import { sameValue } from '../batch/values.js';
import type { TaskConfig } from '../config/types.js';
import type { Transformer } from '../transforms/types.js';
import { sleep } from '../util/abort.js';
import { formatCount, plural } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { idText } from './bad-rows.js';
import type { KnownDigest } from './contents/compare.js';
import { contentSource } from './contents/source.js';
import { isEdgeId } from './keys.js';
import type { UnitResult } from './result.js';
import { batchesOf, type PlacedSplit } from './run-context.js';
import { type SampledRow, takeSample } from './sample.js';
import { verifyAppended } from './verify-appended.js';
import { verifyFull } from './verify-full.js';

export type VerifyLevel = 'none' | 'count' | 'sample' | 'full';

export interface Verified {
  readonly level: VerifyLevel;
  /** Rows that the target holds now. */
  readonly targetRows: number | undefined;
}

export interface VerifyInput {
  readonly writer: Writer;
  readonly reader: Reader;
  readonly splits: readonly PlacedSplit[];
  readonly transformers: readonly Transformer[];
  /** Digest of the rows of the unit as they were sent, where the run has taken it. */
  readonly known?: KnownDigest;
  /** The server made the keys. */
  readonly autoId: boolean;
  readonly config: TaskConfig;
  /** Rows beyond the first of each id that were written, as far as known. */
  readonly duplicates: number | undefined;
  /** An earlier run of the job may have sent rows over themselves. */
  readonly continued: boolean;
  readonly progress: PhaseProgress;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

/** A count may lag behind an acknowledged write for a moment where it comes from the server's statistics. */
const COUNT_PATIENCE_MS = 15_000;
const LONGEST_COUNT_WAIT_MS = 6400;
/** The longest single wait before rows that are not shown are looked up again. */
const SAMPLE_PATIENCE_MS = 4000;

async function settledCount(input: VerifyInput, result: UnitResult, expected: number): Promise<number> {
  const deadline = Date.now() + (input.writer.countPatienceMs ?? COUNT_PATIENCE_MS);
  for (let wait = 100; ; wait = Math.min(wait * 2, LONGEST_COUNT_WAIT_MS)) {
    const rows = await input.writer.countRows(result.unit);
    if (rows === expected || Date.now() + wait > deadline) return rows;
    await sleep(wait, input.signal);
  }
}

function unitName(input: VerifyInput, result: UnitResult): string {
  const { partition } = result.unit;
  return partition === undefined ? `"${input.config.collection}"` : `"${input.config.collection}/${partition}"`;
}

/** Compares the target's count with what was written. A fresh unit must agree exactly; one that had rows only warns. */
async function verifyCount(input: VerifyInput, result: UnitResult, canQuery: boolean): Promise<number> {
  const { unit, rowsWritten } = result;
  const name = unitName(input, result);
  const repeated = input.duplicates ?? 0;
  const unique = input.writer.deduplicates ? rowsWritten - repeated : rowsWritten;
  const expected = unit.fresh ? unique : unit.existingRows + rowsWritten;
  const rows = await settledCount(input, result, expected);
  if (rows === expected) return rows;
  // A deduplicating server counts ids, and how many ids of a part repeat is not known when the run has several parts.
  const unknown =
    input.writer.deduplicates && (input.duplicates === undefined || (repeated > 0 && unit.partition !== undefined));
  // Statistics count a row that was replaced as two.
  const replaced = !canQuery && (input.continued || input.writer.replacedRows > 0) && rows > expected;
  const text = `${name} holds ${formatCount(rows)} rows where ${formatCount(expected)} are expected`;
  if (replaced) {
    input.warn(`${text}: batches whose answer was lost were sent again, and statistics count such rows twice`);
    return rows;
  }
  if (unit.fresh && !unknown) throw fail('VERIFY_MISMATCH', text);
  input.warn(`${text} (others may write to it, or ids were there before)`);
  return rows;
}

type Difference = { readonly row: SampledRow; readonly kind: 'missing' | 'different' };

function compareSample(sample: readonly SampledRow[], found: readonly TargetRow[]): Difference[] {
  const byKey = new Map<string, TargetRow[]>();
  for (const row of found) {
    const key = String(row.key);
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  }
  return sample.flatMap((row): Difference[] => {
    const candidates = byKey.get(String(row.key)) ?? [];
    if (candidates.length === 0) return [{ row, kind: 'missing' }];
    const same = candidates.some((c) => [...row.values].every(([name, value]) => sameValue(value, c.values.get(name))));
    return same ? [] : [{ row, kind: 'different' }];
  });
}

function missingIn(sample: readonly SampledRow[], found: readonly TargetRow[]): boolean {
  const shown = new Set(found.map((row) => String(row.key)));
  return sample.some((row) => !shown.has(String(row.key)));
}

/** All copies of the given ids in the source, in one pass: for an id that occurs twice, the target may show either. */
async function copiesOf(input: VerifyInput, keys: ReadonlySet<string>): Promise<Map<string, SampledRow[]>> {
  const copies = new Map<string, SampledRow[]>();
  for (const placed of input.splits) {
    const options = { maxBytes: input.config.options.batchBytes, signal: input.signal };
    for await (const item of batchesOf(input.reader, placed, options)) {
      let batch = item.batch;
      for (const transformer of input.transformers) batch = transformer.apply(batch, item.row);
      for (let i = 0; i < batch.numRows; i++) {
        const key = idText(batch, i);
        if (key === undefined || !keys.has(key)) continue;
        copies.set(key, [...(copies.get(key) ?? []), takeSample(batch, i)]);
      }
    }
  }
  return copies;
}

/** Takes away the differences that have a reason: another copy of the id in the source, or an older row of the target. */
async function unexplained(
  input: VerifyInput,
  result: UnitResult,
  found: readonly TargetRow[],
  differences: readonly Difference[],
): Promise<Difference[]> {
  const different = differences.filter((d) => d.kind === 'different');
  if (different.length === 0) return [...differences];
  const keys = new Set(different.map((d) => String(d.row.key)));
  const copies = input.duplicates === 0 ? new Map<string, SampledRow[]>() : await copiesOf(input, keys);
  const left: Difference[] = differences.filter((d) => d.kind === 'missing');
  const older: string[] = [];
  for (const d of different) {
    const key = String(d.row.key);
    if (copies.get(key)?.some((copy) => compareSample([copy], found).length === 0)) continue;
    const stood =
      !result.unit.fresh && !input.writer.deduplicates && (await input.writer.countRows(result.unit, d.row.key!)) > 1;
    if (stood) older.push(key);
    else left.push(d);
  }
  if (older.length > 0) {
    const name = unitName(input, result);
    input.warn(`${name} held sampled ids before: ${older.slice(0, 10).join(', ')}; queries may show the older rows`);
  }
  return left;
}

/** Whether a query can find the row: its key is known and not at the very ends of int64. */
function canBeFound(row: SampledRow): boolean {
  return row.key !== undefined && !isEdgeId(row.key);
}

/** Looks the sampled rows up in the target and compares them bit for bit. Throws VERIFY_MISMATCH. */
async function verifySample(input: VerifyInput, result: UnitResult): Promise<void> {
  const usable = result.sampler.rows.filter(canBeFound);
  input.progress.progress(0, usable.length);
  const keys = usable.map((r) => r.key!);
  let found = await input.writer.findRows(keys, result.unit);
  // A server under load may show nothing, for a moment, of rows that it counts.
  for (let wait = 500; missingIn(usable, found) && wait <= SAMPLE_PATIENCE_MS; wait *= 2) {
    await sleep(wait, input.signal);
    found = await input.writer.findRows(keys, result.unit);
  }
  const differences = await unexplained(input, result, found, compareSample(usable, found));
  input.progress.progress(usable.length, usable.length);
  if (differences.length === 0) return;
  const missing = differences.filter((d) => d.kind === 'missing').length;
  const ids = differences.slice(0, 10).map((d) => `${d.row.key} (${d.kind})`);
  throw fail(
    'VERIFY_MISMATCH',
    `${differences.length} of ${plural(usable.length, 'sampled row')} of ${unitName(input, result)} are wrong (${missing} missing): ids ${ids.join(', ')}`,
  );
}

/**
 * Compares every row. Says whether that could be done: among the rows of others, those with keys that the server made are told by
 * nothing in the source.
 */
async function verifyContents(input: VerifyInput, result: UnitResult): Promise<boolean> {
  const { writer, progress, signal, warn } = input;
  const name = unitName(input, result);
  if ((input.autoId && !result.unit.fresh) || !writer.contents) {
    warn(`${name} has keys that the server made: verified by the row count and a sample`);
    return false;
  }
  const { transformers, config } = input;
  const source = contentSource(input.reader, input.splits, { transformers, batchBytes: config.options.batchBytes });
  const common = { name, source, progress, signal, warn };
  if (!result.unit.fresh) {
    await verifyAppended({ ...common, writer, unit: result.unit, unique: input.duplicates === 0 });
    return true;
  }
  await using target = await writer.contents(result.unit);
  await verifyFull({ ...common, target, queried: true, ...(input.known ? { known: input.known } : {}) });
  return true;
}

/**
 * Proves that what was written is there: the count, and unless the level is `count` or the target cannot be queried, a
 * random sample bit for bit. Throws VERIFY_MISMATCH naming numbers and ids.
 */
export async function verifyUnit(input: VerifyInput, result: UnitResult, canQuery: boolean): Promise<Verified> {
  const targetRows = await verifyCount(input, result, canQuery);
  if (input.writer.verifiesItself) return { level: 'full', targetRows };
  if (input.config.options.verify === 'count' || !canQuery) return { level: 'count', targetRows };
  if (result.sampler.rows.length > 0 && !result.sampler.rows.some(canBeFound)) {
    input.warn(`no row of ${unitName(input, result)} can be looked up by its id: verified by the row count only`);
    return { level: 'count', targetRows };
  }
  if (input.config.options.verify === 'full' && (await verifyContents(input, result))) {
    return { level: 'full', targetRows };
  }
  await verifySample(input, result);
  return { level: 'sample', targetRows };
}
