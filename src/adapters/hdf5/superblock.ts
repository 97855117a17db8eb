import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { formatCount } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';

/** Reads up to `length` bytes at an absolute offset; shorter at the end of the file. */
export type ReadAt = (offset: number, length: number) => Uint8Array;

/** The head of an HDF5 file (HDF5 file format specification, "Disk Format: Level 0A"). All addresses in bytes. */
export interface Superblock {
  /** Where the superblock lies: 0, or behind a user block. Addresses in the file count from here. */
  readonly base: number;
  readonly version: number;
  readonly offsetSize: number;
  readonly lengthSize: number;
  /** First byte behind all HDF5 data, from the start of the file. */
  readonly endOfFile: number;
  /** A writer has marked the file as open (only versions 2 and 3 know this). */
  readonly openForWriting: boolean;
}

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

function hasSignature(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

/** Unsigned little-endian number of `size` bytes; undefined where all bits are set (HDF5's "no address") or it exceeds 2^53. */
export function readAddress(bytes: Uint8Array, offset: number, size: number): number | undefined {
  let value = 0;
  let allSet = true;
  for (let i = size - 1; i >= 0; i--) {
    const byte = bytes[offset + i];
    if (byte === undefined) return undefined;
    if (byte !== 0xff) allSet = false;
    value = value * 256 + byte;
  }
  return allSet || !Number.isSafeInteger(value) ? undefined : value;
}

/** Runs `use` with a positioned reader of the file, and closes it. */
export function withFile<T>(path: string, use: (readAt: ReadAt, size: number) => T): T {
  const fd = openSync(path, 'r');
  try {
    const readAt: ReadAt = (offset, length) => {
      const bytes = new Uint8Array(length);
      let have = 0;
      while (have < length) {
        const count = readSync(fd, bytes, have, length - have, offset + have);
        if (count === 0) break;
        have += count;
      }
      return bytes.subarray(0, have);
    };
    return use(readAt, statSync(path).size);
  } finally {
    closeSync(fd);
  }
}

/** Offset of the HDF5 signature: 0, 512, 1024, 2048, ... as a user block may lie before it. */
export function findSignature(readAt: ReadAt, size: number): number | undefined {
  for (let offset = 0; offset + 8 <= size; offset = offset === 0 ? 512 : offset * 2) {
    if (hasSignature(readAt(offset, 8))) return offset;
  }
  return undefined;
}

/** Parses superblocks of versions 0 to 3; undefined where there is none, it is cut off, or its version is unknown. */
export function parseSuperblock(readAt: ReadAt, size: number): Superblock | undefined {
  const base = findSignature(readAt, size);
  if (base === undefined) return undefined;
  const head = readAt(base, 96);
  const version = head[8];
  if (version === undefined || version > 3) return undefined;
  const old = version < 2;
  const offsetSize = head[old ? 13 : 9] ?? 0;
  const lengthSize = head[old ? 14 : 10] ?? 0;
  const valid = (n: number): boolean => n === 2 || n === 4 || n === 8;
  if (!valid(offsetSize) || !valid(lengthSize)) return undefined;
  // Version 1 has four bytes more than version 0 before the addresses.
  const addresses = old ? (version === 0 ? 24 : 28) : 12;
  const storedBase = readAddress(head, addresses, offsetSize);
  const storedEnd = readAddress(head, addresses + 2 * offsetSize, offsetSize);
  if (storedBase === undefined || storedEnd === undefined) return undefined;
  return {
    base,
    version,
    offsetSize,
    lengthSize,
    // The library trusts where it found the signature, not the stored base address.
    endOfFile: storedEnd - storedBase + base,
    openForWriting: !old && ((head[11] ?? 0) & 1) !== 0,
  };
}

/** Why the library refused to open a file, from its superblock alone. `reason` is what the library said. */
export function explainUnopenable(path: string, reason: string): MilvusdmError {
  return withFile(path, (readAt, size) => {
    if (size === 0) return fail('SRC_TRUNCATED', `${path} is empty: 0 bytes`);
    const at = findSignature(readAt, size);
    if (at === undefined) return fail('SRC_UNREADABLE', `${path} is not an HDF5 file: it has no HDF5 signature`);
    const head = parseSuperblock(readAt, size);
    if (head === undefined) {
      if (size - at < 96) {
        return fail('SRC_TRUNCATED', `${path} ends inside its superblock: it has ${formatCount(size)} bytes`);
      }
      return fail('SRC_UNREADABLE', `${path} has an HDF5 superblock that cannot be read`);
    }
    if (head.endOfFile > size) {
      return fail(
        'SRC_TRUNCATED',
        `${path} is cut off: its superblock announces ${formatCount(head.endOfFile)} bytes, the file has ${formatCount(size)}`,
      );
    }
    if (head.openForWriting) {
      return fail('SRC_UNREADABLE', `${path} is marked as open for writing`, {
        hint: 'Wait until its writer has closed it; after a crash of the writer run `h5clear -s` on it.',
      });
    }
    return fail('SRC_UNREADABLE', `${path} cannot be opened as HDF5${reason === '' ? '' : `: ${reason}`}`);
  });
}
