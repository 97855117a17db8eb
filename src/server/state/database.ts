import { mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { takeLock } from '../../job/ledger/lock.js';
import { fail, MilvusdmError } from '../../util/errors.js';

type Sqlite = typeof import('node-sqlite3-wasm');
export type SqlValue = string | number | null;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** The database of a server: a few small tables, every call synchronous and durable when it returns. */
export interface Database extends AsyncDisposable {
  all(sql: string, values?: readonly SqlValue[]): SqlRow[];
  get(sql: string, values?: readonly SqlValue[]): SqlRow | undefined;
  /** The number of rows that were changed. */
  run(sql: string, values?: readonly SqlValue[]): number;
  /** All of it or nothing. */
  atomically<T>(work: () => T): T;
}

/** Each step leads from one version of the tables to the next; `user_version` says which one a file has. */
const STEPS = [
  `CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    task TEXT NOT NULL,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    cwd TEXT NOT NULL,
    key TEXT NOT NULL,
    servers TEXT NOT NULL,
    connections TEXT NOT NULL,
    kind TEXT NOT NULL,
    schedule TEXT,
    created TEXT NOT NULL,
    started TEXT,
    ended TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    progress TEXT,
    outcome TEXT
  );
  CREATE INDEX jobs_by_state ON jobs (state, seq);
  CREATE INDEX jobs_by_schedule ON jobs (schedule, seq);
  CREATE TABLE connections (name TEXT PRIMARY KEY, body TEXT NOT NULL, created TEXT NOT NULL, changed TEXT NOT NULL);
  CREATE TABLE schedules (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    created TEXT NOT NULL,
    settled TEXT NOT NULL,
    last TEXT
  );
  CREATE TABLE backups (
    job TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    store TEXT NOT NULL,
    connection TEXT,
    kind TEXT NOT NULL,
    schedule TEXT,
    created TEXT NOT NULL
  );
  CREATE INDEX backups_by_schedule ON backups (schedule);`,
] as const;

function migrate(db: Database, path: string): void {
  const version = Number(db.get('PRAGMA user_version')?.user_version);
  if (version > STEPS.length) {
    throw fail('ENV_STATE', `${path} was written by a newer milvusdm (version ${version}, known: ${STEPS.length})`, {
      hint: 'Use that version, or set MILVUSDM_PATH to another folder.',
    });
  }
  for (const [at, step] of STEPS.entries()) {
    if (at < version) continue;
    db.atomically(() => {
      for (const statement of step.split(';\n')) db.run(statement);
      db.run(`PRAGMA user_version = ${at + 1}`);
    });
  }
}

function open(path: string): Omit<Database, typeof Symbol.asyncDispose> & { close(): void } {
  // The package is CommonJS whose exports cannot be seen from outside.
  const { Database: Wasm } = createRequire(import.meta.url)('node-sqlite3-wasm') as Sqlite;
  // It locks by a folder, which a server that was killed leaves behind; our own lock is held already.
  rmSync(`${path}.lock`, { recursive: true, force: true });
  const db = new Wasm(path);
  const run = (sql: string, values: readonly SqlValue[] = []): number => db.run(sql, [...values]).changes;
  const all = (sql: string, values: readonly SqlValue[] = []): SqlRow[] => db.all(sql, [...values]) as SqlRow[];
  all('PRAGMA locking_mode = EXCLUSIVE');
  all('PRAGMA journal_mode = TRUNCATE');
  return {
    all,
    run,
    get: (sql, values) => all(sql, values)[0],
    atomically(work) {
      run('BEGIN IMMEDIATE');
      try {
        const result = work();
        run('COMMIT');
        return result;
      } catch (thrown) {
        run('ROLLBACK');
        throw thrown;
      }
    },
    close: () => db.close(),
  };
}

/**
 * Opens the database of the server in a folder, which this process alone uses until it disposes of it. Throws SRV_RUNNING
 * when another server has it, and ENV_STATE.
 */
export async function openDatabase(folder: string): Promise<Database> {
  const path = join(folder, 'server.db');
  const lock = await takeLock(join(folder, 'server.lock')).catch((thrown: unknown) => {
    if (!(thrown instanceof MilvusdmError) || thrown.code !== 'JOB_RUNNING') throw thrown;
    throw fail('SRV_RUNNING', `another server uses ${folder}: ${thrown.message}`, { cause: thrown });
  });
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const { close, ...rest } = open(path);
    const db: Database = {
      ...rest,
      async [Symbol.asyncDispose]() {
        close();
        await lock[Symbol.asyncDispose]();
      },
    };
    try {
      migrate(db, path);
    } catch (thrown) {
      close();
      throw thrown;
    }
    return db;
  } catch (thrown) {
    await lock[Symbol.asyncDispose]();
    if (thrown instanceof MilvusdmError) throw thrown;
    throw fail('ENV_STATE', `${path} cannot be used: ${(thrown as Error).message}`, { cause: thrown });
  }
}
