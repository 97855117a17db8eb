import type { BackupResult, BackupRun } from './context.js';
import { backUpLogically } from './logical.js';
import { backUpStorage } from './storage.js';

/** Backs up by the strategy that was prepared. What it throws leaves nothing that looks whole. */
export async function backUp(run: BackupRun): Promise<BackupResult> {
  if (run.prepared.strategy === 'storage') return await backUpStorage(run);
  return await backUpLogically(run);
}
