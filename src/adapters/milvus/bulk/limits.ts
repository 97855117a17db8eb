import { isList, isText, type RawColumn } from '../../../batch/columns.js';
import type { FieldSpec } from '../../../batch/fields.js';
import { fail } from '../../../util/errors.js';

/** What the values of a field of the target may be at most. */
export type FieldLimits = Pick<FieldSpec, 'maxLength' | 'maxCapacity'>;

function longestOf(offsets: Int32Array, rows: number): number {
  let longest = 0;
  for (let i = 0; i < rows; i++) longest = Math.max(longest, offsets[i + 1]! - offsets[i]!);
  return longest;
}

/**
 * Throws DST_REFUSED for a text that is longer, or an array that has more elements, than the field takes: Milvus 2.3.5 refuses
 * requests with such a value, and an import would store it.
 */
export function requireWithin({ name, type, maxLength, maxCapacity }: FieldSpec, { values, rows }: RawColumn): void {
  if (type === 'VARCHAR' && maxLength !== undefined && isText(values)) {
    const longest = longestOf(values.offsets, rows);
    if (longest <= maxLength) return;
    throw fail('DST_REFUSED', `a text has ${longest} bytes, and the field "${name}" takes ${maxLength}`, {
      hint: 'Choose a collection whose field takes longer texts, or leave such rows out by a step `where`.',
    });
  }
  if (type === 'ARRAY' && maxCapacity !== undefined && isList(values)) {
    const most = longestOf(values.offsets, rows);
    if (most <= maxCapacity) return;
    throw fail('DST_REFUSED', `an array has ${most} elements, and the field "${name}" takes ${maxCapacity}`, {
      hint: 'Choose a collection whose field takes longer arrays.',
    });
  }
}
