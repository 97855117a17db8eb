import { randomBytes } from 'node:crypto';
import type { TaskName } from '../../config/types.js';
import type { Database, SqlRow, SqlValue } from './database.js';
import type { JobKind, JobRow, JobState, NewJob, StoredJob } from './types.js';

export interface JobFilter {
  readonly state?: JobState;
  readonly task?: TaskName;
  readonly schedule?: string;
  /** Only jobs that were made before the one of this number. */
  readonly before?: number;
  readonly limit: number;
}

export type JobChange = Partial<
  Pick<StoredJob, 'state' | 'started' | 'ended' | 'attempts' | 'cancelled' | 'progress' | 'outcome'>
>;

/** The jobs of a server, ended ones, too. */
export interface JobTable {
  add(job: NewJob, now: Date): StoredJob;
  get(id: string): StoredJob | undefined;
  /** Latest first. */
  list(filter: JobFilter): JobRow[];
  /** In the order in which they were made. */
  inState(...states: readonly JobState[]): JobRow[];
  counts(): ReadonlyMap<JobState, number>;
  change(id: string, change: JobChange): StoredJob;
  /** Forgets the oldest ended jobs but for so many; gives the ids of those that are gone. */
  forget(keep: number): string[];
}

const json = (value: SqlValue | undefined): never => JSON.parse(String(value ?? 'null')) as never;

const COLUMNS = `seq, id, task, state, cwd, key, servers, connections, kind, schedule, created, started, ended, attempts,
  cancelled, progress, outcome`;

function toRow(row: SqlRow): JobRow {
  return {
    seq: Number(row.seq),
    id: String(row.id),
    task: row.task as TaskName,
    state: row.state as JobState,
    cwd: String(row.cwd),
    key: String(row.key),
    servers: json(row.servers),
    connections: json(row.connections),
    kind: row.kind as JobKind,
    schedule: row.schedule as string | null,
    created: String(row.created),
    started: row.started as string | null,
    ended: row.ended as string | null,
    attempts: Number(row.attempts),
    cancelled: row.cancelled === 1,
    progress: json(row.progress),
    outcome: json(row.outcome),
  };
}

function toJob(row: SqlRow): StoredJob {
  return { ...toRow(row), text: String(row.text) };
}

/** Sorts by time, and cannot be guessed. */
function newId(now: Date): string {
  return `${now.getTime().toString(36)}${randomBytes(6).toString('hex')}`;
}

function stored(value: JobChange[keyof JobChange]): SqlValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : (value ?? null);
}

function insert(db: Database, job: NewJob, now: Date): string {
  const id = newId(now);
  db.run(
    `INSERT INTO jobs (id, task, state, text, cwd, key, servers, connections, kind, schedule, created)
     VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      id,
      job.task,
      job.text,
      job.cwd,
      job.key,
      JSON.stringify(job.servers),
      JSON.stringify(job.connections),
      job.kind,
      job.schedule,
      now.toISOString(),
    ],
  );
  return id;
}

function find(db: Database, filter: JobFilter): SqlRow[] {
  const { state, task, schedule, before } = filter;
  const wanted = Object.entries({ 'state =': state, 'task =': task, 'schedule =': schedule, 'seq <': before });
  const given = wanted.filter((pair): pair is [string, string | number] => pair[1] !== undefined);
  const where = given.length === 0 ? '' : `WHERE ${given.map(([name]) => `${name} ?`).join(' AND ')}`;
  return db.all(`SELECT ${COLUMNS} FROM jobs ${where} ORDER BY seq DESC LIMIT ?`, [
    ...given.map((p) => p[1]),
    filter.limit,
  ]);
}

/** Pages of the list as they were read last: many clients ask for the same, far more often than a job changes. */
const KEPT_PAGES = 32;

const ENDED = `state NOT IN ('queued', 'running')`;

export function jobTable(db: Database): JobTable {
  const pages = new Map<string, JobRow[]>();
  const page = (filter: JobFilter): JobRow[] => {
    const key = JSON.stringify(filter);
    const known = pages.get(key) ?? find(db, filter).map(toRow);
    if (pages.size >= KEPT_PAGES) pages.clear();
    pages.set(key, known);
    return known;
  };
  const get = (id: string): StoredJob | undefined => {
    const row = db.get('SELECT * FROM jobs WHERE id = ?', [id]);
    return row && toJob(row);
  };
  return {
    get,
    add(job, now) {
      pages.clear();
      return get(insert(db, job, now))!;
    },
    list: page,
    inState: (...states) => {
      const marks = states.map(() => '?').join(', ');
      return db.all(`SELECT ${COLUMNS} FROM jobs WHERE state IN (${marks}) ORDER BY seq`, states).map(toRow);
    },
    counts: () =>
      new Map(
        db.all('SELECT state, count(*) AS n FROM jobs GROUP BY state').map((r) => [r.state as JobState, Number(r.n)]),
      ),
    change(id, change) {
      pages.clear();
      const entries = Object.entries(change);
      const sets = entries.map(([name]) => `${name} = ?`).join(', ');
      db.run(`UPDATE jobs SET ${sets} WHERE id = ?`, [...entries.map(([, value]) => stored(value)), id]);
      return get(id)!;
    },
    forget(keep) {
      pages.clear();
      const old = db.all(`SELECT id FROM jobs WHERE ${ENDED} ORDER BY seq DESC LIMIT -1 OFFSET ?`, [keep]);
      const ids = old.map((row) => String(row.id));
      db.atomically(() => {
        for (const id of ids) db.run('DELETE FROM jobs WHERE id = ?', [id]);
      });
      return ids;
    },
  };
}
