import { posix } from 'node:path';
import type { LocalStorage, RestoreConfig, S3Storage, StorageConfig } from '../../config/types.js';

/** How the server reaches the files of a backup. */
export type Reach =
  /** Where they lie. */
  | { readonly how: 'direct'; readonly view: ServerView }
  /** Copied into the server's own store first. */
  | { readonly how: 'staged'; readonly storage: StorageConfig; readonly view: ServerView };

/** The name under which the server knows a key of a store. */
export type ServerView = (key: string) => string;

function sameBucket(a: S3Storage, b: S3Storage): boolean {
  const at = ({ endpoint, bucket, region }: S3Storage): string =>
    `${endpoint ? `${endpoint.host.toLowerCase()}:${endpoint.port}` : (region ?? '')} ${bucket}`;
  return at(a) === at(b);
}

/** With S3 the server takes keys of its bucket, with local storage whole paths; relative ones would start at its own folder. */
function viewOf(storage: StorageConfig): ServerView {
  if (storage.type === 's3') return (key) => (storage.root === '' ? key : `${storage.root}/${key}`);
  return (key) => posix.join(storage.serverPath ?? storage.path, key);
}

/** Whether a server with local storage can be taken to see the backup's folder: it is told where, or sees what we see. */
function seesFolder(store: LocalStorage, storage: LocalStorage): boolean {
  return store.serverPath !== undefined || storage.serverPath === undefined;
}

/**
 * How the server is to get at the backup. In its own bucket, or a folder that it sees, too: as it lies. Else staged.
 */
export function reachOf({ store, storage }: Pick<RestoreConfig, 'store' | 'storage'>): Reach {
  // Without dest_storage the server is taken to keep its data where the backup is.
  if (storage === undefined) return { how: 'direct', view: viewOf(store) };
  const direct =
    (storage.type === 's3' && store.type === 's3' && sameBucket(storage, store)) ||
    (storage.type === 'local' && store.type === 'local' && seesFolder(store, storage));
  return direct ? { how: 'direct', view: viewOf(store) } : { how: 'staged', storage, view: viewOf(storage) };
}
