import { mkdir, stat } from 'node:fs/promises';

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
      if (left === 0 || !(await hasGone(thrown as NodeJS.ErrnoException))) throw thrown;
    }
  }
}

/**
 * Whether a folder went in between. Node's recursive mkdir calls it ENOTDIR where a folder above was there at its first look and
 * gone at its second (`MKDirpAsync` in node_file.cc, Node 20): only a second look tells that from a file in the way.
 */
async function hasGone({ code, path }: NodeJS.ErrnoException): Promise<boolean> {
  if (code !== 'ENOTDIR' || path === undefined) return code === 'ENOENT';
  return stat(path).then(
    (found) => found.isDirectory(),
    (thrown: NodeJS.ErrnoException) => thrown.code === 'ENOENT',
  );
}
