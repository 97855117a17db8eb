import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plural } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { type MetaRow, type MetaStore, type MetaValue, shapesOf } from './meta-store.js';
import { assertUnchangedAt, look, unreadable } from './source-file.js';
import { applyWal, type WalImage } from './wal-image.js';

type Sqlite = typeof import('node-sqlite3-wasm');

const JOURNAL_MAGIC = Buffer.from('d9d505f920a163d7', 'hex');
/** Bytes 18 and 19 of the header say how the file is written: 1 in place, 2 through a write-ahead log. */
const MODE_AT = 18;
const WAL_MODE = 2;

async function contents(path: string): Promise<Uint8Array> {
  return readFile(path).catch((thrown: unknown) => {
    throw unreadable(path, thrown);
  });
}

/** A transaction that was cut short without a write-ahead log leaves its undo file: then meta.sqlite alone is half written. */
async function refuseHotJournal(path: string): Promise<void> {
  const journal = `${path}-journal`;
  if (!(await look(journal))?.stamp.size) return;
  if (!Buffer.from((await contents(journal)).subarray(0, 8)).equals(JOURNAL_MAGIC)) return;
  throw fail('SRC_UNREADABLE', `${path} was cut off within a transaction: ${journal} is to undo it`, {
    hint: 'Open a copy of the folder once with sqlite3, which undoes it, and use the copy.',
  });
}

interface Snapshot extends WalImage {
  readonly warnings: readonly string[];
}

function describeWal(path: string, main: Uint8Array, wal: Uint8Array | undefined, applied: WalImage): string[] {
  if (!wal) {
    if (main[MODE_AT] !== WAL_MODE) return [];
    const text = `${path} is written through a log, and there is no ${path}-wal beside it: after a clean stop that is right, but `;
    return [`${text}a copy that left it out lacks the newest collections and segments`];
  }
  if (applied.badHeader) return [`${path}-wal is not used, as SQLite would not use it: its header is damaged`];
  if (!applied.torn) return [];
  return [
    `${path}-wal ends in a torn part, which does not count: ${plural(applied.applied, 'page')} before it were used`,
  ];
}

/** The database as it stood after its last transaction; nothing is written. */
async function snapshot(path: string): Promise<Snapshot> {
  const walPath = `${path}-wal`;
  const [mainState, walState] = [await look(path), await look(walPath)];
  await refuseHotJournal(path);
  const main = await contents(path);
  const wal = walState && (await contents(walPath));
  await assertUnchangedAt(path, mainState?.stamp);
  await assertUnchangedAt(walPath, walState?.stamp);
  const applied = applyWal(main, wal ?? new Uint8Array(0), walPath);
  return { ...applied, warnings: describeWal(path, main, wal, applied) };
}

function toMeta(value: unknown): MetaValue {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return value as MetaValue;
}

/** Copies the image into a folder that only we can read; SQLite as WASM has no databases in memory made from bytes. */
async function writeImage(image: Uint8Array): Promise<{ path: string; remove(): Promise<void> }> {
  let folder: string;
  try {
    folder = await mkdtemp(join(tmpdir(), 'milvusdm-meta-'));
  } catch (cause) {
    throw fail('SRC_UNREADABLE', `no temporary folder can be made in ${tmpdir()} for the metadata`, {
      hint: 'Set TMPDIR to a folder that can be written to.',
      cause,
    });
  }
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'meta.sqlite');
    const copy = Uint8Array.from(image);
    copy[MODE_AT] = copy[MODE_AT + 1] = 1;
    await writeFile(path, copy, { mode: 0o600 });
    return { path, remove };
  } catch (cause) {
    await remove();
    throw fail('SRC_UNREADABLE', `the metadata cannot be copied to ${folder}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Opens meta.sqlite as it stood after its last transaction, with the write-ahead log beside it. The original is only read;
 * a private copy lives until the store is disposed of. Throws SRC_NOT_FOUND, SRC_UNREADABLE, SRC_CORRUPT, SRC_CHANGED.
 */
export async function openSqlite(path: string): Promise<MetaStore> {
  const { image, warnings } = await snapshot(path);
  if (Buffer.from(image.subarray(0, 15)).toString('latin1') !== 'SQLite format 3') {
    const what = image.length === 0 ? 'it is empty' : 'it does not begin with "SQLite format 3"';
    throw fail('SRC_UNREADABLE', `${path} is no SQLite database: ${what}`);
  }
  const copy = await writeImage(image);
  const corrupt = (thrown: unknown): MilvusdmError =>
    fail('SRC_CORRUPT', `${path}: ${(thrown as Error).message}`, { cause: thrown });
  let database: InstanceType<Sqlite['Database']> | undefined;
  const close = async (): Promise<void> => {
    database?.close();
    await copy.remove();
  };
  try {
    // The package is CommonJS whose exports cannot be seen from outside.
    const { Database } = createRequire(import.meta.url)('node-sqlite3-wasm') as Sqlite;
    database = new Database(copy.path, { readOnly: true });
    const opened = database;
    const all = (sql: string, values: readonly number[] = []): MetaRow[] =>
      opened.all(sql, [...values]).map((row) => {
        return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, toMeta(value)]));
      });
    const [check] = all('PRAGMA quick_check(1)');
    if (check?.quick_check !== 'ok') throw new Error(`the database is damaged: ${String(check?.quick_check)}`);
    const pairs = all(
      "SELECT m.name AS t, p.name AS c FROM sqlite_master AS m, pragma_table_info(m.name) AS p WHERE m.type = 'table'",
    ).map(({ t, c }) => [String(t), String(c)] as const);
    return {
      label: path,
      warnings,
      shapes: shapesOf(pairs),
      async query(sql, values) {
        try {
          return all(sql, values);
        } catch (thrown) {
          throw corrupt(thrown);
        }
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (thrown) {
    await close();
    throw corrupt(thrown);
  }
}
