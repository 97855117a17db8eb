import { CompressionType, compressionRegistry } from 'apache-arrow';
import { contentSize, loadZstd, type Zstd } from '../../util/zstd.js';

/** Fast, and what vectors give is the same at every level. */
const LEVEL = 1;
/** A buffer of a batch is far smaller; damaged bytes must not ask for more memory than this. */
const MAX_BUFFER_BYTES = 256 << 20;
/** What shrinks less stays as it is: float32 vectors shrink by a twelfth, which takes longer than reading them from the server. */
const WORTH = 7 / 8;
/** Large buffers are judged by pieces of them, evenly spread. */
const SAMPLES = 4;
const SAMPLE_BYTES = 16 << 10;

let registered: Promise<Zstd> | undefined;

/** Gives Arrow, which brings no codecs of its own, the one for zstd, once in a process; and the library itself. */
export function registerZstd(): Promise<Zstd> {
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
    return zstd;
  });
  return registered;
}

function looksWorth(zstd: Zstd, bytes: Uint8Array): boolean {
  if (bytes.length < 4 * SAMPLES * SAMPLE_BYTES) return true;
  const step = Math.floor((bytes.length - SAMPLE_BYTES) / (SAMPLES - 1));
  let size = 0;
  for (let i = 0; i < SAMPLES; i++) {
    size += zstd.compress(bytes.subarray(i * step, i * step + SAMPLE_BYTES), LEVEL).length;
  }
  return size <= SAMPLES * SAMPLE_BYTES * WORTH;
}

/** One frame, in memory of its own; undefined for bytes that are better stored as they are. */
export function compressed(zstd: Zstd, bytes: Uint8Array): Uint8Array | undefined {
  if (!looksWorth(zstd, bytes)) return undefined;
  const frame = zstd.compress(bytes, LEVEL);
  return frame.length <= bytes.length * WORTH ? frame : undefined;
}
