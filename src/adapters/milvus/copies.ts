import type { Connection } from '../../milvus/connection.js';
import { countRows, query, type ReadPoint, readPoint } from '../../milvus/data.js';
import { plural } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { columnOf, keyAt, keyLiteral, MOST_ROWS, UNQUERYABLE_KEYS } from './lookup.js';

/** Keys of one counting query. */
const COUNTED_KEYS = 4096;
/** So often keys are counted whose rows become more meanwhile. */
const MOST_TRIES = 5;

type Key = bigint | string;
type Copies = Map<Key, number>;

export interface KeyPlace {
  readonly collection: string;
  readonly keyField: string;
  readonly partition?: string;
}

/** Counts keys as they are at one moment, so that the first query alone has to wait for the server's clock and not each of the halves. */
class Counting {
  readonly copies: Copies = new Map();
  private readonly connection: Connection;
  private readonly place: KeyPlace;
  private readonly at: ReadPoint;

  constructor(connection: Connection, place: KeyPlace, at: ReadPoint) {
    this.connection = connection;
    this.place = place;
    this.at = at;
  }

  private expression(keys: readonly Key[]): string {
    return `${this.place.keyField} in [${keys.map(keyLiteral).join(',')}]`;
  }

  private rowsOf(keys: readonly Key[]): Promise<number> {
    const { connection, place, at } = this;
    const { partition } = place;
    const more = partition === undefined ? {} : { partition };
    return countRows(connection, place.collection, { expression: this.expression(keys), at, ...more });
  }

  /** Those of the keys that have rows, of which there are `rows` in all. A query shows each key once, but its limit is of rows. */
  private async present(keys: readonly Key[], rows: number): Promise<Key[]> {
    const { collection, keyField, partition } = this.place;
    const answer = await query(this.connection, {
      collection,
      expression: this.expression(keys),
      outputFields: [keyField],
      limit: rows,
      at: this.at,
      ...(partition === undefined ? {} : { partitions: [partition] }),
    });
    if (answer.rows === 0) return [];
    const { values } = columnOf(answer.columns, keyField, collection);
    return Array.from({ length: answer.rows }, (_, row) => keyAt(values, row));
  }

  /** Notes the rows of each key, of which any may have none. False where answers contradict each other. */
  async count(keys: readonly Key[]): Promise<boolean> {
    const rows = await this.rowsOf(keys);
    if (rows === 0) return true;
    if (rows > MOST_ROWS && keys.length > 1) {
      const middle = keys.length >> 1;
      return (await this.count(keys.slice(0, middle))) && (await this.count(keys.slice(middle)));
    }
    const present = keys.length === 1 ? keys : await this.present(keys, rows);
    const known = present.length === rows || present.length === keys.length;
    // A key that was left out would be taken for one without rows, and its rows for those of another.
    if (!known && (await this.rowsOf(present)) !== rows) return false;
    return this.spread(present, rows);
  }

  /** Notes the rows of each key, of which each has some. */
  private async spread(keys: readonly Key[], rows: number): Promise<boolean> {
    if (rows < keys.length) return false;
    if (rows === keys.length || keys.length === 1) {
      for (const key of keys) this.copies.set(key, rows / keys.length);
      return true;
    }
    const middle = keys.length >> 1;
    const front = await this.rowsOf(keys.slice(0, middle));
    return (await this.spread(keys.slice(0, middle), front)) && (await this.spread(keys.slice(middle), rows - front));
  }
}

/**
 * Rows of each key, copies counted; keys without rows are left out. One count for keys that are not there, one more query for
 * keys that are there once, and halving only among keys with copies. The collection must be loaded. Throws DST_UNFINISHED where the
 * number of rows changes whenever it is asked for.
 */
export async function countCopies(
  connection: Connection,
  place: KeyPlace,
  keys: readonly (bigint | string)[],
): Promise<Map<bigint | string, number>> {
  const copies: Copies = new Map();
  const askable = keys.filter((key) => !(UNQUERYABLE_KEYS as readonly Key[]).includes(key));
  let at = await readPoint(connection);
  for (let from = 0; from < askable.length; from += COUNTED_KEYS) {
    const list = askable.slice(from, from + COUNTED_KEYS);
    let counting = new Counting(connection, place, at);
    for (let tries = 1; !(await counting.count(list)); tries++) {
      if (tries === MOST_TRIES) throw unsteady(place, list);
      at = await readPoint(connection);
      counting = new Counting(connection, place, at);
    }
    for (const [key, rows] of counting.copies) copies.set(key, rows);
  }
  return copies;
}

function unsteady({ collection }: KeyPlace, keys: readonly Key[]): MilvusdmError {
  const what = `the rows of "${collection}" with ${plural(keys.length, 'id')}`;
  return fail('DST_UNFINISHED', `${what} cannot be counted: each answer is another`, {
    hint: 'Stop what writes to the collection, then run the same command again.',
  });
}
