import { mkdir } from 'node:fs/promises';

/** Each try is lost only to somebody who empties and removes the folder in the same moment. */
const TRIES = 1000;

/**
 * Makes a folder and does something in it; again when the folder, empty as it was, has been removed in between: other stores of
 * the place tidy up. `act` throws ENOENT for nothing else. Throws what `act` and the file system throw.
 */
export async function inFolder<T>(folder: string, act: () => Promise<T>): Promise<T> {
  for (let left = TRIES; ; left--) {
    try {
      await mkdir(folder, { recursive: true });
      return await act();
    } catch (thrown) {
      if (left === 0 || (thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
}
