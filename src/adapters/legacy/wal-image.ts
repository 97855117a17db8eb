import { fail } from '../../util/errors.js';

/** A database file with the transactions of its write-ahead log in it. */
export interface WalImage {
  readonly image: Uint8Array;
  /** Frames of committed transactions that were applied. */
  readonly applied: number;
  /** Frames behind the last commit, which belong to a transaction that never ended. */
  readonly uncommitted: number;
  /** The log ends in a frame that is cut off or has a wrong checksum, though it belongs to the log. */
  readonly torn: boolean;
  /** The header of the log is damaged, so that nothing of it counts. */
  readonly badHeader: boolean;
}

const HEADER = 32;
const FRAME_HEADER = 24;
const MAGIC = 0x377f0682;

/** SQLite's running checksum over pairs of 32-bit words. */
function checksum(view: DataView, from: number, to: number, little: boolean, sums: Uint32Array): void {
  let a = sums[0]!;
  let b = sums[1]!;
  for (let at = from; at < to; at += 8) {
    a = (a + view.getUint32(at, little) + b) >>> 0;
    b = (b + view.getUint32(at + 4, little) + a) >>> 0;
  }
  sums[0] = a;
  sums[1] = b;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Page size of a database by its header, bytes 16 and 17 (1 stands for 65536); undefined for an empty file. */
function pageSizeOf(main: Uint8Array): number | undefined {
  if (main.length < 18) return undefined;
  const size = viewOf(main).getUint16(16);
  return size === 1 ? 65536 : size;
}

interface Frames {
  /** Offset of each committed frame, in order. */
  readonly offsets: readonly number[];
  readonly pages: number;
  readonly uncommitted: number;
  readonly torn: boolean;
}

/** Walks the frames up to the first that is not of this log. Layout: sqlite.org/fileformat2.html, section 4.1. */
function walk(wal: Uint8Array, view: DataView, pageSize: number, little: boolean, sums: Uint32Array): Frames {
  const offsets: number[] = [];
  let committed = 0;
  let pages = 0;
  let torn = false;
  const frameSize = FRAME_HEADER + pageSize;
  for (let at = HEADER; at + FRAME_HEADER <= wal.length; at += frameSize) {
    const sameSalts = view.getUint32(at + 8) === view.getUint32(16) && view.getUint32(at + 12) === view.getUint32(20);
    // What lies behind is left of an earlier round of the log.
    if (!sameSalts || view.getUint32(at) === 0) break;
    torn = at + frameSize > wal.length;
    if (torn) break;
    checksum(view, at, at + 8, little, sums);
    checksum(view, at + FRAME_HEADER, at + frameSize, little, sums);
    torn = view.getUint32(at + 16) !== sums[0] || view.getUint32(at + 20) !== sums[1];
    if (torn) break;
    offsets.push(at);
    const size = view.getUint32(at + 4);
    if (size > 0) {
      committed = offsets.length;
      pages = size;
    }
  }
  return { offsets: offsets.slice(0, committed), pages, uncommitted: offsets.length - committed, torn };
}

/**
 * Applies a write-ahead log to a database as SQLite does on recovery: committed transactions up to the first frame with a
 * foreign salt or a wrong checksum; the rest does not count. Neither input is changed; without a log the image is `main`.
 * Throws SRC_CORRUPT when the page sizes of both differ.
 * @param name of the log, for messages
 */
export function applyWal(main: Uint8Array, wal: Uint8Array, name: string): WalImage {
  const untouched = { image: main, applied: 0, uncommitted: 0, torn: false };
  if (wal.length < HEADER) return { ...untouched, badHeader: wal.length > 0 };
  const view = viewOf(wal);
  const magic = view.getUint32(0);
  const pageSize = view.getUint32(8);
  const powerOfTwo = pageSize >= 512 && pageSize <= 65536 && (pageSize & (pageSize - 1)) === 0;
  const little = (magic & 1) === 0;
  const sums = new Uint32Array(2);
  checksum(view, 0, 24, little, sums);
  const sound = (magic & ~1) === MAGIC && view.getUint32(24) === sums[0] && view.getUint32(28) === sums[1];
  if (!sound || !powerOfTwo) return { ...untouched, badHeader: true };
  const { offsets, pages, uncommitted, torn } = walk(wal, view, pageSize, little, sums);
  const rest = { uncommitted, torn, badHeader: false };
  if (offsets.length === 0) return { ...untouched, ...rest };
  const mainPages = pageSizeOf(main);
  if (mainPages !== undefined && mainPages !== pageSize) {
    throw fail('SRC_CORRUPT', `${name} has pages of ${pageSize} bytes, the database beside it of ${mainPages}`);
  }
  const image = new Uint8Array(pages * pageSize);
  image.set(main.subarray(0, image.length));
  for (const at of offsets) {
    const page = view.getUint32(at);
    // A later transaction may have made the database smaller.
    if (page > pages) continue;
    image.set(wal.subarray(at + FRAME_HEADER, at + FRAME_HEADER + pageSize), (page - 1) * pageSize);
  }
  return { image, applied: offsets.length, ...rest };
}
