import { randomBytes } from 'node:crypto';
import type { ConnectionChoice } from '../tasks/connection.js';
import type { Database, SqlRow } from './database.js';

/** What a schedule is told to do. */
export interface ScheduleBody {
  readonly name: string;
  /** Five or six fields, or a nickname such as @daily. */
  readonly cron: string;
  /** IANA name. */
  readonly time_zone: string;
  readonly yaml?: string;
  readonly task?: Readonly<Record<string, unknown>>;
  readonly connection?: ConnectionChoice;
  /** Which of its own backups go after each that it has made. */
  readonly retention?: { readonly keep_last?: number; readonly older_than?: string };
  readonly enabled: boolean;
  /** What happens with a time at which the server did not run. */
  readonly missed: 'run' | 'skip';
}

/** What has become of the last time at which a schedule was due. */
export interface LastTime {
  /** UTC, ISO 8601: when it was due. */
  readonly due: string;
  readonly job: string | null;
  /** Why no job was made; '' otherwise. */
  readonly reason: string;
}

export interface StoredSchedule extends ScheduleBody {
  readonly id: string;
  readonly created: string;
  /** All times up to this one have been dealt with. */
  readonly settled: string;
  readonly last: LastTime | null;
  /** Names of the connections that it uses. */
  readonly connections: readonly string[];
}

export interface ScheduleTable {
  get(id: string): StoredSchedule | undefined;
  named(name: string): StoredSchedule | undefined;
  /** By name. */
  list(): StoredSchedule[];
  add(body: ScheduleBody, now: Date): StoredSchedule;
  change(id: string, body: ScheduleBody, now: Date): StoredSchedule;
  settle(id: string, until: Date, last: LastTime | null): void;
  /** Whether it was there. */
  remove(id: string): boolean;
}

function namesOf(choice: ConnectionChoice | undefined): string[] {
  if (choice === undefined) return [];
  return typeof choice === 'string' ? [choice] : Object.values(choice);
}

function toSchedule(row: SqlRow): StoredSchedule {
  const body = JSON.parse(String(row.body)) as ScheduleBody;
  return {
    ...body,
    id: String(row.id),
    created: String(row.created),
    settled: String(row.settled),
    last: JSON.parse(String(row.last ?? 'null')) as LastTime | null,
    connections: namesOf(body.connection),
  };
}

export function scheduleTable(db: Database): ScheduleTable {
  const one = (column: string, value: string): StoredSchedule | undefined => {
    const row = db.get(`SELECT * FROM schedules WHERE ${column} = ?`, [value]);
    return row && toSchedule(row);
  };
  return {
    get: (id) => one('id', id),
    named: (name) => one('name', name),
    list: () => db.all('SELECT * FROM schedules ORDER BY name').map(toSchedule),
    add(body, now) {
      const id = `s${randomBytes(6).toString('hex')}`;
      const time = now.toISOString();
      db.run('INSERT INTO schedules (id, name, body, created, settled) VALUES (?, ?, ?, ?, ?)', [
        id,
        body.name,
        JSON.stringify(body),
        time,
        time,
      ]);
      return one('id', id)!;
    },
    change(id, body, now) {
      // Its times count from now on: a new plan has missed nothing.
      const values = [body.name, JSON.stringify(body), now.toISOString(), id];
      db.run('UPDATE schedules SET name = ?, body = ?, settled = ? WHERE id = ?', values);
      return one('id', id)!;
    },
    settle(id, until, last) {
      if (last === null) db.run('UPDATE schedules SET settled = ? WHERE id = ?', [until.toISOString(), id]);
      else {
        const values = [until.toISOString(), JSON.stringify(last), id];
        db.run('UPDATE schedules SET settled = ?, last = ? WHERE id = ?', values);
      }
    },
    remove: (id) => db.run('DELETE FROM schedules WHERE id = ?', [id]) > 0,
  };
}
