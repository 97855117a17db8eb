import { readSync } from 'node:fs';
import { fail, type MilvusdmError } from '../../util/errors.js';
import type { SourceFile } from './source-file.js';

/** A table inside the file that was stepped over, not read. */
export interface Extent {
  /** Byte offset of the first element. */
  readonly at: number;
  readonly count: number;
}

/**
 * Reads a header front to back through a window of 64 KiB. All numbers are little-endian. Every method takes the name of
 * what it reads, for the message; each throws SRC_TRUNCATED when the file ends before, SRC_CORRUPT for an impossible value.
 */
export interface ByteCursor {
  readonly path: string;
  /** Offset of the next byte. */
  readonly at: number;
  /** Bytes behind the cursor. */
  readonly left: number;
  u8(what: string): number;
  /** A bool: 0 or 1 only. */
  flag(what: string): boolean;
  i32(what: string): number;
  u32(what: string): number;
  f32(what: string): number;
  /** A u64 or i64 that counts something: 0 to 2^53 - 1. */
  count(what: string): number;
  /** Four characters that name what follows. */
  fourcc(what: string): string;
  /** Text of `bytes` UTF-8 bytes. */
  text(what: string, bytes: number): string;
  /** Steps over `count` elements of `elementBytes`; checks first that they are there. */
  skip(what: string, count: number, elementBytes: number): Extent;
  /** Steps over a vector: its count as u64, then the elements. */
  skipVector(what: string, elementBytes: number): Extent;
  /** Steps over `runs` runs of int32, each closed by -1: nothing says how long they are. */
  skipRuns(what: string, runs: number): void;
  corrupt(message: string): MilvusdmError;
}

const WINDOW = 64 * 1024;

/** A cursor at the start of an open file. It neither owns nor closes the handle. */
export function openCursor(file: SourceFile): ByteCursor {
  const { path } = file;
  const size = file.stamp.size;
  const window = new Uint8Array(Math.min(WINDOW, size));
  const view = new DataView(window.buffer);
  let windowAt = 0;
  let filled = 0;
  let at = 0;

  const need = (what: string, bytes: number): void => {
    if (bytes <= size - at) return;
    throw fail('SRC_TRUNCATED', `${path}: ${what}: need ${bytes} bytes at offset ${at}, have ${size - at}`);
  };
  const fill = (what: string, bytes: number): void => {
    windowAt = at;
    filled = 0;
    while (filled < bytes) {
      let got: number;
      try {
        got = readSync(file.handle.fd, window, filled, window.length - filled, at + filled);
      } catch (cause) {
        throw fail('SRC_UNREADABLE', `${path}: ${what} at offset ${at} cannot be read`, { cause });
      }
      if (got === 0) throw fail('SRC_CHANGED', `${path} became shorter than ${size} bytes while it was being read`);
      filled += got;
    }
  };
  /** Makes `bytes` (at most the window) available, moves behind them, and returns their offset in the window. */
  const take = (what: string, bytes: number): number => {
    need(what, bytes);
    if (at < windowAt || at + bytes > windowAt + filled) fill(what, bytes);
    const offset = at - windowAt;
    at += bytes;
    return offset;
  };
  const corrupt = (message: string): MilvusdmError => fail('SRC_CORRUPT', `${path}: ${message}`);

  const cursor: ByteCursor = {
    path,
    get at() {
      return at;
    },
    get left() {
      return size - at;
    },
    u8: (what) => view.getUint8(take(what, 1)),
    flag(what) {
      const value = cursor.u8(what);
      if (value > 1) throw corrupt(`${what} at offset ${at - 1} is ${value}, where only 0 and 1 are possible`);
      return value === 1;
    },
    i32: (what) => view.getInt32(take(what, 4), true),
    u32: (what) => view.getUint32(take(what, 4), true),
    f32: (what) => view.getFloat32(take(what, 4), true),
    count(what) {
      const offset = take(what, 8);
      const value = view.getInt32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
      if (value < 0 || value > Number.MAX_SAFE_INTEGER) {
        throw corrupt(`${what} at offset ${at - 8} is ${view.getBigInt64(offset, true)}, which is impossible`);
      }
      return value;
    },
    fourcc(what) {
      const offset = take(what, 4);
      return Buffer.from(window.buffer, offset, 4).toString('latin1');
    },
    text(what, bytes) {
      if (bytes > WINDOW) throw corrupt(`${what} is ${bytes} bytes long, more than ${WINDOW}`);
      const offset = take(what, bytes);
      return Buffer.from(window.buffer, offset, bytes).toString('utf8');
    },
    skip(what, count, elementBytes) {
      const bytes = count * elementBytes;
      need(what, bytes);
      const extent = { at, count };
      at += bytes;
      return extent;
    },
    skipVector(what, elementBytes) {
      return cursor.skip(what, cursor.count(`the number of ${what}`), elementBytes);
    },
    skipRuns(what, runs) {
      need(what, runs * 4);
      for (let open = runs; open > 0; ) {
        need(what, 4);
        const words = Math.min(WINDOW, size - at) >> 2;
        const from = take(what, words * 4);
        let word = 0;
        for (; word < words && open > 0; word++) if (view.getInt32(from + word * 4, true) === -1) open--;
        at -= (words - word) * 4;
      }
    },
    corrupt,
  };
  return cursor;
}
