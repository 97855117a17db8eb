import { access } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { PlainFormat } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import { type Assessment, assess } from './assess.js';
import { openCursor } from './byte-cursor.js';
import { decodeIndex, isFaiss, type Trail } from './kinds.js';
import { type DataFile, dataFile } from './layout.js';
import type { IndexNode } from './node.js';
import { openPlain, plainFormatsOf } from './plain-files.js';
import type { IndexFiles } from './rows.js';
import { assertUnchanged, fingerprintOf, openSource, readInto, type SourceFile, type Stamp } from './source-file.js';

/** A decoded index with its files open. */
export interface OpenIndex extends AsyncDisposable {
  readonly node: IndexNode;
  /** What it was opened as: a Faiss index, or plain vectors of a format. */
  readonly format: FileFormat;
  readonly assessment: Assessment;
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
async function openData(indexPath: string, lists: DataFile, expected?: Stamp): Promise<SourceFile> {
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

/** What a file is opened as; by its content where absent. */
export type FileFormat = 'faiss' | PlainFormat;

export interface OpenOptions {
  readonly format?: FileFormat;
  /** States in which the files are expected. */
  readonly expected?: Stamps;
  /** Keeps what was met in an index, also when it throws. */
  readonly trail?: Trail;
}

async function beginsLikeIndex(file: SourceFile): Promise<boolean> {
  const head = new Uint8Array(Math.min(4, file.stamp.size));
  await readInto(file, 0, head);
  return isFaiss(head);
}

/** A name that says what is inside, or bytes that could be those of an index of another version: tried as an index. */
async function isIndexFile(file: SourceFile, format: FileFormat | undefined): Promise<boolean> {
  if (format) return format === 'faiss';
  if (await beginsLikeIndex(file)) return true;
  if (/\.(?:[fbi]vecs|fbin|[ui]8bin|f16bin|npy)$/i.test(file.path)) return false;
  return (await plainFormatsOf(file)).length === 0;
}

async function decode(index: SourceFile, options: OpenOptions) {
  if (!(await isIndexFile(index, options.format))) {
    const format = options.format === 'faiss' ? undefined : options.format;
    return { ...(await openPlain(index, format)), trailingBytes: 0 };
  }
  const cursor = openCursor(index);
  const node = decodeIndex(cursor, options.trail);
  return { node, format: 'faiss' as const, trailingBytes: cursor.left };
}

/**
 * Opens and decodes an index and the file of its lists, or a file of plain vectors. Reads headers and matrices only. The
 * caller disposes. Throws SRC_*; SRC_CHANGED when a file is not in the state expected.
 */
export async function openIndex(path: string, options: OpenOptions = {}): Promise<OpenIndex> {
  const { expected } = options;
  const index = await openSource(path);
  let data: SourceFile | undefined;
  const close = async (): Promise<void> => {
    await index.handle.close();
    await data?.handle.close();
  };
  try {
    if (expected) await assertUnchanged(index, expected.index);
    const decoded = await decode(index, options);
    const { stored } = decoded.node;
    const lists = stored && dataFile(stored.layout);
    if (lists) data = await openData(path, lists, expected?.data);
    return {
      ...decoded,
      assessment: await assess(decoded.node, index, decoded.format !== 'faiss'),
      files: { index, ...(data ? { data } : {}) },
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
