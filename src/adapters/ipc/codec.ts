import { CompressionType, compressionRegistry } from 'apache-arrow';
import { contentSize, loadZstd } from '../../util/zstd.js';

/** Fast, and what vectors give is the same at every level. */
const LEVEL = 1;
/** A buffer of a batch is far smaller; damaged bytes must not ask for more memory than this. */
const MAX_BUFFER_BYTES = 256 << 20;

let registered: Promise<void> | undefined;

/** Gives Arrow, which brings no codecs of its own, the one for zstd. Once in a process. */
export function registerZstd(): Promise<void> {
  registered ??= loadZstd().then((zstd) => {
    compressionRegistry.set(CompressionType.ZSTD, {
      encode: (data) => zstd.compress(data, LEVEL),
      decode(data) {
        const size = contentSize(data);
        if (size === undefined || size > MAX_BUFFER_BYTES) throw new RangeError(`a compressed buffer of ${size} bytes`);
        const out = new Uint8Array(size);
        zstd.decompress(data, out);
        return out;
      },
    });
  });
  return registered;
}
