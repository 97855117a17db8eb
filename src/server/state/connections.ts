import type { ConnectionBody } from '../tasks/connection.js';
import type { Database, SqlRow } from './database.js';

export interface StoredConnection {
  readonly name: string;
  readonly body: ConnectionBody;
  /** UTC, ISO 8601. */
  readonly created: string;
  readonly changed: string;
}

export interface ConnectionTable {
  get(name: string): StoredConnection | undefined;
  /** By name. */
  list(): StoredConnection[];
  /** Whether it is new. */
  put(name: string, body: ConnectionBody, now: Date): boolean;
  /** Whether it was there. */
  remove(name: string): boolean;
}

function toConnection(row: SqlRow): StoredConnection {
  const body = JSON.parse(String(row.body)) as ConnectionBody;
  return { name: String(row.name), body, created: String(row.created), changed: String(row.changed) };
}

export function connectionTable(db: Database): ConnectionTable {
  const get = (name: string): StoredConnection | undefined => {
    const row = db.get('SELECT * FROM connections WHERE name = ?', [name]);
    return row && toConnection(row);
  };
  return {
    get,
    list: () => db.all('SELECT * FROM connections ORDER BY name').map(toConnection),
    put(name, body, now) {
      const [text, time] = [JSON.stringify(body), now.toISOString()];
      if (db.run('UPDATE connections SET body = ?, changed = ? WHERE name = ?', [text, time, name]) > 0) return false;
      db.run('INSERT INTO connections VALUES (?, ?, ?, ?)', [name, text, time, time]);
      return true;
    },
    remove: (name) => db.run('DELETE FROM connections WHERE name = ?', [name]) > 0,
  };
}
