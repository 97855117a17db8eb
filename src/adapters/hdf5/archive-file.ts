import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { WriteGuard } from './guarded-fs.js';
import { type Hdf5Library, type Hdf5Module, loadHdf5 } from './wasm.js';

/** H5F_ACC_TRUNC: makes the file anew. */
const TRUNCATE = 2;

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  EROFS: 'the disk is read-only',
  EACCES: 'that is not permitted',
  EPERM: 'that is not permitted',
  ENOENT: 'the folder is gone',
  EIO: 'the disk reports an error',
  EFBIG: 'the file grew beyond what the disk takes',
  EEXIST: 'it exists already',
  EISDIR: 'there is a folder of that name',
  ENOTDIR: 'a part of the path is a file',
};

/** A refusal of the file system while `path` was written, as DST_STORAGE. */
export function storageError(path: string, code: string, cause?: unknown): MilvusdmError {
  const reason = REASONS[code];
  const why = reason === undefined ? code : `${reason} (${code})`;
  return fail('DST_STORAGE', `${path} cannot be written: ${why}`, cause === undefined ? {} : { cause });
}

/** Does something with the file system; what it refuses becomes DST_STORAGE. */
async function onDisk<T>(path: string, act: () => T | Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (thrown instanceof MilvusdmError || code === undefined) throw thrown;
    throw storageError(path, code, thrown);
  }
}

/** An HDF5 file that is being written, under a temporary name beside its own. */
export interface OutputFile {
  /** Its own name. */
  readonly path: string;
  readonly temporary: string;
  readonly library: Hdf5Library;
  readonly id: bigint;
  /** Calls the library; throws DST_STORAGE where the file system refused, INTERNAL where the library failed by itself. */
  ask<T>(what: string, call: (module: Hdf5Module) => T, failed?: (value: T) => boolean): T;
  /** Closes the file, which writes what the library still holds. */
  close(): void;
  /** Makes the closed file durable and gives it its name. */
  publish(): Promise<void>;
  /** Closes and removes it. Does nothing once it is published. */
  discard(): Promise<void>;
}

/** Makes the file itself first, so that a refusal is told as what it is. */
function makeEmpty(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  closeSync(openSync(path, 'wx'));
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the folder's own entry durable. Not every system can open a folder. */
async function syncFolder(folder: string): Promise<void> {
  try {
    await syncPath(folder);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (!['EISDIR', 'EINVAL', 'EPERM', 'EACCES', 'ENOTSUP'].includes(code ?? '')) throw thrown;
  }
}

/** Gives the file its name, which must be free: by a second link, as renaming would replace another file in silence. */
async function giveNewName(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    const noLinks = ['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(code ?? '');
    if (!noLinks || existsSync(path)) throw thrown;
    await rename(temporary, path);
    return;
  }
  await rm(temporary);
}

/**
 * Begins a file that will be called `path`; its folder is made where it is missing. Throws DST_STORAGE when the name is
 * taken (unless `overwrite`) or the folder cannot be written.
 */
export async function createOutputFile(path: string, overwrite: boolean): Promise<OutputFile> {
  await onDisk(path, () => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found?.isDirectory()) throw storageError(path, 'EISDIR');
    if (found && !overwrite) throw storageError(path, 'EEXIST');
  });
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  await onDisk(path, () => makeEmpty(temporary));
  const library = await loadHdf5();
  const guard = library.allowWriting(temporary);
  const opened = library.attempt(
    (module) => module.open(temporary, TRUNCATE, false, -1, -1),
    (id) => id < 0n,
  );
  if (!opened.ok) {
    guard.release();
    rmSync(temporary, { force: true });
    const failure = guard.failure();
    throw failure ? storageError(path, failure) : fail('INTERNAL', `${path} cannot be made: ${opened.reason}`);
  }
  return outputFile(path, temporary, library, guard, opened.value, overwrite);
}

function outputFile(
  path: string,
  temporary: string,
  library: Hdf5Library,
  guard: WriteGuard,
  id: bigint,
  overwrite: boolean,
): OutputFile {
  let state: 'open' | 'closed' | 'gone' = 'open';
  const checkGuard = (): void => {
    const failure = guard.failure();
    if (failure) throw storageError(path, failure);
  };
  const ask: OutputFile['ask'] = (what, call, failed) => {
    const outcome = library.attempt(call, failed);
    // The library itself says nothing of a full disk.
    checkGuard();
    if (outcome.ok) return outcome.value;
    throw fail('INTERNAL', `${what} of ${path} cannot be written: ${outcome.reason}`);
  };
  const shut = (): void => {
    if (state !== 'open') return;
    state = 'closed';
    library.attempt((module) => module.close_file(id));
    guard.release();
  };
  return {
    path,
    temporary,
    library,
    id,
    ask,
    close() {
      if (state !== 'open') return;
      ask(
        'the rest',
        (module) => module.flush(id),
        (code) => code < 0,
      );
      shut();
      checkGuard();
    },
    async publish() {
      await onDisk(path, async () => {
        await syncPath(temporary);
        await (overwrite ? rename(temporary, path) : giveNewName(temporary, path));
        state = 'gone';
        await syncFolder(dirname(path));
      });
    },
    async discard() {
      shut();
      if (state === 'gone') return;
      state = 'gone';
      await rm(temporary, { force: true });
    },
  };
}
