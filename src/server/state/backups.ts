import type { Database, SqlRow } from './database.js';
import type { JobKind } from './types.js';

/** A backup that a job of this server has made. */
export interface KnownBackup {
  readonly job: string;
  readonly name: string;
  /** A digest of where it lies: names are unique in one store. */
  readonly store: string;
  readonly connection: string | null;
  readonly kind: JobKind;
  readonly schedule: string | null;
  /** UTC, ISO 8601. */
  readonly created: string;
}

/** The backups that this server has made, however long ago their jobs were forgotten. */
export interface BackupTable {
  add(backup: KnownBackup): void;
  /** Those of one schedule, latest first. */
  ofSchedule(schedule: string): KnownBackup[];
  ofStore(store: string): KnownBackup[];
  ofConnection(connection: string): KnownBackup[];
  remove(store: string, name: string): void;
}

function toBackup(row: SqlRow): KnownBackup {
  return {
    job: String(row.job),
    name: String(row.name),
    store: String(row.store),
    connection: row.connection as string | null,
    kind: row.kind as JobKind,
    schedule: row.schedule as string | null,
    created: String(row.created),
  };
}

export function backupTable(db: Database): BackupTable {
  const where = (column: string, value: string): KnownBackup[] =>
    db.all(`SELECT * FROM backups WHERE ${column} = ? ORDER BY created DESC`, [value]).map(toBackup);
  return {
    add: (b) =>
      void db.run('INSERT OR REPLACE INTO backups VALUES (?, ?, ?, ?, ?, ?, ?)', [
        b.job,
        b.name,
        b.store,
        b.connection,
        b.kind,
        b.schedule,
        b.created,
      ]),
    ofSchedule: (schedule) => where('schedule', schedule),
    ofStore: (store) => where('store', store),
    ofConnection: (connection) => where('connection', connection),
    remove: (store, name) => void db.run('DELETE FROM backups WHERE store = ? AND name = ?', [store, name]),
  };
}
