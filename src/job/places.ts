import type { JobConfig, MilvusEndpoint, SourceConfig, StorageConfig, TaskConfig } from '../config/types.js';

const MOST_FILES = 3;

function milvusText({ at, db }: MilvusEndpoint): string {
  const place = at.kind === 'server' ? `${at.tls ? 'https' : 'http'}://${at.address}` : at.folder;
  return db === undefined ? place : `${place} (database ${db})`;
}

function storageText(storage: StorageConfig): string {
  if (storage.type === 'local') return storage.path;
  const { bucket, endpoint, root } = storage;
  const server = endpoint ? `${endpoint.host}:${endpoint.port}` : 'AWS';
  return `${server}/${bucket}${root === '' ? '' : `/${root}`}`;
}

/** Where a task reads from, in a few words and without credentials. */
export function sourceText(source: SourceConfig): string {
  switch (source.adapter) {
    case 'milvus':
      return `Milvus at ${milvusText(source.endpoint)}`;
    case 'backup': {
      const { name, storage } = source;
      return name === '' ? `backup ${storageText(storage)}` : `backup ${name} in ${storageText(storage)}`;
    }
    case 'snapshot': {
      const { name, path, storage } = source;
      const place = path === '' ? storageText(storage) : `${storageText(storage)}/${path}`;
      return `snapshot ${name === undefined ? '' : `"${name}" in `}${place}`;
    }
    case 'segments':
      return `segments of Milvus at ${milvusText(source.endpoint)} in ${storageText(source.storage)}`;
    case 'legacy':
      return `old Milvus directory ${source.path}`;
    default: {
      if (source.adapter === 'hdf5' && source.dir !== undefined) return `HDF5 files in ${source.dir}`;
      const files = (source.files ?? []).map((f) => f.path);
      const more = files.length > MOST_FILES ? ` and ${files.length - MOST_FILES} more` : '';
      return `${files.slice(0, MOST_FILES).join(', ')}${more}`;
    }
  }
}

/** Where a task writes to, in a few words and without credentials. */
export function targetText(config: TaskConfig): string {
  if (config.logical) return `backup ${config.logical.name} in ${storageText(config.logical.storage)}`;
  if (config.archive) return `HDF5 archives in ${config.archive.dir}`;
  return `Milvus at ${milvusText(config.dest)}`;
}

function backupText(name: string | undefined, store: StorageConfig): string {
  return `backup ${name === undefined ? 'named by its time' : `"${name}"`} in ${storageText(store)}`;
}

/**
 * Where a job of any kind reads from and where it writes to, in a few words and without credentials.
 * @param made the name that a BACKUP without one has got
 */
export function endsText(config: JobConfig, made?: string): { readonly from: string; readonly to: string } {
  switch (config.task) {
    case 'BACKUP':
      return {
        from: `Milvus at ${milvusText(config.endpoint)}`,
        to: backupText(config.name ?? made, config.store),
      };
    case 'RESTORE':
      return { from: backupText(config.name, config.store), to: `Milvus at ${milvusText(config.endpoint)}` };
    case 'SNAPSHOT': {
      const { action, name, collection } = config;
      const what = [name === undefined ? undefined : `"${name}"`, collection && `of ${collection}`];
      const milvus = `Milvus at ${milvusText(config.endpoint)}`;
      return { from: milvus, to: `snapshot ${[action, ...what].filter(Boolean).join(' ')} at ${milvus}` };
    }
    default:
      return { from: sourceText(config.source), to: targetText(config) };
  }
}
