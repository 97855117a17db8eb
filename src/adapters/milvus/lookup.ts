import { flat, isText, type RawValues } from '../../batch/columns.js';
import type { MilvusType } from '../../batch/fields.js';
import { comparableAt } from '../../batch/values.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows, query, textLiteral } from '../../milvus/data.js';
import type { AnswerColumn } from '../../milvus/decode-query.js';
import { fail } from '../../util/errors.js';
import type { TargetRow } from '../types.js';

/** Answers of a lookup stay below this, so that memory does not grow with the size of a row. */
const LOOKUP_BYTES = 4 * 1024 * 1024;
const LOOKUP_KEYS = 200;
/**
 * The largest limit that Milvus allows. Without one 2.3.5 looks at as many rows of a segment as that has different keys (measured): with
 * copies among them other keys do not come.
 */
export const MOST_ROWS = 16_384;

/** The keys that no query expression finds although they are stored (measured on 2.3.5). */
export const UNQUERYABLE_KEYS: readonly bigint[] = [2n ** 63n - 1n, -(2n ** 63n)];

/** The smallest key that an expression finds. */
export const SMALLEST_QUERYABLE: bigint = -(2n ** 63n) + 1n;

/** A key as it stands in a Milvus expression. */
export function keyLiteral(key: bigint | string): string {
  return typeof key === 'bigint' ? key.toString() : textLiteral(key);
}

/** The key of a row of an answer. */
export function keyAt(values: RawValues, row: number): bigint | string {
  if (!isText(values)) return BigInt(flat(values)[row]!);
  return Buffer.from(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!)).toString('utf8');
}

export interface LookupField {
  /** Name in the batches, and in the collection. */
  readonly source: string;
  readonly target: string;
  readonly type: MilvusType;
}

export interface Lookup {
  readonly collection: string;
  readonly keyField: string;
  readonly fields: readonly LookupField[];
  readonly rowBytes: number;
  readonly partition?: string;
}

/** Throws DST_REFUSED where an answer has no such column. */
export function columnOf(columns: readonly AnswerColumn[], name: string, collection: string): AnswerColumn {
  const column = columns.find((c) => c.name === name);
  if (column) return column;
  throw fail('DST_REFUSED', `a query of ${collection} came back without the field "${name}"`);
}

/** Reads rows by key with consistency Strong, several keys at a time. The collection must be loaded. */
export async function findRows(
  connection: Connection,
  lookup: Lookup,
  keys: readonly (bigint | string)[],
): Promise<TargetRow[]> {
  const step = Math.max(1, Math.min(LOOKUP_KEYS, Math.floor(LOOKUP_BYTES / Math.max(1, lookup.rowBytes))));
  const found: TargetRow[] = [];
  for (let at = 0; at < keys.length; at += step) {
    const answer = await query(connection, {
      collection: lookup.collection,
      expression: `${lookup.keyField} in [${keys
        .slice(at, at + step)
        .map(keyLiteral)
        .join(',')}]`,
      outputFields: [lookup.keyField, ...lookup.fields.map((f) => f.target)],
      limit: MOST_ROWS,
      ...(lookup.partition === undefined ? {} : { partitions: [lookup.partition] }),
    });
    if (answer.rows === 0) continue;
    const key = columnOf(answer.columns, lookup.keyField, lookup.collection);
    const columns = lookup.fields.map((f) => ({ f, column: columnOf(answer.columns, f.target, lookup.collection) }));
    for (let row = 0; row < answer.rows; row++) {
      const values = new Map(columns.map(({ f, column }) => [f.source, comparableAt(column, row, f.type)]));
      found.push({ key: keyAt(key.values, row), values });
    }
  }
  return found;
}

/** Largest int64 key plus one, found by bisection over counts (63 small queries); 0 for a collection without rows. */
export async function nextKey(connection: Connection, collection: string, keyField: string): Promise<bigint> {
  const above = (key: bigint): Promise<number> =>
    countRows(connection, collection, { expression: `${keyField} > ${key}` });
  if ((await above(SMALLEST_QUERYABLE)) === 0) return 0n;
  let low = SMALLEST_QUERYABLE;
  let high = 2n ** 63n - 2n;
  while (low < high) {
    const middle = low + (high - low) / 2n;
    if ((await above(middle)) > 0) low = middle + 1n;
    else high = middle;
  }
  return low + 1n;
}

/**
 * Deletes all rows of a partition that cannot be dropped, page by page. Throws DST_REFUSED when rows remain, which
 * happens only for keys at the very ends of int64.
 */
export async function emptyPartition(
  connection: Connection,
  collection: string,
  partition: string,
  key: { name: string; text: boolean },
  remove: (expression: string) => Promise<void>,
): Promise<void> {
  let before: string | undefined;
  for (;;) {
    const page = await query(connection, {
      collection,
      expression: key.text ? `${key.name} >= ""` : `${key.name} >= ${SMALLEST_QUERYABLE}`,
      outputFields: [key.name],
      partitions: [partition],
      limit: 8192,
    });
    if (page.rows === 0) break;
    const { values } = columnOf(page.columns, key.name, collection);
    const keys = Array.from({ length: page.rows }, (_, i) => keyLiteral(keyAt(values, i)));
    const shown = keys.join(',');
    if (shown === before) {
      throw fail(
        'DST_REFUSED',
        `the rows of partition "${partition}" of "${collection}" are still there after they were deleted`,
        {
          hint: 'Overwrite the whole collection instead (no dest_partition_name).',
        },
      );
    }
    before = shown;
    await remove(`${key.name} in [${shown}]`);
  }
  const left = await countRows(connection, collection, { partition });
  if (left === 0) return;
  throw fail(
    'DST_REFUSED',
    `${left} rows of partition "${partition}" of "${collection}" cannot be deleted by their id`,
    {
      hint: 'Overwrite the whole collection instead (no dest_partition_name).',
    },
  );
}
