import { constants } from 'node:fs';
import { copyFile, type FileHandle, open } from 'node:fs/promises';
import { throwIfAborted } from '../util/abort.js';
import { fail } from '../util/errors.js';
import type { CopyOptions, StoredObject } from './types.js';

const PIECE = 1024 * 1024;
/** What file systems answer that cannot clone this file to there. */
const NO_CLONES = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM']);

/** Copies files of the local file system; keeps as many pieces of memory as there were copies at a time. */
export class FileCopier {
  readonly #spare: Buffer[] = [];
  #clones = true;

  /** Fills `to`, which must not be there, and brings it to the disk. Throws SRC_CHANGED for another size, and what the file system says. */
  async copy(from: string, to: string, source: StoredObject, o: CopyOptions): Promise<void> {
    const { watch, signal } = o;
    // Only a clone is cheaper than reading once for the copy and for who watches.
    if (watch === undefined) await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    else if (!(await this.#clone(from, to))) return await this.#read(from, to, source, watch, signal);
    const handle = await open(to, 'r+');
    try {
      const { size } = await handle.stat();
      requireSize(source, size);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #clone(from: string, to: string): Promise<boolean> {
    if (!this.#clones) return false;
    try {
      await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
      return true;
    } catch (thrown) {
      if (!NO_CLONES.has((thrown as NodeJS.ErrnoException).code ?? '')) throw thrown;
      this.#clones = false;
      return false;
    }
  }

  async #read(
    from: string,
    to: string,
    source: StoredObject,
    watch: NonNullable<CopyOptions['watch']>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const piece = this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE);
    try {
      await using input = await open(from, 'r');
      await using output = await open(to, 'wx', 0o644);
      let size = 0;
      for (;;) {
        throwIfAborted(signal);
        const { bytesRead } = await input.read(piece, 0, PIECE);
        if (bytesRead === 0) break;
        const bytes = piece.subarray(0, bytesRead);
        // The system writes while the bytes are looked at.
        const written = writeAll(output, bytes);
        watch(bytes);
        await written;
        size += bytesRead;
      }
      requireSize(source, size);
      await output.sync();
    } finally {
      this.#spare.push(piece);
    }
  }
}

async function writeAll(output: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await output.write(bytes, done)).bytesWritten;
}

function requireSize({ key, size: expected }: StoredObject, size: number): void {
  if (size !== expected) throw fail('SRC_CHANGED', `${key} has ${size} bytes, ${expected} are expected`);
}
