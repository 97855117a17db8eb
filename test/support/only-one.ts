import { join } from 'node:path';
import { inject } from 'vitest';
import { takeLock } from '../../src/job/ledger/lock.js';
import { sleep } from '../../src/util/abort.js';
import { MilvusdmError } from '../../src/util/errors.js';

/** Waits until no other test of the run, of whatever file, has what is called by this name. */
async function onlyOne(name: string): Promise<AsyncDisposable> {
  for (;;) {
    try {
      return await takeLock(join(inject('runFolder'), `${name}.lock`));
    } catch (thrown) {
      if (!(thrown instanceof MilvusdmError) || thrown.code !== 'JOB_RUNNING') throw thrown;
      await sleep(200);
    }
  }
}

/** Of the Milvus of the run, one manual backup by its files is made at a time: a second one is refused. */
export function onlyBackup(): Promise<AsyncDisposable> {
  return onlyOne('backup');
}
