import { createHash } from 'node:crypto';
import type { RestoreConfig } from '../../config/types.js';
import { placeOf, storePlace } from '../job-id.js';
import { type Job, jobOf } from '../job-shell.js';

/**
 * Twelve hexadecimal digits of what is restored, from where and where to. What a run leaves unfinished is called by it, so
 * that it has nothing of secrets, tuning and checks: those may differ the next time.
 */
export function restoreJobId({ endpoint, store, name, select, exclude, rename }: RestoreConfig): string {
  const key = [placeOf(endpoint), storePlace(store), name, select, exclude, rename];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12);
}

/** A RESTORE as a job: the same object as those that move rows. */
export function createRestoreJob(config: RestoreConfig): Job {
  const id = restoreJobId(config);
  return jobOf(id, {
    async plan({ stop: signal }, emit) {
      const logical = await import('./logical.js');
      const manifest = await logical.logicalManifest(config, signal);
      if (manifest) return await logical.planLogicalRestore(config, id, manifest, { emit, signal });
      const { planRestore } = await import('./plan.js');
      return await planRestore(config, id, emit, signal);
    },
    async run(signals, emit) {
      const logical = await import('./logical.js');
      // What is wrong with the backup or its store is told by the run that follows.
      const manifest = await logical.logicalManifest(config, signals.stop).catch(() => undefined);
      if (manifest) return await logical.executeLogicalRestore({ config, id, signals, emit }, manifest);
      const { executeRestore } = await import('./run-restore.js');
      return await executeRestore({ config, id, signals, emit, warnings: [] });
    },
  });
}
