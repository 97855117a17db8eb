import { link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from './errors.js';

/**
 * Writes a file that is there as a whole or not at all, readable by its owner alone; the folder is made where it is missing.
 * Throws DST_STORAGE when that cannot be done, also when there is a file of that name already.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${process.pid}-${Date.now().toString(36)}.tmp`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Not by rename, which would replace a file in silence.
    await link(temporary, path);
  } catch (cause) {
    throw fail('DST_STORAGE', `${path} cannot be written: ${(cause as Error).message}`, {
      cause,
      hint: 'Free space or mend the permissions of the folder, or choose another one.',
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}
