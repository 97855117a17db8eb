import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import {
  allowFile,
  allowWriting,
  createGuard,
  type FileSystem,
  type GuardState,
  guardFileSystem,
  type WriteGuard,
} from './guarded-fs.js';

/** Datatype and shape of a dataset or attribute as h5wasm describes them (its `Metadata`). */
export interface Metadata {
  readonly type: number;
  readonly size: number;
  readonly signed: boolean;
  readonly vlen: boolean;
  readonly littleEndian: boolean;
  readonly cset?: number;
  readonly strpad?: number;
  readonly shape: readonly number[] | null;
  readonly chunks: readonly number[] | null;
  readonly enum_type?: { readonly type: number; readonly members: Readonly<Record<string, number>> };
  readonly virtual_sources?: readonly { readonly file_name: string }[];
}

export interface Filter {
  readonly id: number;
  readonly name: string;
  readonly cd_values: readonly number[];
}

/** What a dataset is made from: numbers only, little-endian. A `maxshape` needs `chunks`, and so does a filter. */
export interface NewDataset {
  /** H5T_class_t: 0 integer, 1 float. */
  readonly type: 0 | 1;
  readonly size: number;
  readonly signed: boolean;
  readonly vlen: false;
  readonly littleEndian: true;
  readonly shape: readonly bigint[];
  readonly maxshape?: readonly bigint[];
  readonly chunks?: readonly bigint[];
  /** Number of a filter, with its options. */
  readonly compression?: number;
  readonly compression_opts?: readonly number[];
}

/** The part of h5wasm's raw module that is used here. */
export interface Hdf5Module {
  readonly HEAPU8: Uint8Array;
  readonly FS: FileSystem;
  readonly MAXIMUM_MEMORY: number;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  open(path: string, mode: number, trackOrder: boolean, low: number, high: number): bigint;
  close_file(id: bigint): number;
  get_names(id: bigint, path: string, recursive: boolean): string[];
  get_type(id: bigint, path: string): number;
  get_dataset_metadata(id: bigint, path: string): Metadata;
  get_dataset_filters(id: bigint, path: string): Filter[];
  create_dataset(id: bigint, path: string, pointer: bigint, metadata: NewDataset): number;
  resize_dataset(id: bigint, path: string, shape: readonly bigint[]): number;
  set_dataset_data(
    id: bigint,
    path: string,
    count: readonly bigint[],
    offset: readonly bigint[],
    strides: readonly bigint[],
    pointer: bigint,
  ): number;
  flush(id: bigint): number;
  create_object_reference(id: bigint, path: string): Uint8Array;
  get_attribute_names(id: bigint, path: string): string[];
  get_attribute_metadata(id: bigint, path: string, name: string): Metadata;
  get_attribute_data(id: bigint, path: string, name: string, pointer: bigint): number;
  get_dataset_data(
    id: bigint,
    path: string,
    count: readonly bigint[],
    offset: readonly bigint[],
    strides: readonly bigint[],
    pointer: bigint,
  ): number;
  reclaim_vlen_memory(id: bigint, path: string, attribute: string, pointer: bigint): number;
  reclaim_vlen_memory_count(
    id: bigint,
    path: string,
    attribute: string,
    pointer: bigint,
    count: readonly bigint[],
  ): number;
}

/** A heap that has grown beyond this is given up as soon as no file is open: it can never shrink. */
const LARGE_HEAP_BYTES = 256 << 20;
/** Each exception that crosses the library leaves some of its stack behind, so it is not used for ever after them. */
const MAX_EXCEPTIONS = 64;

/** A WebAssembly trap, or its stack overflowing. */
const TRAPS: readonly string[] = ['RuntimeError', 'RangeError'];

/** What a call into the library gave, or why it failed. */
export type Outcome<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** Memory of the library's heap. The heap itself never shrinks, so blocks are few and kept. */
export interface HeapBlock {
  readonly pointer: number;
  readonly bytes: number;
  free(): void;
}

