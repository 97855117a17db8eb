import type { Catalog, CollectionSettings, Reader, SourceInfo, Target } from './adapters/types.js';
import type {
  ArchiveTarget,
  BackupSource,
  CatalogSource,
  FileSource,
  LogicalTarget,
  MilvusEndpoint,
} from './config/types.js';

/** Field names that a source without names of its own gives to its ids and vectors. */
export interface FieldNames {
  readonly idField: string;
  readonly vectorField: string;
}

/** Opens the files that the configuration names. This is the only file that knows every adapter; each loads when it is needed. */
export async function openReader(source: FileSource, names: FieldNames): Promise<Reader> {
  switch (source.adapter) {
    case 'faiss':
      return (await import('./adapters/faiss/index.js')).openFaiss(source, names);
    case 'hdf5':
      return (await import('./adapters/hdf5/index.js')).openHdf5(source, names);
  }
}

/** What files say of their collection besides the rows: archives do, others give {}. */
export async function fileSettings(source: FileSource): Promise<CollectionSettings> {
  return source.adapter === 'hdf5' ? (await import('./adapters/hdf5/index.js')).hdf5Settings(source) : {};
}

/** The partition that an archive of ours was written from; undefined where the file names none. */
export async function archivePartition(path: string): Promise<string | undefined> {
  const archive = await (await import('./adapters/hdf5/index.js')).readArchiveSettings(path);
  return archive?.partition;
}

/** What the opening of a server needs besides its address. */
export interface OpenOptions {
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
  /** A run may have the source's server write out what it holds in memory; who only looks must not. */
  readonly run?: boolean;
}

/** Opens a source of many collections, narrowed to what the configuration selects. */
export async function openCatalog(source: CatalogSource, names: FieldNames, o: OpenOptions): Promise<Catalog> {
  switch (source.adapter) {
    case 'backup':
      return openBackup(source, o);
    case 'snapshot':
      return (await import('./adapters/backup/snapshot.js')).openSnapshotCatalog(source, o);
    case 'legacy':
      return (await import('./adapters/legacy/index.js')).openLegacy(source, names);
    case 'segments':
      return (await import('./adapters/backup/live.js')).openSegmentsCatalog(source, o);
    case 'milvus':
      return (await import('./adapters/milvus/source.js')).openMilvusCatalog(source, o);
  }
}

/** A backup of binlogs or of Arrow files, whatever it is. */
async function openBackup(source: BackupSource, o: OpenOptions): Promise<Catalog> {
  const binlogs = await import('./adapters/backup/index.js');
  if ((await binlogs.strategyOf(source, o)) === 'storage') return binlogs.openBackupCatalog(source, o);
  return (await import('./adapters/ipc/index.js')).openLogicalCatalog(source, o);
}

/** Where a task writes to: a server, archives of these collections, or a logical backup. */
export interface TargetChoice {
  readonly dest: MilvusEndpoint;
  readonly archive?: ArchiveTarget;
  readonly logical?: LogicalTarget;
  readonly collections: readonly string[];
  /** UTC start of the job's first run, which archives are named by. */
  readonly started: Date;
}

/** Opens what a task writes to. */
export async function openTarget(choice: TargetChoice, o: OpenOptions): Promise<Target> {
  const { archive, collections, dest, logical, started } = choice;
  if (logical) return (await import('./adapters/ipc/target.js')).openLogicalTarget(logical, o.log);
  if (archive)
    return (await import('./adapters/hdf5/archive-target.js')).openArchiveTarget(archive, collections, o.log, started);
  return (await import('./adapters/milvus/index.js')).openMilvusTarget({ endpoint: dest, ...o });
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
  {
    name: 'plain vector',
    matches: async (path) => (await import('./adapters/faiss/index.js')).isVectors(path),
    inspect: async (path) => (await import('./adapters/faiss/index.js')).inspectVectors(path),
  },
];
