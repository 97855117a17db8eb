import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../util/errors.js';
import { stateFolder } from '../../util/home.js';

/** The name that a task without one has given to a backup that is not complete yet, so that its next run goes on with it. */
export interface NameMemory {
  /** The name of the run that was cut short. */
  recall(): Promise<string | undefined>;
  keep(name: string): Promise<void>;
  forget(): Promise<void>;
}

/** In `$MILVUSDM_PATH/backups/`. Throws ENV_STATE when that cannot be written. */
export function nameMemory(jobId: string): NameMemory {
  const path = join(stateFolder(), 'backups', jobId);
  const refused = (cause: Error): Error => fail('ENV_STATE', `${path}: ${cause.message}`, { cause });
  return {
    async recall() {
      const name = await readFile(path, 'utf8').catch(() => '');
      return /^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) ? name : undefined;
    },
    async keep(name) {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        await writeFile(path, name, { mode: 0o600 });
      } catch (thrown) {
        throw refused(thrown as Error);
      }
    },
    async forget() {
      await rm(path, { force: true }).catch((thrown: Error) => {
        throw refused(thrown);
      });
    },
  };
}
