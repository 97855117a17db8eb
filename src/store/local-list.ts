import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { throwIfAborted } from '../util/abort.js';
import { fail, MilvusdmError } from '../util/errors.js';
import { checkedPrefix, compareKeys } from './keys.js';
import type { StoredObject, StoreOptions } from './types.js';

/** Where files are written before they get their names; never listed. */
export const WORK = '.milvusdm-tmp';

/** A folder as a store: its path, and what messages call it. */
export interface LocalRoot {
  readonly folder: string;
  readonly name: string;
}

/** The error of a file operation; `key` where it is about one object. */
export function refused(name: string, thrown: unknown, key?: string): MilvusdmError {
  if (thrown instanceof MilvusdmError) return thrown;
  const { code = '', message } = thrown as NodeJS.ErrnoException;
  const what = key === undefined ? name : `${key} in ${name}`;
  if (key !== undefined && (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR')) {
    return fail('STORE_MISSING', `${what} is missing`, { cause: thrown });
  }
  return fail('STORE_REFUSED', `${what}: ${message}`, { cause: thrown });
}

async function entriesOf({ folder, name }: LocalRoot, parent: string): Promise<Dirent[]> {
  try {
    return await readdir(join(folder, parent), { withFileTypes: true });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (parent !== '' && (code === 'ENOENT' || code === 'ENOTDIR')) return [];
    throw refused(name, thrown);
  }
}

/** The files whose keys begin with `prefix`, in the order of their keys. Links are not followed: they may lead anywhere. */
export async function* listFiles(root: LocalRoot, prefix: string, o: StoreOptions): AsyncGenerator<StoredObject> {
  checkedPrefix(prefix);
  const cut = prefix.lastIndexOf('/');
  yield* walk(root, cut < 0 ? '' : prefix.slice(0, cut), prefix, o);
}

async function* walk(root: LocalRoot, parent: string, prefix: string, o: StoreOptions): AsyncGenerator<StoredObject> {
  throwIfAborted(o.signal);
  const found = (await entriesOf(root, parent))
    .filter((entry) => entry.isFile() || (entry.isDirectory() && !(parent === '' && entry.name === WORK)))
    .map((entry) => ({
      key: `${parent === '' ? '' : `${parent}/`}${entry.name}${entry.isFile() ? '' : '/'}`,
      file: entry.isFile(),
    }))
    .filter(({ key, file }) => key.startsWith(prefix) || (!file && prefix.startsWith(key)));
  found.sort((a, b) => compareKeys(a.key, b.key));
  for (const { key, file } of found) {
    if (!file) yield* walk(root, key.slice(0, -1), prefix, o);
    else {
      // A file may go while the folder is walked.
      const facts = await stat(join(root.folder, key)).catch(() => undefined);
      if (facts) yield { key, size: facts.size };
    }
  }
}

/** The names of the folders right below `prefix` that hold a file, in order. */
export async function* listFolders(root: LocalRoot, prefix: string, o: StoreOptions): AsyncGenerator<string> {
  checkedPrefix(prefix);
  const parent = prefix.replace(/\/$/, '');
  const folders = (await entriesOf(root, parent)).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const name of folders.filter((one) => parent !== '' || one !== WORK).sort(compareKeys)) {
    for await (const _ of listFiles(root, `${prefix}${name}/`, o)) {
      yield name;
      break;
    }
  }
}
