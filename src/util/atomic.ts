import { randomUUID } from 'node:crypto';
import { access, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from './errors.js';

/** What file systems say that know no second name for a file (FAT, some network shares). */
const NO_LINKS: ReadonlySet<unknown> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Gives a file its name unless that is taken, which `rename` alone would not look at. */
async function publish(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (thrown) {
    if (!NO_LINKS.has((thrown as NodeJS.ErrnoException).code)) throw thrown;
    const taken = await access(path).then(
      () => true,
      () => false,
    );
    if (taken) throw new Error('a file of that name is there', { cause: thrown });
    await rename(temporary, path);
  }
}

/**
 * Writes a file that is there as a whole or not at all, readable by its owner alone; the folder is made where it is missing.
 * Throws DST_STORAGE when that cannot be done, also when there is a file of that name already.
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const folder = dirname(path);
  const temporary = join(folder, `.${randomUUID()}.tmp`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await publish(temporary, path);
  } catch (cause) {
    throw fail('DST_STORAGE', `${path} cannot be written: ${(cause as Error).message}`, {
      cause,
      hint: 'Free space or mend the permissions of the folder, or choose another one.',
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
  }
}
