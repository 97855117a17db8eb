import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { formatCount } from '../../util/bytes.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { type ObjectHeader, parseObjectHeader } from './object-header.js';
import { explainUnopenable, parseSuperblock, withFile } from './superblock.js';
import { type Filter, type Hdf5Library, type Hdf5Module, loadHdf5, type Metadata } from './wasm.js';

/** What lies under a name. `external` is a link into another file, `broken` a soft link that leads nowhere. */
export type EntryKind = 'dataset' | 'group' | 'broken' | 'external' | 'datatype' | 'none';

/** Identity of a file on disk, to notice a change between opening and reading. */
export interface FileState {
  readonly size: number;
  readonly mtimeMs: number;
}

/** An open HDF5 file. All calls are synchronous; the one who opened it closes it. */
export interface Hdf5File {
  readonly path: string;
  readonly state: FileState;
  readonly library: Hdf5Library;
  /** The library's handle. */
  readonly id: bigint;
  /** Names in a group, in the order of the file. */
  names(group: string): string[];
  kind(path: string): EntryKind;
  metadata(path: string): Metadata;
  filters(path: string): Filter[];
  /** What only the object header says; undefined where it is of an unknown form. */
  header(path: string): ObjectHeader | undefined;
  /** Reads `count` elements per dimension from `offset` to the heap; throws SRC_CORRUPT, SRC_CHANGED or SRC_UNSUPPORTED. */
  read(path: string, offset: readonly number[], count: readonly number[], pointer: number): void;
  /** Gives back what reading variable-length strings allocated. */
  reclaim(path: string, count: readonly number[], pointer: number): void;
  /** Throws SRC_CHANGED when size or time of the file are no longer those at opening. */
  checkUnchanged(): void;
  close(): void;
}

/** Size and modification time of a file; SRC_NOT_FOUND or SRC_UNREADABLE where it is none. */
export function fileState(path: string): FileState {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw fail('SRC_UNREADABLE', `${path} is not a file`);
    return { size: stat.size, mtimeMs: Math.floor(stat.mtimeMs) };
  } catch (thrown) {
    throw unreadable(path, thrown);
  }
}

