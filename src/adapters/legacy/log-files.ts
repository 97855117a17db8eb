import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  assertUnchangedAt,
  look,
  openSource,
  readInto,
  type SourceFile,
  type Stamp,
  stampWord,
  unreadable,
} from './source-file.js';

/** A file `<number>.wal` of the old server's log. */
export interface LogFile {
  readonly number: number;
  readonly path: string;
  readonly stamp: Stamp;
  /** Records end here; the file may end before, which is damage, or go on behind, which does not count. */
  readonly end: number;
}

/** The log as it was found. */
export interface Log {
  readonly folder: string;
  readonly files: readonly LogFile[];
  /** The number of the last record, where its file is missing. */
  readonly lostUpTo: bigint | undefined;
  readonly warnings: readonly string[];
}

const META_BYTES = 24;
const WORD = 2 ** 32;

interface LastRecord {
  readonly file: number;
  readonly end: number;
}

/**
 * Where the last valid record ends, from mxlog.meta: three times u64, {previous, current, current}; where the two copies of
 * `current` differ, its writing was cut short. Undefined where the file says nothing.
 */
async function lastRecord(folder: string): Promise<LastRecord | undefined> {
  const path = join(folder, 'mxlog.meta');
  const found = await look(path);
  if (!found || found.stamp.size < META_BYTES) return undefined;
  await using file = await openSource(path);
  const bytes = Buffer.alloc(META_BYTES);
  await readInto(file, 0, bytes);
  const at = bytes.readBigUInt64LE(8) === bytes.readBigUInt64LE(16) ? 16 : 0;
  return { end: bytes.readUInt32LE(at), file: bytes.readUInt32LE(at + 4) };
}

/** Finds the files of the log and how far each counts. Throws SRC_UNREADABLE. */
export async function findLog(folder: string): Promise<Log> {
  const names = await readdir(folder).catch((thrown: unknown) => {
    throw unreadable(folder, thrown);
  });
  const last = await lastRecord(folder);
  const warnings: string[] = [];
  const files: LogFile[] = [];
  for (const name of names) {
    const number = /^(\d{1,10})\.wal$/.exec(name)?.[1];
    if (number === undefined || Number(number) >= WORD) continue;
    const path = join(folder, name);
    const found = await look(path);
    if (found?.kind !== 'file') continue;
    const { stamp } = found;
    const whole = !last || Number(number) < last.file;
    files.push({
      number: Number(number),
      path,
      stamp,
      end: whole ? stamp.size : Number(number) === last.file ? last.end : 0,
    });
  }
  files.sort((a, b) => a.number - b.number);
  if (files.length > 0 && !last) warnings.push(`${folder} has no valid mxlog.meta: its log is read to its end`);
  const lost = last && last.end > 0 && !files.some(({ number }) => number === last.file);
  const lostUpTo = lost ? (BigInt(last.file) << 32n) + BigInt(last.end) : undefined;
  return { folder, files, lostUpTo, warnings };
}

/** Changes when the log may have changed. */
export function logFingerprint(log: Log): string {
  return log.files.map(({ number, stamp, end }) => `${number}:${stampWord(stamp)}:${end}`).join('+');
}

/** A file read from its start to its end in large steps. */
export interface LogWindow {
  /** Bytes `at` to `at + length`, valid until the next call. At most 256 KiB at a time. */
  bytes(at: number, length: number): Promise<Uint8Array>;
  /** Copies bytes from `at` on; large parts go straight from the file. */
  copy(at: number, into: Uint8Array): Promise<void>;
}

export const WINDOW_BYTES: number = 256 * 1024;

/** A window over an open file. `limit` is the end of what counts. */
export function openWindow(file: SourceFile, limit: number, memory: Uint8Array): LogWindow {
  let from = 0;
  let to = 0;
  const bytes = async (at: number, length: number): Promise<Uint8Array> => {
    if (at < from || at + length > to) {
      from = to = at;
      const size = Math.min(memory.length, limit - at);
      await readInto(file, at, memory.subarray(0, size));
      to = at + size;
    }
    return memory.subarray(at - from, at - from + length);
  };
  return {
    bytes,
    async copy(at, into) {
      if (into.length > memory.length / 4) await readInto(file, at, into);
      else into.set(await bytes(at, into.length));
    },
  };
}

/** Throws SRC_CHANGED when a file of the log is no longer as it was found. */
export async function assertLogUnchanged(file: LogFile): Promise<void> {
  await assertUnchangedAt(file.path, file.stamp);
}
