import type { BulkStage } from '../../../config/types.js';
import { openStore } from '../../../store/index.js';
import { viewOf } from '../../../store/server-view.js';
import type { ObjectStore } from '../../../store/types.js';

/** The part of the server's store that one collection of one job has its files in. */
export interface Stage extends AsyncDisposable {
  readonly store: ObjectStore;
  /** What the keys of a set's files begin with. */
  folder(set: string): string;
  /** The name under which the server knows a key. */
  view(key: string): string;
  /** Whether a file, by the server's name, is of the set; also of one that an earlier run had under another prefix. */
  owns(set: string, file: string): boolean;
  /** Removes all files of the job, also those of runs that died; or those of one set. */
  clear(set?: string): Promise<void>;
}

/** Opens the store; throws STORE_*. The caller disposes of it. */
export async function openStage(
  { storage, prefix }: BulkStage,
  job: string,
  o: { readonly retryFor: number; readonly log: (message: string) => void },
): Promise<Stage> {
  const store = await openStore(storage, o);
  const view = viewOf(storage);
  const root = `${prefix}/${job}/`;
  const folder = (set: string): string => `${root}${set}/`;
  return {
    store,
    folder,
    view,
    owns: (set, file) => file.includes(`/${job}/${set}/`),
    async clear(set) {
      const keys: string[] = [];
      for await (const { key } of store.list(set === undefined ? root : folder(set))) keys.push(key);
      if (keys.length > 0) await store.remove(keys);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(store[Symbol.asyncDispose]()),
  };
}
