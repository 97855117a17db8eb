import { open } from 'node:fs/promises';
import { interrupted } from '../util/abort.js';
import { deferred } from '../util/deferred.js';
import { fail } from '../util/errors.js';
import type { GrowingObject } from './types.js';

/**
 * A file whose first bytes are written last.
 * @param place lets a function fill a file and names it when that resolves; removes the file when it rejects
 */
export async function beginFile(
  headBytes: number,
  place: (make: (temporary: string) => Promise<void>) => Promise<void>,
): Promise<GrowingObject> {
  const filled = deferred<void>();
  const ready = deferred<string>();
  const placed = place(async (temporary) => {
    ready.resolve(temporary);
    await filled.promise;
  });
  placed.catch(ready.reject);
  const handle = await open(await ready.promise, 'wx', 0o644).catch(async (thrown: unknown) => {
    filled.reject(thrown);
    await placed;
    throw thrown;
  });
  let at = headBytes;
  let ended = false;

  async function writeAll(bytes: Uint8Array, from: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, from + done)).bytesWritten;
    }
  }

  /** Closes the file and gives the reason to whoever places it, who makes the error of it. */
  async function giveUp(thrown: unknown): Promise<void> {
    ended = true;
    await handle.close().catch(() => {});
    filled.reject(thrown);
    await placed;
  }

  return {
    async append(bytes) {
      if (ended) throw interrupted();
      try {
        await writeAll(bytes, at);
        at += bytes.length;
      } catch (thrown) {
        await giveUp(thrown);
      }
    },
    async finish(head) {
      if (ended) throw interrupted();
      if (head.length !== headBytes) throw fail('INTERNAL', `${head.length} first bytes where ${headBytes} belong`);
      ended = true;
      try {
        await writeAll(head, 0);
        await handle.close();
        filled.resolve();
      } catch (thrown) {
        await giveUp(thrown);
      }
      await placed;
    },
    async [Symbol.asyncDispose]() {
      if (!ended) await giveUp(interrupted()).catch(() => {});
    },
  };
}
