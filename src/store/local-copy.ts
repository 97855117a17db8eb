import { constants } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { throwIfAborted } from '../util/abort.js';
import { fail } from '../util/errors.js';
import { allSettled } from '../util/pool.js';
import type { CopyOptions, StoredObject } from './types.js';

const PIECE = 1024 * 1024;

/** Copies files of the local file system; keeps as many pieces of memory as there were watched copies at a time. */
export class FileCopier {
  readonly #spare: Buffer[] = [];

  /**
   * Fills `to`, which must not be there, and brings it to the disk; who watches is shown the source while the disk writes.
   * Throws SRC_CHANGED for another size, and what the file system says.
   */
  async copy(from: string, to: string, source: StoredObject, { watch, signal }: CopyOptions): Promise<void> {
    throwIfAborted(signal);
    // Its own call, although who watches has the source read once more: it clones, or copies on the other side of a network,
    // where it can. Written from here in large pieces, the copy took a rested virtual machine three times the system's time.
    await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    await using output = await open(to, 'r+');
    requireSize(source, (await output.stat()).size);
    await allSettled([output.sync(), ...(watch ? [this.#show(from, source, watch, signal)] : [])]);
  }

  async #show(
    from: string,
    source: StoredObject,
    watch: NonNullable<CopyOptions['watch']>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const piece = this.#spare.pop() ?? Buffer.allocUnsafeSlow(PIECE);
    try {
      await using input = await open(from, 'r');
      let size = 0;
      for (;;) {
        throwIfAborted(signal);
        const { bytesRead } = await input.read(piece, 0, PIECE);
        if (bytesRead === 0) break;
        watch(piece.subarray(0, bytesRead));
        size += bytesRead;
      }
      requireSize(source, size);
    } finally {
      this.#spare.push(piece);
    }
  }
}

function requireSize({ key, size: expected }: StoredObject, size: number): void {
  if (size !== expected) throw fail('SRC_CHANGED', `${key} has ${size} bytes, ${expected} are expected`);
}