/** One instance of the library, with a heap of its own. */
export interface Hdf5Library {
  readonly module: Hdf5Module;
  /**
   * Calls the library with its printing caught. `failed` judges a returned value (many functions return a negative
   * number and throw nothing). A trap is a failure too, and the end of this instance: every later call fails.
   */
  attempt<T>(call: (module: Hdf5Module) => T, failed?: (value: T) => boolean): Outcome<T>;
  /** Files other than the open ones that the last call tried to open, and was not allowed to. */
  refusedFiles(): readonly string[];
  /** Lets the library open `path` until the returned function is called. */
  allowFile(path: string): () => void;
  /** Lets the library make and write `path`, and remembers the first error that the file system gives for it. */
  allowWriting(path: string): WriteGuard;
  /** Takes `bytes` of the heap (at most 2 GiB in all); `what` names the user for the SRC_UNSUPPORTED error. */
  allocate(bytes: number, what: string): HeapBlock;
  /** Whether new files should be opened with another instance. */
  worn(): boolean;
}

/** The innermost line of an HDF5 error stack: the cause, without addresses and file names of the library. */
function rootCause(text: string): string {
  const last = [...text.matchAll(/#\d+:.*? in (\w+)\(\): (.*)/g)].at(-1);
  return last ? `${last[2]} (${last[1]})` : text.trim().split('\n')[0]!.slice(0, 200);
}

type Factory = (options: {
  noInitialRun: boolean;
  print: (text: string) => void;
  printErr: (text: string) => void;
}) => Promise<Hdf5Module>;

async function instantiate(): Promise<Hdf5Library> {
  const watch = createGuard();
  const print = (text: string): void => {
    watch.printed += `${text}\n`;
  };
  try {
    // h5wasm/node makes one instance per process, which prints; its factory lies beside it and makes any number.
    const factory = new URL('./hdf5_util.js', import.meta.resolve('h5wasm/node'));
    const { default: make } = (await import(factory.href)) as { default: Factory };
    const module = await make({ noInitialRun: true, print, printErr: print });
    guardFileSystem(module.FS, watch);
    return library(module, watch);
  } catch (cause) {
    // Node's own message would show the library's source line, which has 4 MB.
    throw fail('INTERNAL', `the HDF5 library could not be loaded: ${String(cause).slice(0, 200)}`);
  }
}

function library(module: Hdf5Module, watch: GuardState): Hdf5Library {
  let crashed: string | undefined;
  let exceptions = 0;
  const attempt: Hdf5Library['attempt'] = (call, failed = () => false) => {
    if (crashed !== undefined) return { ok: false, reason: `the HDF5 library has crashed before: ${crashed}` };
    watch.printed = '';
    watch.refused = [];
    try {
      const value = call(module);
      return failed(value) ? { ok: false, reason: rootCause(watch.printed) } : { ok: true, value };
    } catch (thrown) {
      exceptions++;
      const text = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n')[0]!.slice(0, 200);
      const trapped = thrown instanceof Error && TRAPS.includes(thrown.name);
      if (!trapped) return { ok: false, reason: rootCause(watch.printed) || text };
      crashed = text;
      return { ok: false, reason: `the HDF5 library crashed on it (${text})` };
    }
  };
  return {
    module,
    attempt,
    refusedFiles: () => watch.refused,
    allowFile: (path) => allowFile(watch, path),
    allowWriting: (path) => allowWriting(watch, path),
    allocate(bytes, what) {
      const outcome = attempt(
        () => module._malloc(Math.max(bytes, 16)),
        (pointer) => pointer === 0,
      );
      if (!outcome.ok) {
        throw fail(
          'SRC_UNSUPPORTED',
          `${what} needs ${formatCount(bytes)} bytes in one piece, which the HDF5 library cannot give`,
          { hint: 'Write the file again with smaller chunks.' },
        );
      }
      return { pointer: outcome.value, bytes, free: () => void attempt(() => module._free(outcome.value)) };
    },
    worn() {
      if (crashed !== undefined) return true;
      return watch.allowed.size === 0 && (exceptions > MAX_EXCEPTIONS || module.HEAPU8.length > LARGE_HEAP_BYTES);
    },
  };
}

let current: Promise<Hdf5Library> | undefined;

/**
 * The library, loaded on first use (0.1 to 0.3 s) and shared; a fresh instance after a crash or when the old one is worn.
 * All that it prints is caught: nothing reaches stdout or stderr.
 */
export async function loadHdf5(): Promise<Hdf5Library> {
  const before = current;
  if (before && !(await before).worn()) return before;
  // Whoever came first while this waited has replaced it already.
  if (current === before) current = instantiate();
  return current!;
}
