import { fail } from '../../util/errors.js';
import type { BackupResult, BackupRun } from './context.js';
import { backUpStorage } from './storage.js';

/** Backs up by the strategy that was prepared. What it throws leaves nothing that looks whole. */
export async function backUp(run: BackupRun): Promise<BackupResult> {
  if (run.prepared.strategy === 'storage') return await backUpStorage(run);
  throw fail('CFG_CONFLICT', 'source_storage is missing: logical backups are not available in this version', {
    hint: 'Give source_storage, where the server keeps its data.',
  });
}
