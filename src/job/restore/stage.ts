import type { ObjectStore } from '../../store/types.js';
import { throwIfAborted } from '../../util/abort.js';
import { MilvusdmError } from '../../util/errors.js';

/** Where files of restores lie in a server's store while they are imported. */
const STAGES = 'milvusdm-restore';

export interface StageOptions {
  readonly parallelism: number;
  readonly signal: AbortSignal;
  readonly onFile: (bytes: number) => void;
}

/** The part of a server's store that belongs to one job. */
export interface Stage {
  /** Key in the server's store of a file, or a folder, of the backup. */
  place(key: string): string;
  /** Copies files of the backup there. */
  fill(from: ObjectStore, files: readonly { readonly key: string; readonly size: number }[]): Promise<void>;
  /** Removes all that is there, also what an earlier run left. */
  clear(): Promise<void>;
}

export function openStage(store: ObjectStore, job: string, o: StageOptions): Stage {
  const prefix = `${STAGES}/${job}/`;
  const place = (key: string): string => prefix + key;
  return {
    place,
    async fill(from, files) {
      const queue = [...files];
      let failed: { readonly thrown: unknown } | undefined;
      const work = async (): Promise<void> => {
        for (let file = queue.shift(); file && !failed; file = queue.shift()) {
          try {
            throwIfAborted(o.signal);
            await copyOne(store, from, file, place(file.key), o.signal);
            o.onFile(file.size);
          } catch (thrown) {
            failed ??= { thrown };
          }
        }
      };
      await Promise.all(Array.from({ length: o.parallelism }, work));
      if (failed) throw failed.thrown;
    },
    async clear() {
      const keys: string[] = [];
      for await (const { key } of store.list(prefix)) keys.push(key);
      if (keys.length > 0) await store.remove(keys);
    },
  };
}

/** A second name is as good as a copy: nobody changes the files of either. */
async function copyOne(
  store: ObjectStore,
  from: ObjectStore,
  file: { readonly key: string; readonly size: number },
  key: string,
  signal: AbortSignal,
): Promise<void> {
  if (store.kind === 'local' && from.kind === 'local') {
    try {
      await store.copy(from, file, key, { signal, link: true });
      return;
    } catch (thrown) {
      if (!(thrown instanceof MilvusdmError) || thrown.code !== 'CFG_CONFLICT') throw thrown;
    }
  }
  await store.copy(from, file, key, { signal });
}
