import type { ResumePoint, UnitPlan } from '../../adapters/types.js';
import { sumDigests } from '../../batch/digest.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { PlacedSplit } from '../run-context.js';
import type { UnitLine } from './lines.js';
import type { CollectionState, LedgerState } from './state.js';

/** A unit as it was planned by the run that is continued. */
function unitPlan(unit: UnitLine): UnitPlan {
  const { partition, whole, write, existingRows, fresh } = unit;
  return { ...(partition === null ? {} : { partition }), ...(whole ? { whole } : {}), write, existingRows, fresh };
}

/** What a writer has to know of a collection that is continued. */
export function resumePoint(state: CollectionState, ledger: LedgerState, splits: readonly PlacedSplit[]): ResumePoint {
  const rows = new Map<string, number>();
  // Before the target was prepared nothing was written, and the source may be another one by now.
  for (const [i, { partition }] of state.target === undefined ? [] : splits.entries()) {
    const { written } = ledger.totals(state, i);
    rows.set(partition ?? '', (rows.get(partition ?? '') ?? 0) + written);
  }
  const { units, creates } = state.begin;
  const path = units.some(({ settling }) => settling === 'import') ? 'bulk' : 'insert';
  return { units: units.map(unitPlan), creates, target: state.target, rows, path };
}

/** Throws SRC_CHANGED unless the source is what it was when the run began that is to be continued. */
export function requireSameSource(state: CollectionState, splits: readonly PlacedSplit[], name: string): void {
  const before = state.splits;
  const changed = splits.filter(
    (s, i) =>
      s.split.id !== before[i]?.id || s.rows !== before[i].rows || s.split.fingerprint !== before[i].fingerprint,
  );
  if (changed.length === 0 && splits.length === before.length) return;
  const what = changed[0]?.split.source ?? (name || 'the source');
  const rows = (list: readonly { rows: number }[]): string =>
    plural(
      list.reduce((sum, s) => sum + s.rows, 0),
      'row',
    );
  throw fail(
    'SRC_CHANGED',
    `${what} is not what it was when this job began: it had ${plural(before.length, 'part')} with ${rows(before)}, now ${splits.length} with ${rows(splits)}`,
    { hint: 'Put the source back as it was, or run with --restart, which starts over.' },
  );
}

/** Rows and digest of a unit, as far as an earlier run has settled them. */
export interface EarlierTotals {
  readonly rowsRead: number;
  readonly rowsWritten: number;
  /** Digest of the rows written; undefined where it was not taken of all of them. */
  readonly digest: string | undefined;
}

export function earlierTotals(
  state: CollectionState,
  ledger: LedgerState,
  splits: readonly PlacedSplit[],
  partition: string | undefined,
): EarlierTotals {
  let [rowsRead, rowsWritten, bare] = [0, 0, 0];
  let digest: string | undefined;
  for (const [i, placed] of splits.entries()) {
    if (placed.partition !== partition) continue;
    const totals = ledger.totals(state, i);
    rowsRead += state.splits[i]!.acked.count;
    rowsWritten += totals.written;
    bare += totals.withoutDigest;
    if (totals.digest !== undefined) digest = sumDigests(digest, totals.digest);
  }
  return { rowsRead, rowsWritten, digest: bare > 0 ? undefined : digest };
}
