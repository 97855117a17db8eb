import type { StorageConfig } from '../config/types.js';
import type { ObjectStore, OpenStoreOptions } from './types.js';

export type { OpenStoreOptions };

/**
 * Opens a store; the caller disposes of it. A local one is looked at (STORE_NOT_FOUND where the folder is missing,
 * STORE_REFUSED where it cannot be entered); of an S3 one nothing is asked before it is used.
 */
export async function openStore(config: StorageConfig, o: OpenStoreOptions = {}): Promise<ObjectStore> {
  if (config.type === 'local') {
    const { openLocal } = await import('./local.js');
    return await openLocal(config, o);
  }
  const { openS3 } = await import('./s3/store.js');
  return openS3(config, o);
}
