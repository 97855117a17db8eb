import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fail } from '../../util/errors.js';
import { look, unreadable } from './source-file.js';

export const META_FILE = 'meta.sqlite';

/** Where the parts of an old work path lie. All paths are absolute. */
export interface Place {
  /** The folder that holds meta.sqlite and `tables`. */
  readonly db: string;
  /** Folders of segments, in the order in which the old server looks into them. */
  readonly tables: readonly string[];
  /** The folder of the write-ahead log, where there is one. */
  readonly wal: string | undefined;
}

async function isFolder(path: string): Promise<boolean> {
  return (await look(path))?.kind === 'folder';
}

async function holdsLog(folder: string): Promise<boolean> {
  if (!(await isFolder(folder))) return false;
  const names = await readdir(folder).catch((thrown: unknown) => {
    throw unreadable(folder, thrown);
  });
  return names.some((name) => name === 'mxlog.meta' || /^\d+\.wal$/.test(name));
}

/** Whether a folder is the work path of an old Milvus with its metadata in SQLite, or the `db` folder inside one. */
export async function isLegacy(path: string): Promise<boolean> {
  for (const db of [join(path, 'db'), path]) {
    if ((await look(join(db, META_FILE)))?.kind === 'file') return true;
  }
  return false;
}

/**
 * Finds the folders of a work path, or of its `db` folder. Secondary paths (0.7 to 0.9) hold `tables` directly.
 * @param sqlite the metadata is to lie there too
 * @throws SRC_NOT_FOUND, SRC_UNREADABLE
 */
export async function findPlace(path: string, extraPaths: readonly string[], sqlite: boolean): Promise<Place> {
  const root = resolve(path);
  if (!(await isFolder(root)))
    throw fail('SRC_NOT_FOUND', `${root} is no folder`, { hint: 'Check source_milvus_path.' });
  const wanted = sqlite ? META_FILE : 'tables';
  let db: string | undefined;
  for (const candidate of [join(root, 'db'), root]) {
    if (db === undefined && (await look(join(candidate, wanted)))) db = candidate;
  }
  if (db === undefined) {
    const hint = sqlite
      ? 'Give the work path of the old server (storage.path), and mysql_parameter when it kept its metadata in MySQL.'
      : 'Give the work path of the old server (storage.path).';
    throw fail('SRC_NOT_FOUND', `${root} holds neither db/${wanted} nor ${wanted}`, { hint });
  }
  const extra = extraPaths.map((secondary) => resolve(secondary));
  for (const secondary of extra) {
    if (!(await isFolder(secondary)))
      throw fail('SRC_NOT_FOUND', `${secondary} is no folder`, { hint: 'Check extra_paths.' });
  }
  const logs = [...(basename(db) === 'db' ? [join(dirname(db), 'wal')] : []), join(db, 'wal')];
  let wal: string | undefined;
  for (const folder of logs) if (wal === undefined && (await holdsLog(folder))) wal = folder;
  return { db, tables: [db, ...extra].map((folder) => join(folder, 'tables')), wal };
}

/** Throws SRC_CORRUPT for a name of the metadata that is no plain file name: it could lead out of the folder. */
export function assertPlainName(name: string, what: string): void {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)) return;
  throw fail('SRC_CORRUPT', `the metadata names ${what} ${JSON.stringify(name)}, which is no name of a folder`);
}
