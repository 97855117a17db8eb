import { type FileHandle, open, stat } from 'node:fs/promises';
import { fail, MilvusdmError } from '../../util/errors.js';

/** What tells one state of a file from another. */
export interface Stamp {
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** A file opened for reading, with the state in which it was found. */
export interface SourceFile extends AsyncDisposable {
  readonly path: string;
  readonly handle: FileHandle;
  readonly stamp: Stamp;
}

/** The error for a failed call on a file: SRC_NOT_FOUND or SRC_UNREADABLE; errors of ours stay as they are. */
export function unreadable(path: string, cause: unknown): MilvusdmError {
  if (cause instanceof MilvusdmError) return cause;
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return fail('SRC_NOT_FOUND', `${path} does not exist`, { cause });
  return fail('SRC_UNREADABLE', `${path} cannot be read: ${code ?? String(cause)}`, { cause });
}

/** What a path leads to, links followed; undefined where there is nothing. Throws SRC_UNREADABLE. */
export async function look(path: string): Promise<{ kind: 'file' | 'folder' | 'other'; stamp: Stamp } | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
    return { kind, stamp: { size: Number(found.size), mtimeNs: found.mtimeNs } };
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw unreadable(path, thrown);
  }
}

/** Whether two states are the same; undefined stands for a file that is not there. */
export function sameStamp(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a?.size === b?.size && a?.mtimeNs === b?.mtimeNs;
}

/** The error for a file that is not in the state in which it was found. */
export function changed(path: string, before: Stamp | undefined, now: Stamp | undefined): MilvusdmError {
  const say = (stamp: Stamp | undefined): string => (stamp ? `${stamp.size} bytes` : 'missing');
  const what =
    before && now && before.size === now.size ? 'its modification time moved' : `${say(before)}, now ${say(now)}`;
  return fail('SRC_CHANGED', `${path} changed while it was being read: ${what}`, {
    hint: 'Stop the old Milvus server, or copy the folder while it is stopped, and run again.',
  });
}

/** Throws SRC_CHANGED unless what lies at the path is in the state expected; undefined: unless nothing lies there. */
export async function assertUnchangedAt(path: string, expected: Stamp | undefined): Promise<void> {
  const now = (await look(path))?.stamp;
  if (!sameStamp(expected, now)) throw changed(path, expected, now);
}

/** Throws SRC_CHANGED when an open file is no longer in the state in which it was found. */
export async function assertUnchanged(file: SourceFile): Promise<void> {
  const now = await file.handle.stat({ bigint: true });
  const stamp = { size: Number(now.size), mtimeNs: now.mtimeNs };
  if (!sameStamp(file.stamp, stamp)) throw changed(file.path, file.stamp, stamp);
}

/**
 * Opens a regular file; the caller disposes of it. Throws SRC_NOT_FOUND, SRC_UNREADABLE, and SRC_CHANGED when it is not in
 * the state expected.
 */
export async function openSource(path: string, expected?: Stamp): Promise<SourceFile> {
  // Looked at before it is opened: opening a named pipe would wait for a writer.
  const found = await look(path);
  if (expected && !sameStamp(expected, found?.stamp)) throw changed(path, expected, found?.stamp);
  if (!found) throw fail('SRC_NOT_FOUND', `${path} does not exist`);
  if (found.kind !== 'file') throw fail('SRC_UNREADABLE', `${path} is not a regular file`);
  const handle = await open(path, 'r').catch((thrown: unknown) => {
    throw unreadable(path, thrown);
  });
  return { path, handle, stamp: found.stamp, [Symbol.asyncDispose]: () => handle.close() };
}

// One read call takes at most 2^31 - 1 bytes.
const LARGEST_READ = 2 ** 30;

/** Fills `into` from byte `at` on. Throws SRC_CHANGED or SRC_TRUNCATED when the file ends before. */
export async function readInto(file: SourceFile, at: number, into: Uint8Array): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const length = Math.min(into.length - done, LARGEST_READ);
    let got: number;
    try {
      got = (await file.handle.read(into, done, length, at + done)).bytesRead;
    } catch (thrown) {
      throw unreadable(file.path, thrown);
    }
    if (got === 0) {
      await assertUnchanged(file);
      throw fail('SRC_TRUNCATED', `${file.path}: need ${into.length} bytes at offset ${at}, have ${done}`);
    }
    done += got;
  }
}

/** Size and modification time in ms as one word; `-` for a file that is not there. */
export function stampWord(stamp: Stamp | undefined): string {
  return stamp ? `${stamp.size}:${stamp.mtimeNs / 1_000_000n}` : '-';
}
