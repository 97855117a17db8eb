import { flat, isText, type RawValues } from '../../batch/columns.js';
import type { MilvusType } from '../../batch/fields.js';
import { comparableAt } from '../../batch/values.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows, query, type ReadPoint, readPoint, textLiteral } from '../../milvus/data.js';
import type { AnswerColumn } from '../../milvus/decode-query.js';
import { fail } from '../../util/errors.js';
import type { TargetRow } from '../types.js';

/** Answers of a lookup stay below this, so that memory does not grow with the size of a row. */
const LOOKUP_BYTES = 4 * 1024 * 1024;
const LOOKUP_KEYS = 200;

/** The keys that no query expression finds although they are stored (measured on 2.3.5). */
export const UNQUERYABLE_KEYS: readonly bigint[] = [2n ** 63n - 1n, -(2n ** 63n)];

/** The smallest key that an expression finds. */
export const SMALLEST_QUERYABLE: bigint = -(2n ** 63n) + 1n;

/** A key as it stands in a Milvus expression. */
export function keyLiteral(key: bigint | string): string {
  return typeof key === 'bigint' ? key.toString() : textLiteral(key);
}

function keyAt(values: RawValues, row: number): bigint | string {
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

function columnOf(columns: readonly AnswerColumn[], name: string, collection: string): AnswerColumn {
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

/** Keys of one counting query. */
const COUNTED_KEYS = 4096;

interface KeyPlace {
  readonly collection: string;
  readonly keyField: string;
  readonly partition?: string;
}

function inList(place: KeyPlace, keys: readonly (bigint | string)[]): string {
  return `${place.keyField} in [${keys.map(keyLiteral).join(',')}]`;
}

/** Keys of the list that have rows; a query shows one row for each. */
async function presentKeys(
  connection: Connection,
  place: KeyPlace,
  keys: readonly (bigint | string)[],
  at: ReadPoint,
): Promise<(bigint | string)[]> {
  const { collection, keyField, partition } = place;
  const answer = await query(connection, {
    collection,
    expression: inList(place, keys),
    outputFields: [keyField],
    at,
    ...(partition === undefined ? {} : { partitions: [partition] }),
  });
  if (answer.rows === 0) return [];
  const { values } = columnOf(answer.columns, keyField, collection);
  return Array.from({ length: answer.rows }, (_, row) => keyAt(values, row));
}

/**
 * Rows of each key, copies counted; keys without rows are left out. One count for keys that are not there, one more query for
 * keys that are there once, and halving only among keys with copies. The collection must be loaded.
 */
export async function countCopies(
  connection: Connection,
  place: KeyPlace,
  keys: readonly (bigint | string)[],
): Promise<Map<bigint | string, number>> {
  const copies = new Map<bigint | string, number>();
  const { partition } = place;
  // Of one moment, so that the first query alone has to wait for the server's clock and not each of the halves.
  const at = await readPoint(connection);
  const count = (list: readonly (bigint | string)[]): Promise<number> =>
    countRows(connection, place.collection, {
      expression: inList(place, list),
      ...(partition === undefined ? {} : { partition }),
      at,
    });
  const take = async (list: readonly (bigint | string)[], rows: number): Promise<void> => {
    if (rows === list.length) for (const key of list) copies.set(key, 1);
    else if (list.length === 1) copies.set(list[0]!, rows);
    else {
      const middle = list.length >> 1;
      const left = await count(list.slice(0, middle));
      await take(list.slice(0, middle), left);
      await take(list.slice(middle), rows - left);
    }
  };
  const askable = keys.filter((key) => !(UNQUERYABLE_KEYS as readonly unknown[]).includes(key));
  for (let from = 0; from < askable.length; from += COUNTED_KEYS) {
    const list = askable.slice(from, from + COUNTED_KEYS);
    const rows = await count(list);
    if (rows > 0) await take(await presentKeys(connection, place, list, at), rows);
  }
  return copies;
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
