import { formatCount } from '../util/bytes.js';
import { fail, MilvusdmError } from '../util/errors.js';

/** Bytes that can be read at any place: a file, an object of a store, or memory. */
export interface ByteSource {
  /** For messages: the path or key. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Exactly the bytes from `from` (included) to `to` (excluded), both within the size. May share memory, and may put them into
   * `into` where they fit.
   */
  read(from: number, to: number, into?: Uint8Array): Promise<Uint8Array>;
}

/** Bytes in memory as a source. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return { name, size: bytes.length, read: (from, to) => Promise.resolve(bytes.subarray(from, to)) };
}

/** More bytes are needed than there are; where more can be had, the caller gets them and decodes again. */
export class OutOfBytes extends RangeError {}

/** Runs a decoder; the RangeErrors that hostile bytes end in become SRC_CORRUPT, naming the file and what was decoded. */
export function decoding<T>(name: string, what: string, decode: () => T): T {
  try {
    return decode();
  } catch (thrown) {
    if (thrown instanceof MilvusdmError || !(thrown instanceof RangeError)) throw thrown;
    throw fail('SRC_CORRUPT', `${name}: ${what} is damaged: ${thrown.message}`, { cause: thrown });
  }
}

/** SRC_TRUNCATED for a source that is to have bytes up to `need`. */
export function truncated(source: Pick<ByteSource, 'name' | 'size'>, need: number): MilvusdmError {
  const [want, have] = [formatCount(need), formatCount(source.size)];
  return fail('SRC_TRUNCATED', `${source.name} ends early: ${want} bytes are announced, ${have} are there`);
}
