import { createHash } from 'node:crypto';
import type { RestoreConfig, StorageConfig } from '../../config/types.js';
import { interrupted } from '../../util/abort.js';
import { toMilvusdmError } from '../../util/errors.js';
import type { JobListener } from '../events.js';
import type { Job } from '../job.js';
import { placeOf } from '../job-id.js';
import type { Emit } from '../open-job.js';

function locatorOf(store: StorageConfig): readonly unknown[] {
  if (store.type === 'local') return [store.path];
  const { host, port } = store.endpoint ?? {};
  return [host, port, store.bucket, store.root];
}

/**
 * Twelve hexadecimal digits of what is restored, from where and where to. What a run leaves unfinished is called by it, so
 * that it has nothing of secrets, tuning and checks: those may differ the next time.
 */
export function restoreJobId({ endpoint, store, name, select, exclude, rename }: RestoreConfig): string {
  const key = [placeOf(endpoint), locatorOf(store), name, select, exclude, rename];
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12);
}

/** A RESTORE as a job: the same object as those that move rows. */
export function createRestoreJob(config: RestoreConfig): Job {
  const id = restoreJobId(config);
  const listeners = new Set<JobListener>();
  const [stop, kill] = [new AbortController(), new AbortController()];
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };
  return {
    id,
    async plan() {
      try {
        const logical = await import('./logical.js');
        const manifest = await logical.logicalManifest(config, stop.signal);
        if (manifest) return logical.planLogicalRestore(config, id, manifest);
        const { planRestore } = await import('./plan.js');
        return await planRestore(config, id, emit, stop.signal);
      } catch (thrown) {
        throw stop.signal.aborted ? interrupted() : toMilvusdmError(thrown);
      }
    },
    async run() {
      const logical = await import('./logical.js');
      const signals = { stop: stop.signal, kill: kill.signal };
      // What is wrong with the backup or its store is told by the run that follows.
      const manifest = await logical.logicalManifest(config, stop.signal).catch(() => undefined);
      if (manifest) return await logical.executeLogicalRestore({ config, id, signals, emit }, manifest);
      const { executeRestore } = await import('./run-restore.js');
      return await executeRestore({
        config,
        id,
        signals,
        emit,
        warnings: [],
      });
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
