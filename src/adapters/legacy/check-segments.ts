import { plural } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { LegacySegment, LegacyTable } from './metadata.js';
import { listPlaces } from './notes.js';
import { checkSegment, type MissingSegment, type Segment, type SegmentCheck } from './segment.js';

/** A segment and the table that it belongs to. */
export interface SegmentRow {
  readonly table: LegacyTable;
  readonly row: LegacySegment;
}

export interface Checked {
  /** In the order given; undefined where files are missing or damaged. */
  readonly segments: readonly (Segment | undefined)[];
  readonly missing: readonly MissingSegment[];
  readonly damaged: readonly MilvusdmError[];
}

/** Segments looked at side by side. */
const LANES = 8;
const MAX_LISTED = 100;

/** Checks all segments before any is read, and gathers what is wrong. Throws only for faults that are not of a segment. */
export async function checkSegments(rows: readonly SegmentRow[], o: SegmentCheck): Promise<Checked> {
  const segments: (Segment | undefined)[] = rows.map(() => undefined);
  const missing: MissingSegment[] = [];
  const damaged: MilvusdmError[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < rows.length) {
      const at = next++;
      const { table, row } = rows[at]!;
      try {
        const found = await checkSegment(table, row, o);
        if ('missing' in found) missing.push(found);
        else segments[at] = found;
      } catch (thrown) {
        if (!(thrown instanceof MilvusdmError)) throw thrown;
        damaged.push(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { segments, missing, damaged };
}

/** Throws the first damage with the others behind it, with its own code. */
export function assertUndamaged({ damaged }: Checked): void {
  const [first, ...others] = damaged;
  if (!first) return;
  const rest = others.length === 0 ? '' : `; and so do others: ${listPlaces(others.map(({ message }) => message))}`;
  throw fail(first.code, first.message + rest, { hint: first.hint });
}

/** Segments with missing files as an error (all of them) or a warning with the rows that are lost. */
export function missingText(collection: string, missing: readonly MissingSegment[]): string {
  const rows = missing.reduce((sum, { rowCount }) => sum + rowCount, 0n);
  const places = missing.map(({ id, missing: what, rowCount }) => `${id} (${what}, ${plural(rowCount, 'row')})`);
  return `collection "${collection}" lacks files of ${plural(missing.length, 'segment')} with ${plural(rows, 'row')} by the metadata: ${listPlaces(places, MAX_LISTED)}`;
}
