import { readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Reader } from '../../adapters/types.js';
import type { BackupSource, FileSource, MilvusSource, SourceFile } from '../../config/types.js';
import { archivePartition, type OpenOptions, openCatalog, openReader } from '../../registry.js';
import { fail } from '../../util/errors.js';
import { fileSource } from '../inspect.js';

/** Where one side of a comparison is. `label` is what the user calls it. */
export type DiffPlace =
  | { readonly kind: 'milvus'; readonly label: string; readonly source: MilvusSource; readonly partition?: string }
  /** A collection in the folder of a backup. */
  | { readonly kind: 'backup'; readonly label: string; readonly source: BackupSource; readonly partition?: string }
  /** A Faiss or HDF5 file, or a folder of HDF5 files such as M2H writes for a collection. */
  | { readonly kind: 'files'; readonly label: string; readonly path: string };

/** One side, open. The opener disposes of it. */
export interface DiffSide extends AsyncDisposable {
  readonly reader: Reader;
  /** Its rows come from queries of a Milvus. */
  readonly queried: boolean;
  /** e.g. "collection on Milvus v2.3.5". */
  readonly what: string;
  /** Compared as a whole: the user named one partition of it, or it has none. */
  readonly whole: boolean;
}

const NAMES = { idField: 'id', vectorField: 'embedding' } as const;
const ENDING = /\.(?:h5|hdf5)$/i;

async function openCollectionSide(place: DiffPlace & { kind: 'milvus' | 'backup' }, o: OpenOptions): Promise<DiffSide> {
  const catalog = await openCatalog(place.source, NAMES, o);
  try {
    const reader = await catalog.collections[0]!.open();
    return {
      reader,
      queried: place.kind === 'milvus',
      what: reader.info[0]?.kind ?? 'collection',
      whole: place.partition !== undefined,
      async [Symbol.asyncDispose]() {
        try {
          await reader[Symbol.asyncDispose]();
        } finally {
          await catalog[Symbol.asyncDispose]();
        }
      },
    };
  } catch (thrown) {
    await catalog[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** The HDF5 files of a folder, each with the partition that it says it was written from. */
async function folderSource(dir: string): Promise<FileSource> {
  const names = (await readdir(dir, { withFileTypes: true })).filter((e) => e.isFile() && ENDING.test(e.name));
  if (names.length === 0) {
    throw fail('NOTHING_MATCHED', `${dir} has no .h5 or .hdf5 file`, {
      hint: 'Name the folder of one collection, such as DATA_DIR/20260101T120000Z/books.',
    });
  }
  const files: SourceFile[] = [];
  for (const { name } of names.sort((x, y) => (x.name < y.name ? -1 : 1))) {
    const path = join(dir, name);
    const partition = await archivePartition(path);
    files.push({ path, ...(partition === undefined ? {} : { partition }) });
  }
  return { adapter: 'hdf5', files, dataset: 'embeddings', idsDataset: 'ids', idsOptional: true, columns: {} };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    throw fail('SRC_NOT_FOUND', `${path} does not exist or cannot be reached`, {
      cause,
      hint: 'A collection is written http://HOST:PORT/COLLECTION, or FOLDER#COLLECTION for a Milvus Lite.',
    });
  }
}

async function openFiles(place: DiffPlace & { kind: 'files' }): Promise<DiffSide> {
  const path = resolve(place.path);
  const source = (await isFolder(path)) ? await folderSource(path) : await fileSource(path);
  const reader = await openReader(source, NAMES);
  const kinds = [...new Set(reader.info.map((i) => i.kind))];
  return {
    reader,
    queried: false,
    what: reader.info.length > 1 ? `${reader.info.length} files: ${kinds.join(', ')}` : kinds.join(', '),
    whole: false,
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

/**
 * Opens one side; reads headers only, but loads a collection that is not loaded (disposing releases it again).
 * Throws SRC_*, NET_*, DST_AUTH, ENV_* and NOTHING_MATCHED.
 */
export function openSide(place: DiffPlace, o: OpenOptions): Promise<DiffSide> {
  return place.kind === 'files' ? openFiles(place) : openCollectionSide(place, o);
}
