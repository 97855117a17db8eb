import { createHash } from 'node:crypto';
import { defaultBackupName } from '../../backup/names.js';
import type { BackupConfig, StorageConfig } from '../../config/types.js';
import { interrupted } from '../../util/abort.js';
import { toMilvusdmError } from '../../util/errors.js';
import type { JobListener } from '../events.js';
import type { Job } from '../job.js';
import { placeOf } from '../job-id.js';
import type { Emit } from '../open-job.js';
import type { PlanReport } from '../report.js';
import { nameMemory } from './state.js';

function locatorOf(store: StorageConfig | undefined): readonly unknown[] {
  if (!store) return [];
  if (store.type === 'local') return [store.path];
  const { host, port } = store.endpoint ?? {};
  return [host, port, store.bucket, store.root];
}

/** Twelve hexadecimal digits of what is backed up and where to; not of secrets and tuning. */
export function backupJobId(config: BackupConfig): string {
  const { endpoint, storage, store, name, base, select, exclude, strategy, kind } = config;
  const key = [
    placeOf(endpoint),
    locatorOf(storage),
    locatorOf(store),
    [name, base, select, exclude, strategy, kind, config.rbac],
  ];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12);
}

/** A BACKUP as a job: the same object as those that move rows. */
export function createBackupJob(config: BackupConfig): Job {
  const id = backupJobId(config);
  const listeners = new Set<JobListener>();
  const [stop, kill] = [new AbortController(), new AbortController()];
  const signals = { stop: stop.signal, kill: kill.signal };
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };
  return {
    id,
    async plan(): Promise<PlanReport> {
      try {
        const names = { begun: await nameMemory(id).recall(), fresh: defaultBackupName(new Date()) };
        const { restart = false } = config;
        const [{ prepareBackup }, { planBackup }] = await Promise.all([import('./prepare.js'), import('./plan.js')]);
        await using prepared = await prepareBackup(config, { names, emit, signal: stop.signal, restart, write: false });
        return await planBackup(prepared, id, stop.signal);
      } catch (thrown) {
        throw stop.signal.aborted ? interrupted() : toMilvusdmError(thrown);
      }
    },
    async run() {
      const { executeBackup } = await import('./run-backup.js');
      return await executeBackup({ config, id, signals, emit, warnings: [] });
    },
    stop() {
      if (stop.signal.aborted) kill.abort();
      stop.abort();
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
