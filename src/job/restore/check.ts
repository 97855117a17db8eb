import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { type RestoreItem, shownName } from './choose.js';
import type { ImportUnit } from './folders.js';

function mismatchOf(item: RestoreItem, what: string): Error {
  return fail('VERIFY_MISMATCH', `"${shownName(item)}": ${what}; what was there before is still there`);
}

/**
 * Compares the rows that imports brought with the files and with the server's own count. Where nothing was deleted they
 * must be those of the files; else not more, and some of them. Throws VERIFY_MISMATCH.
 */
export function checkCounts(item: RestoreItem, rows: ReadonlyMap<ImportUnit, number>, targetRows: number): void {
  const mismatch = (what: string): Error => mismatchOf(item, what);
  let total = 0;
  for (const [unit, came] of rows) {
    total += came;
    const few = unit.deltaBytes === 0 && came < unit.rows;
    if (came > unit.rows || few) {
      const place = `${unit.name} of partition "${unit.partition}"`;
      throw mismatch(
        `the import of ${place} brought ${formatCount(came)} rows, its files have ${formatCount(unit.rows)}`,
      );
    }
  }
  if (total !== targetRows) {
    throw mismatch(`the imports brought ${formatCount(total)} rows, the server counts ${formatCount(targetRows)}`);
  }
}

/** The same of rows that were inserted: those of the files without deleted ones, by {@link checkCounts}'s rules. Throws VERIFY_MISMATCH. */
export function checkInserted(
  item: RestoreItem,
  units: readonly ImportUnit[],
  inserted: number,
  targetRows: number,
): void {
  const rows = units.reduce((sum, unit) => sum + unit.rows, 0);
  const hasDeletes = units.some(({ deltaBytes }) => deltaBytes > 0);
  if (inserted > rows || (!hasDeletes && inserted < rows)) {
    throw mismatchOf(item, `${formatCount(inserted)} rows were inserted, its files have ${formatCount(rows)}`);
  }
  if (inserted !== targetRows) {
    throw mismatchOf(item, `${formatCount(inserted)} rows were inserted, the server counts ${formatCount(targetRows)}`);
  }
}
