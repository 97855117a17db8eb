import type { StorageConfig } from '../config/types.js';
import type { ObjectStore } from './types.js';

export interface OpenStoreOptions {
  /** Make the folder of a local store where it is missing. Buckets are never made. */
  readonly create?: boolean;
  /** Seconds for which a server that is away or busy is tried again; 60 where absent. */
  readonly retryFor?: number;
  /** Where credentials and the region are looked up that the configuration does not name. */
  readonly env?: NodeJS.ProcessEnv;
  /** Told before a request is tried again. */
  readonly log?: (message: string) => void;
}

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
