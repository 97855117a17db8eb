import { plural } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { LegacySegment, LegacyTable } from './metadata.js';
import { listPlaces, type Notes } from './notes.js';
import { type CheckedSegment, checkSegment, type MissingSegment, type Segment, type SegmentCheck } from './segment.js';

/** A segment and the table that it belongs to. */
export interface SegmentRow {
  readonly table: LegacyTable;
  readonly row: LegacySegment;
}

export interface Checked {
  /** The sound ones, in the order given. */
  readonly segments: readonly Segment[];
  readonly missing: readonly MissingSegment[];
  readonly damaged: readonly MilvusdmError[];
}

/** Segments looked at side by side. */
const LANES = 8;
const MAX_LISTED = 100;

/** Checks all segments before any is read, and gathers what is wrong. Throws only for faults that are not of a segment. */
export async function checkSegments(rows: readonly SegmentRow[], o: SegmentCheck, notes: Notes): Promise<Checked> {
  const outcomes: (CheckedSegment | MilvusdmError)[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < rows.length) {
      const at = next++;
      const { table, row } = rows[at]!;
      try {
        outcomes[at] = await checkSegment(table, row, o);
      } catch (thrown) {
        if (!(thrown instanceof MilvusdmError)) throw thrown;
        outcomes[at] = thrown;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  const segments: Segment[] = [];
  const missing: MissingSegment[] = [];
  const damaged: MilvusdmError[] = [];
  for (const outcome of outcomes) {
    if (outcome instanceof MilvusdmError) {
      damaged.push(outcome);
      continue;
    }
    if ('missing' in outcome.found) missing.push(outcome.found);
    else segments.push(outcome.found);
    for (const [what, where] of outcome.notes) notes.add(what, where);
  }
  return { segments, missing, damaged };
}

/** The first damage with the others, and further troubles, behind it; its code is that of the first. */
export function damageOf(damaged: readonly MilvusdmError[], more: string | undefined): MilvusdmError {
  const [first, ...others] = damaged;
  if (!first) return fail('INTERNAL', 'no segment is damaged');
  const rest =
    others.length === 0 ? '' : `; other damaged segments: ${listPlaces(others.map(({ message }) => message))}`;
  return fail(first.code, first.message + rest + (more === undefined ? '' : `; and ${more}`), { hint: first.hint });
}

/** Segments with missing files as an error (all of them) or a warning with the rows that are lost. */
export function missingText(collection: string, missing: readonly MissingSegment[]): string {
  const rows = missing.reduce((sum, { rowCount }) => sum + rowCount, 0n);
  const places = missing.map(({ id, missing: what, rowCount }) => `${id} (${what}, ${plural(rowCount, 'row')})`);
  return `collection "${collection}" lacks files of ${plural(missing.length, 'segment')} with ${plural(rows, 'row')} by the metadata: ${listPlaces(places, MAX_LISTED)}`;
}
