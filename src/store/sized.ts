import { fail } from '../util/errors.js';
import type { CopyOptions } from './types.js';

/** The pieces, as long as they come to `size` bytes in all. Throws SRC_CHANGED where they are more or fewer. */
export async function* sized(
  pieces: AsyncIterable<Uint8Array>,
  size: number | undefined,
  key: string,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  for await (const piece of pieces) {
    total += piece.length;
    if (size !== undefined && total > size) break;
    yield piece;
  }
  if (size !== undefined && total !== size) {
    const have = total > size ? `more than ${size}` : `${total}`;
    throw fail('SRC_CHANGED', `${key} has ${have} bytes, ${size} are expected`);
  }
}

/** The pieces, each shown before it is given on. */
export async function* watched(
  pieces: AsyncIterable<Uint8Array>,
  watch: CopyOptions['watch'],
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    watch?.(piece);
    yield piece;
  }
}
