import type { MilvusTargetOptions } from './adapters/milvus/index.js';
import type { Reader, SourceInfo, Writer } from './adapters/types.js';
import type { SourceConfig } from './config/types.js';

/** Field names that a source without names of its own gives to its ids and vectors. */
export interface FieldNames {
  readonly idField: string;
  readonly vectorField: string;
}

/** Opens the reader that the configuration names. The only file that knows every adapter; each loads when it is needed. */
export async function openReader(source: SourceConfig, names: FieldNames): Promise<Reader> {
  switch (source.adapter) {
    case 'faiss':
      return (await import('./adapters/faiss/index.js')).openFaiss(source, names);
    case 'hdf5':
      return (await import('./adapters/hdf5/index.js')).openHdf5(source, names);
  }
}

/** Opens the target collection. */
export async function openWriter(options: MilvusTargetOptions): Promise<Writer> {
  return (await import('./adapters/milvus/index.js')).openMilvusWriter(options);
}

interface Format {
  readonly name: string;
  matches(path: string, header: Uint8Array): Promise<boolean>;
  inspect(path: string): Promise<SourceInfo>;
}

/** File formats that `inspect` recognises by content, in the order in which they are tried. */
export const FORMATS: readonly Format[] = [
  {
    name: 'HDF5',
    matches: async (path) => (await import('./adapters/hdf5/index.js')).isHdf5(path),
    inspect: async (path) => (await import('./adapters/hdf5/index.js')).inspectHdf5(path),
  },
  {
    name: 'Faiss index',
    matches: async (_path, header) => (await import('./adapters/faiss/index.js')).isFaiss(header),
    inspect: async (path) => (await import('./adapters/faiss/index.js')).inspectFaiss(path),
  },
];