/** A file system error as SRC_NOT_FOUND or SRC_UNREADABLE; our own errors pass through. */
export function unreadable(path: string, thrown: unknown): unknown {
  const code = (thrown as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return fail('SRC_NOT_FOUND', `${path} does not exist`);
  if (code === 'EACCES' || code === 'EPERM') return fail('SRC_UNREADABLE', `${path} may not be read: ${code}`);
  if (code === 'EIO' || code === 'EISDIR' || code === 'ELOOP' || code === 'ENAMETOOLONG') {
    return fail('SRC_UNREADABLE', `${path} cannot be read: ${code}`, { cause: thrown });
  }
  return thrown;
}

/** Changes when the file may have changed: size, modification time, digest of its first 4 KiB. */
export function fingerprint(path: string, state: FileState): string {
  const head = withFile(path, (readAt) => readAt(0, 4096));
  return `${state.size}-${state.mtimeMs}-${createHash('sha256').update(head).digest('hex').slice(0, 16)}`;
}

function changed(path: string, before: FileState): MilvusdmError | undefined {
  let now: FileState | undefined;
  try {
    now = fileState(path);
  } catch {
    return fail('SRC_CHANGED', `${path} went away while it was being read`);
  }
  if (now.size === before.size && now.mtimeMs === before.mtimeMs) return undefined;
  const sizes = now.size === before.size ? '' : ` from ${formatCount(before.size)} to ${formatCount(now.size)} bytes`;
  return fail('SRC_CHANGED', `${path} changed${sizes} while it was being read`);
}

/** An error for data kept in another file, when that is why the last call into the library failed. */
function elsewhere(library: Hdf5Library, path: string, what: string): MilvusdmError | undefined {
  const other = library.refusedFiles()[0];
  if (other === undefined) return undefined;
  return fail('SRC_UNSUPPORTED', `${what} of ${path} leads into another file, ${other}, which is not followed`, {
    hint: 'Name that file itself, or copy the data into one file (`h5repack`, or h5py).',
  });
}

const KINDS: readonly EntryKind[] = ['group', 'dataset', 'datatype', 'broken', 'external'];

function entryKind(library: Hdf5Library, id: bigint, path: string): EntryKind {
  const outcome = library.attempt((module) => module.get_type(id, path));
  return (outcome.ok ? KINDS[outcome.value] : undefined) ?? 'none';
}

/**
 * Opens a file with h5wasm, which reads it in place. Throws SRC_NOT_FOUND, SRC_TRUNCATED or SRC_UNREADABLE.
 * `path` is absolute.
 */
export async function openFile(path: string): Promise<Hdf5File> {
  const state = fileState(path);
  const library = await loadHdf5();
  const disallow = library.allowFile(path);
  const opened = library.attempt(
    (module) => module.open(path, 0, false, -1, -1),
    (id) => id < 0n,
  );
  if (!opened.ok) {
    disallow();
    try {
      throw explainUnopenable(path, opened.reason);
    } catch (thrown) {
      throw unreadable(path, thrown);
    }
  }
  return hdf5File(library, path, state, opened.value, disallow);
}

function hdf5File(library: Hdf5Library, path: string, state: FileState, id: bigint, disallow: () => void): Hdf5File {
  /** Calls the library; a failure is corruption unless the file changed or leads elsewhere. */
  const ask = <T>(what: string, call: (module: Hdf5Module) => T, failed?: (value: T) => boolean): T => {
    const outcome = library.attempt(call, failed);
    if (outcome.ok) return outcome.value;
    const reason = outcome.reason === '' ? '' : `: ${outcome.reason}`;
    throw (
      elsewhere(library, path, what) ??
      changed(path, state) ??
      fail('SRC_CORRUPT', `${what} of ${path} cannot be read${reason}`)
    );
  };
  let open = true;
  return {
    path,
    state,
    library,
    id,
    names: (group) => ask(`group "${group}"`, (module) => module.get_names(id, group, false)),
    kind: (name) => entryKind(library, id, name),
    metadata: (name) => ask(`dataset "${name.slice(1)}"`, (module) => module.get_dataset_metadata(id, name)),
    filters: (name) => ask(`dataset "${name.slice(1)}"`, (module) => module.get_dataset_filters(id, name)),
    header(name) {
      const reference = ask(`dataset "${name.slice(1)}"`, (module) => module.create_object_reference(id, name));
      // An object reference is the address of the object header.
      const address = Number(new DataView(Uint8Array.from(reference).buffer).getBigUint64(0, true));
      return withFile(path, (readAt, size) => {
        const superblock = parseSuperblock(readAt, size);
        return superblock && parseObjectHeader(readAt, superblock, address);
      });
    },
    read(name, offset, count, pointer) {
      const end = (offset[0] ?? 0) + (count[0] ?? 0) - 1;
      const what = `dataset "${name.slice(1)}", rows ${formatCount(offset[0] ?? 0)} to ${formatCount(end)},`;
      const counts = count.map(BigInt);
      const offsets = offset.map(BigInt);
      const strides = count.map(() => 1n);
      ask(
        what,
        (module) => module.get_dataset_data(id, name, counts, offsets, strides, BigInt(pointer)),
        (code) => code < 0,
      );
    },
    reclaim(name, count, pointer) {
      library.attempt((module) => module.reclaim_vlen_memory_count(id, name, '', BigInt(pointer), count.map(BigInt)));
    },
    checkUnchanged() {
      const error = changed(path, state);
      if (error) throw error;
    },
    close() {
      if (!open) return;
      open = false;
      library.attempt((module) => module.close_file(id));
      disallow();
    },
  };
}
