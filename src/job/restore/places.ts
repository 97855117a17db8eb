import type { LocalStorage, RestoreConfig, S3Storage, StorageConfig } from '../../config/types.js';
import { type ServerView, viewOf } from '../../store/server-view.js';

/** How the server reaches the files of a backup. */
export type Reach =
  /** Where they lie. */
  | { readonly how: 'direct'; readonly view: ServerView }
  /** Copied into the server's own store first. */
  | { readonly how: 'staged'; readonly storage: StorageConfig; readonly view: ServerView };

export type { ServerView };

function sameBucket(a: S3Storage, b: S3Storage): boolean {
  const at = ({ endpoint, bucket, region }: S3Storage): string =>
    `${endpoint ? `${endpoint.host.toLowerCase()}:${endpoint.port}` : (region ?? '')} ${bucket}`;
  return at(a) === at(b);
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
