import type { RecordBatch } from 'apache-arrow';
import type { PhaseProgress, TargetRow, Writer, WriteUnit } from '../adapters/types.js';
import { canonicalJson } from '../batch/canonical-json.js';
import { keyIndex, rawColumns } from '../batch/columns.js';
import { fromArrowField, isVector, specsOf } from '../batch/fields.js';
import { sameValue, type Value, valueAt } from '../batch/values.js';
import { plural } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import type { ContentSource } from './contents/source.js';
import { isEdgeId } from './keys.js';
import type { SampledRow } from './sample.js';

export interface AppendedVerification {
  readonly name: string;
  /** The rows as they were sent, with their keys: splits of this unit alone, through all transformers. */
  readonly source: ContentSource;
  /** Open for reading; the unit holds the rows of others, too. */
  readonly writer: Pick<Writer, 'findRows' | 'countRows'>;
  readonly unit: WriteUnit;
  /** Ids are known to be different from each other. */
  readonly unique: boolean;
  readonly progress: PhaseProgress;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
}

/** Rows that were not as they should be: beyond this many nothing is looked at twice. */
const MOST_DOUBTS = 100_000;
/** Of the rows that differ, so many are asked about older rows with their id. */
const MOST_ASKED = 1000;
const FIRST = 10;

type Doubt = { readonly key: bigint | string; readonly kind: 'missing' | 'different' };

function canonical(value: Value | undefined): string | undefined {
  if (!(value instanceof Uint8Array)) return undefined;
  try {
    return canonicalJson(Buffer.from(value).toString('utf8'));
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

function sameRow(sent: SampledRow, found: TargetRow, json: ReadonlySet<string>): boolean {
  return [...sent.values].every(([name, value]) => {
    const there = found.values.get(name);
    if (sameValue(value, there)) return true;
    const text = json.has(name) ? canonical(value) : undefined;
    return text !== undefined && text === canonical(there);
  });
}

/** The rows of a batch that `wanted` names, their values copied. */
function rowsOf(batch: RecordBatch, wanted: (key: string) => boolean): SampledRow[] {
  const at = keyIndex(batch.schema);
  const columns = rawColumns(batch).map((column) => ({
    column,
    name: column.field.name,
    vector: isVector(fromArrowField(column.field).type),
  }));
  const [keyColumn] = columns.splice(at, 1);
  const rows: SampledRow[] = [];
  for (let i = 0; i < batch.numRows; i++) {
    const raw = valueAt(keyColumn!.column, i, false);
    const key = raw instanceof Uint8Array ? Buffer.from(raw).toString('utf8') : (raw as bigint);
    if (isEdgeId(key) || !wanted(String(key))) continue;
    rows.push({ key, values: new Map(columns.map((c) => [c.name, valueAt(c.column, i, c.vector)])) });
  }
  return rows;
}

/** Looks up the rows of a batch that `wanted` names, and gives each with what the target has of it. */
async function lookUp(
  o: AppendedVerification,
  batch: RecordBatch,
  wanted: (key: string) => boolean,
): Promise<{ sent: SampledRow; found: TargetRow[] }[]> {
  const sent = rowsOf(batch, wanted);
  if (sent.length === 0) return [];
  const keys = [...new Set(sent.map((row) => row.key!))];
  const byKey = new Map<string, TargetRow[]>();
  for (const row of await o.writer.findRows(keys, o.unit)) {
    const key = String(row.key);
    byKey.set(key, [...(byKey.get(key) ?? []), row]);
  }
  return sent.map((row) => ({ sent: row, found: byKey.get(String(row.key)) ?? [] }));
}

interface Pass {
  readonly wanted: (key: string) => boolean;
  readonly see: (row: SampledRow, found: readonly TargetRow[], same: boolean) => void;
}

/** One pass over the source; the batches are looked up one after the other. */
async function eachLookup(o: AppendedVerification, { wanted, see }: Pass): Promise<void> {
  const specs = specsOf(o.source.schema);
  const json = new Set(specs.filter((s) => s.type === 'JSON').map((s) => s.name));
  const total = o.source.splits.reduce((sum, s) => sum + s.rows, 0);
  let done = 0;
  for (const split of o.source.splits) {
    for await (const batch of o.source.read(split, o.signal)) {
      for (const { sent, found } of await lookUp(o, batch, wanted)) {
        see(
          sent,
          found,
          found.some((row) => sameRow(sent, row, json)),
        );
      }
      done += batch.numRows;
      o.progress.progress(Math.min(done, total), total);
    }
  }
}

/** Takes away the doubts that another copy of the id in the source settles: the target shows that one. */
async function withoutCopies(o: AppendedVerification, doubts: Map<string, Doubt>): Promise<void> {
  const wanted = (key: string): boolean => doubts.get(key)?.kind === 'different';
  await eachLookup(o, {
    wanted,
    see(row, _found, same) {
      if (same) doubts.delete(String(row.key));
    },
  });
}

/** Of the ids that differ, those of which the unit held a row before: queries may show that one. */
async function stoodBefore(o: AppendedVerification, doubts: Iterable<Doubt>): Promise<string[]> {
  const older: string[] = [];
  let asked = 0;
  for (const { key, kind } of doubts) {
    if (kind !== 'different' || asked++ === MOST_ASKED) continue;
    if ((await o.writer.countRows(o.unit, key)) > 1) older.push(String(key));
  }
  return older;
}

/**
 * Proves that every row that was added to a unit with rows of its own is there, by looking each id up. For an id that the
 * source has several times any of the copies will do; where the unit had a row with the id before, that is a warning, because
 * queries show one of the two. Throws VERIFY_MISMATCH with numbers and the first ids.
 */
export async function verifyAppended(o: AppendedVerification): Promise<{ readonly rows: number }> {
  const doubts = new Map<string, Doubt>();
  let rows = 0;
  await eachLookup(o, {
    wanted: () => true,
    see(row, found, same) {
      rows++;
      if (same || doubts.size === MOST_DOUBTS) return;
      doubts.set(String(row.key), { key: row.key!, kind: found.length === 0 ? 'missing' : 'different' });
    },
  });
  const overflow = doubts.size === MOST_DOUBTS;
  const differs = [...doubts.values()].some((d) => d.kind === 'different');
  if (differs && !overflow && !o.unique) await withoutCopies(o, doubts);
  const older = overflow ? [] : await stoodBefore(o, doubts.values());
  for (const key of older) doubts.delete(key);
  if (older.length > 0) {
    o.warn(`${o.name} held ids before: ${older.slice(0, FIRST).join(', ')}; queries may show the older rows`);
  }
  if (doubts.size === 0) return { rows };
  const missing = [...doubts.values()].filter((d) => d.kind === 'missing').length;
  const shown = [...doubts.values()].slice(0, FIRST).map(({ key, kind }) => `${key} (${kind})`);
  const many = `${overflow ? 'at least ' : ''}${plural(doubts.size, 'id')}`;
  throw fail(
    'VERIFY_MISMATCH',
    `of ${plural(rows, 'row')} added to ${o.name}, ${many} are not as they were sent (${missing} missing): ids ${shown.join(', ')}`,
  );
}
