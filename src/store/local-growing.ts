import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { interrupted } from '../util/abort.js';
import { fail, MilvusdmError } from '../util/errors.js';
import { inFolder } from './local-folder.js';
import type { GrowingObject } from './types.js';

/** What an unfinished file is called beside its place: whoever clears the folder finds it, also after a death. */
export const UNFINISHED = '.part';

/** A file whose first bytes are written last. `name` is for messages. */
export async function beginFile(path: string, headBytes: number, name: string): Promise<GrowingObject> {
  const temporary = path + UNFINISHED;
  const refused = (thrown: unknown): MilvusdmError =>
    thrown instanceof MilvusdmError
      ? thrown
      : fail('STORE_REFUSED', `${name} cannot be written: ${(thrown as Error).message}`, { cause: thrown });
  const handle = await inFolder(dirname(path), () => open(temporary, 'w', 0o644)).catch((thrown: unknown) => {
    throw refused(thrown);
  });
  let at = headBytes;
  let ended = false;

  async function writeAll(bytes: Uint8Array, from: number): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      done += (await handle.write(bytes, done, bytes.length - done, from + done)).bytesWritten;
    }
  }

  async function giveUp(): Promise<void> {
    if (ended) return;
    ended = true;
    await handle.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
  }

  async function attempt(work: () => Promise<void>): Promise<void> {
    if (ended) throw interrupted();
    try {
      await work();
    } catch (thrown) {
      await giveUp();
      throw refused(thrown);
    }
  }

  return {
    append: (bytes) =>
      attempt(async () => {
        await writeAll(bytes, at);
        at += bytes.length;
      }),
    finish: (head) =>
      attempt(async () => {
        if (head.length !== headBytes) throw fail('INTERNAL', `${head.length} first bytes where ${headBytes} belong`);
        await writeAll(head, 0);
        await handle.close();
        await rename(temporary, path);
        ended = true;
      }),
    [Symbol.asyncDispose]: giveUp,
  };
}
