import { createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { fail } from '../../util/errors.js';

/** What tells one state of a file from another. */
export interface Stamp {
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** A file opened for reading, with the state in which it was found. */
export interface SourceFile {
  readonly path: string;
  readonly handle: FileHandle;
  readonly stamp: Stamp;
}

function unreadable(path: string, cause: unknown): Error {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return fail('SRC_NOT_FOUND', `${path} does not exist`, { cause });
  return fail('SRC_UNREADABLE', `${path} cannot be read: ${code ?? String(cause)}`, { cause });
}

async function stampOf(handle: FileHandle): Promise<Stamp> {
  const now = await handle.stat({ bigint: true });
  return { size: Number(now.size), mtimeNs: now.mtimeNs };
}

/** Opens a regular file; the caller closes `handle`. Throws SRC_NOT_FOUND or SRC_UNREADABLE. */
export async function openSource(path: string): Promise<SourceFile> {
  let handle: FileHandle | undefined;
  try {
    // Looked at before it is opened: opening a named pipe would wait for a writer.
    if (!(await stat(path)).isFile()) throw fail('SRC_UNREADABLE', `${path} is not a regular file`);
    handle = await open(path, 'r');
    return { path, handle, stamp: await stampOf(handle) };
  } catch (thrown) {
    await handle?.close();
    throw thrown instanceof Error && 'exitCode' in thrown ? thrown : unreadable(path, thrown);
  }
}

/** Throws SRC_CHANGED when the file is no longer in the state `expected` (as opened, where absent). */
export async function assertUnchanged(file: SourceFile, expected: Stamp = file.stamp): Promise<void> {
  const now = await stampOf(file.handle);
  if (now.size === expected.size && now.mtimeNs === expected.mtimeNs) return;
  const what = now.size === expected.size ? 'its modification time moved' : `${expected.size} bytes, now ${now.size}`;
  throw fail('SRC_CHANGED', `${file.path} changed while it was being read: ${what}`);
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

/** Size, modification time in ms and a digest of the first 4 KiB, as one word. */
export async function fingerprintOf(file: SourceFile): Promise<string> {
  const head = new Uint8Array(Math.min(4096, file.stamp.size));
  await readInto(file, 0, head);
  const digest = createHash('sha256').update(head).digest('hex').slice(0, 16);
  return `${file.stamp.size}:${file.stamp.mtimeNs / 1_000_000n}:${digest}`;
}
