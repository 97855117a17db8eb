import type { StorageConfig } from '../../../config/types.js';
import { openStore } from '../../../store/index.js';
import type { ObjectStore } from '../../../store/types.js';

/** A store of backups, for the commands. */
export type BackupStore = ObjectStore;

/** Opens the store of backups for a command that makes none. Throws STORE_*. The caller disposes of it. */
export async function openBackupStore(config: StorageConfig, log: (message: string) => void): Promise<ObjectStore> {
  return await openStore(config, { log });
}
