import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fail } from '../../util/errors.js';
import { openCursor } from './byte-cursor.js';
import type { IndexNode } from './decoders.js';
import { decodeIndex } from './kinds.js';
import { type PlacedLists, placedLists, type RowLayout } from './layout.js';
import type { IndexFiles } from './rows.js';
import { assertUnchanged, fingerprintOf, openSource, type SourceFile, type Stamp } from './source-file.js';

/** A decoded index with its files open. */
export interface OpenIndex extends AsyncDisposable {
  readonly node: IndexNode & { readonly layout: RowLayout };
  readonly files: IndexFiles;
  /** Bytes behind the index, which Faiss ignores. */
  readonly trailingBytes: number;
}

/** The states in which the files of an index are expected. */
export interface Stamps {
  readonly index: Stamp;
  readonly data: Stamp | undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The writer stored the path that it used; a file that was copied along with the index goes before that. */
async function openData(indexPath: string, lists: PlacedLists, expected?: Stamp): Promise<SourceFile> {
  const beside = join(dirname(indexPath), basename(lists.storedPath.replaceAll('\\', '/')));
  const stored = resolve(lists.storedPath);
  const path = (await exists(beside)) ? beside : stored;
  if (path === stored && !(await exists(stored))) {
    const places = beside === stored ? beside : `${beside} nor ${stored}`;
    const hint = 'Copy the data file into the folder of the index file.';
    throw fail('SRC_NOT_FOUND', `${indexPath} keeps its lists in a file of their own, and there is no ${places}`, {
      hint,
    });
  }
  const file = await openSource(path);
  try {
    if (expected) await assertUnchanged(file, expected);
    if (file.stamp.size >= lists.totalBytes) return file;
    const have = `need ${lists.totalBytes} bytes, have ${file.stamp.size}`;
    throw fail('SRC_TRUNCATED', `${path}, which holds the lists of ${indexPath}: ${have}`);
  } catch (thrown) {
    await file.handle.close();
    throw thrown;
  }
}

/**
 * Opens and decodes an index and the file of its lists. Reads headers only. The caller disposes. Throws SRC_*; SRC_CHANGED
 * when a file is not in the state expected.
 */
export async function openIndex(path: string, expected?: Stamps): Promise<OpenIndex> {
  const index = await openSource(path);
  let data: SourceFile | undefined;
  const close = async (): Promise<void> => {
    await index.handle.close();
    await data?.handle.close();
  };
  try {
    if (expected) await assertUnchanged(index, expected.index);
    const cursor = openCursor(index);
    const node = decodeIndex(cursor);
    const lists = placedLists(node.layout);
    if (lists) data = await openData(path, lists, expected?.data);
    return {
      node,
      files: { index, ...(data ? { data } : {}) },
      trailingBytes: cursor.left,
      [Symbol.asyncDispose]: close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** One word for the content of all files of an index. */
export async function fingerprintOfFiles(files: IndexFiles): Promise<string> {
  const own = await fingerprintOf(files.index);
  return files.data ? `${own}+${await fingerprintOf(files.data)}` : own;
}
