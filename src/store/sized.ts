import { fail } from '../util/errors.js';

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
