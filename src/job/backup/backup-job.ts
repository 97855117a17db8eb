import { createHash } from 'node:crypto';
import { defaultBackupName } from '../../backup/names.js';
import type { BackupConfig } from '../../config/types.js';
import { placeOf, storePlace } from '../job-id.js';
import { type Job, jobOf } from '../job-shell.js';
import { nameMemory } from './state.js';

/** Twelve hexadecimal digits of what is backed up and where to; not of secrets and tuning. */
export function backupJobId(config: BackupConfig): string {
  const { endpoint, storage, store, name, base, select, exclude, strategy, kind } = config;
  const key = [
    placeOf(endpoint),
    storage ? storePlace(storage) : [],
    storePlace(store),
    [name, base, select, exclude, strategy, kind, config.rbac, ...(config.ttl === false ? ['no ttl'] : [])],
  ];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12);
}

/** A BACKUP as a job: the same object as those that move rows. */
export function createBackupJob(config: BackupConfig): Job {
  const id = backupJobId(config);
  return jobOf(id, {
    async plan({ stop: signal }, emit) {
      const names = { begun: await nameMemory(id).recall(), fresh: defaultBackupName(new Date()) };
      const { restart = false } = config;
      const [{ prepareBackup }, { planBackup }] = await Promise.all([import('./prepare.js'), import('./plan.js')]);
      await using prepared = await prepareBackup(config, { names, emit, signal, restart, write: false });
      return await planBackup(prepared, id, signal);
    },
    async run(signals, emit) {
      const { executeBackup } = await import('./run-backup.js');
      return await executeBackup({ config, id, signals, emit, warnings: [] });
    },
  });
}
