import type { ObjectStore } from '../../store/types.js';
import { fail } from '../../util/errors.js';

/** Stands for a folder of backups that a run would make first: there is nothing in it, and nothing is written. */
export function missingStore(folder: string): ObjectStore {
  const name = `folder ${folder}`;
  const nothing = async function* (): AsyncGenerator<never> {};
  const refuse = async (): Promise<never> => {
    throw fail('STORE_NOT_FOUND', `the ${name} does not exist`);
  };
  return {
    kind: 'local',
    name,
    list: nothing,
    folders: nothing,
    read: refuse,
    stream: nothing,
    write: refuse,
    begin: refuse,
    copy: refuse,
    remove: refuse,
    async [Symbol.asyncDispose]() {},
  };
}
