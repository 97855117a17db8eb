interface Stream {
  readonly fd: number;
}

/** The part of Emscripten's file system that is intercepted. */
export interface FileSystem {
  open(path: string, flags: number, mode?: number): Stream;
  write(stream: Stream, buffer: ArrayBufferView, offset: number, length: number, position?: number): number;
  ftruncate(fd: number, length: number): void;
  close(stream: Stream): void;
  readonly ErrnoError: new (errno: number) => Error;
}

/** Watches over a file that the library writes: HDF5 goes on after a failed write and reports nothing. */
export interface WriteGuard {
  /** What the file system answered first that was no success, such as "ENOSPC"; undefined while all is well. */
  failure(): string | undefined;
  /** Forbids the file again. */
  release(): void;
}

interface Latch {
  failure?: string;
}

/** What an instance of the library may do, and what it did; shared by its file system and its callers. */
export interface GuardState {
  /** All that the library printed since it was emptied. */
  printed: string;
  refused: string[];
  /** Files that may be opened, with how often. Everything else (external links, external storage) is refused by name. */
  readonly allowed: Map<string, number>;
  readonly writing: Map<string, Latch>;
  /** By the library's own file descriptors. */
  readonly latches: Map<number, Latch>;
}

const ENOENT = 44;
const O_DIRECTORY = 0x10000;

/** A state that allows nothing yet. */
export function createGuard(): GuardState {
  return { printed: '', refused: [], allowed: new Map(), writing: new Map(), latches: new Map() };
}

/** Lets the library open `path` until the returned function is called. */
export function allowFile(state: GuardState, path: string): () => void {
  const { allowed } = state;
  allowed.set(path, (allowed.get(path) ?? 0) + 1);
  return () => {
    const left = (allowed.get(path) ?? 1) - 1;
    if (left > 0) allowed.set(path, left);
    else allowed.delete(path);
  };
}

/** Like {@link allowFile}, for a file that is to be written: errors of its file system are kept. */
export function allowWriting(state: GuardState, path: string): WriteGuard {
  const latch: Latch = {};
  const disallow = allowFile(state, path);
  state.writing.set(path, latch);
  return {
    failure: () => latch.failure,
    release() {
      if (state.writing.get(path) === latch) state.writing.delete(path);
      disallow();
    },
  };
}

function errorName(thrown: unknown): string {
  const { code, errno } = thrown as { code?: string; errno?: number };
  return code ?? `error ${errno ?? String(thrown)}`;
}

/** Does what the library asked; an error of it is remembered before the library gets to see it. */
function latched<T>(latch: Latch | undefined, act: () => T): T {
  if (!latch) return act();
  try {
    return act();
  } catch (thrown) {
    latch.failure ??= errorName(thrown);
    throw thrown;
  }
}

/**
 * Puts a guard before the file system of one instance: only allowed files are opened, what it prints is caught, and the
 * first error of writing, truncating or closing a file is remembered.
 */
export function guardFileSystem(fs: FileSystem, state: GuardState): void {
  const { latches } = state;
  const [open, write] = [fs.open.bind(fs), fs.write.bind(fs)];
  const [ftruncate, close] = [fs.ftruncate.bind(fs), fs.close.bind(fs)];
  fs.open = (path, flags, mode) => {
    if (!state.allowed.has(path)) {
      if ((flags & O_DIRECTORY) === 0) state.refused.push(path);
      throw new fs.ErrnoError(ENOENT);
    }
    const latch = state.writing.get(path);
    const stream = latched(latch, () => open(path, flags, mode));
    if (latch) latches.set(stream.fd, latch);
    return stream;
  };
  // HDF5 prints its error stack to stderr, and never anything useful to stdout.
  fs.write = (stream, buffer, offset, length, position) => {
    if (stream.fd !== 1 && stream.fd !== 2) {
      return latched(latches.get(stream.fd), () => write(stream, buffer, offset, length, position));
    }
    state.printed += new TextDecoder().decode(new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length));
    return length;
  };
  fs.ftruncate = (fd, length) => latched(latches.get(fd), () => ftruncate(fd, length));
  fs.close = (stream) => {
    const latch = latches.get(stream.fd);
    latches.delete(stream.fd);
    latched(latch, () => close(stream));
  };
}
