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

interface Piece {
  readonly from: number;
  readonly bytes: Uint8Array;
}

/** Pieces that are kept of a source that several columns share: they are at most a few apart. */
const KEPT = 3;

/** A source that is read mostly from front to back, in pieces of bounded size. */
export class Window {
  readonly source: ByteSource;
  private readonly pieceBytes: number;
  private pieces: Piece[] = [];
  private memory: Uint8Array | undefined;
  /** Whether several columns are read from it side by side. Set before the first of them is. */
  shared = false;

  /**
   * @param pieceBytes what is read at a time where nothing larger is asked for
   * @param memory is used for one piece after the other, unless columns share the source
   */
  constructor(source: ByteSource, pieceBytes: number, memory?: Uint8Array) {
    this.source = source;
    this.pieceBytes = pieceBytes;
    this.memory = memory;
  }

  /**
   * The bytes from..to, and where they have to be read also those behind them, up to `ahead`. They are valid until more are
   * asked for; of a shared source as long as somebody holds them. Throws SRC_TRUNCATED when the source ends before.
   */
  async bytes(from: number, to: number, ahead: number = to): Promise<Uint8Array> {
    const found = this.pieces.find((p) => p.from <= from && to <= p.from + p.bytes.length);
    if (found) return found.bytes.subarray(from - found.from, to - found.from);
    const { source } = this;
    if (to > source.size) throw truncated(source, to);
    const end = Math.min(source.size, Math.max(to, Math.min(ahead, from + this.pieceBytes)));
    // The one piece there is lies in this memory.
    if (!this.shared) this.pieces = [];
    const bytes = await source.read(from, end, this.shared ? undefined : this.memory);
    if (bytes.length !== end - from) throw truncated(source, end);
    this.pieces = [{ from, bytes }, ...this.pieces.slice(0, KEPT - 1)];
    return bytes.subarray(0, to - from);
  }
}

/** SRC_TRUNCATED for a source that is to have bytes up to `need`. */
export function truncated(source: Pick<ByteSource, 'name' | 'size'>, need: number): MilvusdmError {
  const [want, have] = [formatCount(need), formatCount(source.size)];
  return fail('SRC_TRUNCATED', `${source.name} ends early: ${want} bytes are announced, ${have} are there`);
}
