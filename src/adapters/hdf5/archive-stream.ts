import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { OutputFile } from './archive-file.js';
import { elementBytes, type Shape } from './archive-layout.js';
import { describeDataset } from './dataset.js';
import type { Hdf5File } from './file.js';
import type { HeapBlock, NewDataset } from './wasm.js';

/** Hash of some bytes; xxh64 with seed 0. */
export type BlockHash = (bytes: Uint8Array) => bigint;

/** A dataset that grows at its end. It appears in the file with its first whole chunk, or when it is closed. */
export interface ArchiveStream {
  /** Rows of the dataset so far: of two-dimensional ones whole rows, else elements. */
  readonly rows: number;
  readonly bytes: number;
  /** Adds whole rows. Throws DST_STORAGE. */
  append(bytes: Uint8Array): void;
  /** Writes what is left, and gives the memory back. */
  close(): void;
  /** Reads everything back from the finished file and compares. Throws VERIFY_MISMATCH. */
  verify(file: Hdf5File, buffer: HeapBlock): Promise<void>;
  /** Gives the memory back. */
  free(): void;
}

export interface StreamOptions {
  readonly name: string;
  readonly shape: Shape;
  /** Bytes that are gathered and written at once: one chunk, as the library keeps no chunk from call to call. */
  readonly chunkBytes: number;
  readonly gzip?: number;
  readonly hash: BlockHash;
}

/** Rows of a chunk: a power of two, so that chunks and hashes stay aligned with whatever is read. */
export function chunkRows(rowBytes: number, chunkBytes: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(chunkBytes / rowBytes)));
}

const UNLIMITED = 2n ** 64n - 1n;
const GZIP = 1;
/** Blocks that are read back before signals and timers get their turn. */
const VERIFY_TURN = 16;

function describe(options: StreamOptions, rows: number, chunk: number | undefined): NewDataset {
  const { element, width } = options.shape;
  const extent = (n: number | bigint): bigint[] => (width === undefined ? [BigInt(n)] : [BigInt(n), BigInt(width)]);
  return {
    type: element.startsWith('float') ? 1 : 0,
    size: elementBytes(element),
    signed: !element.startsWith('uint'),
    vlen: false,
    littleEndian: true,
    shape: extent(rows),
    ...(chunk === undefined ? {} : { maxshape: extent(UNLIMITED), chunks: extent(chunk) }),
    ...(chunk === undefined || options.gzip === undefined
      ? {}
      : { compression: GZIP, compression_opts: [options.gzip] }),
  };
}

/** What was written, as far as it is needed to compare. */
interface Written {
  readonly options: StreamOptions;
  /** Of the finished file. */
  readonly path: string;
  readonly written: number;
  readonly chunk: number;
  /** One for each chunk. */
  readonly hashes: readonly bigint[];
}

/** Reads chunk by chunk what the closed file holds, and compares its hashes. */
async function verify(
  { options, path, written, chunk, hashes }: Written,
  file: Hdf5File,
  buffer: HeapBlock,
): Promise<void> {
  const { name, shape, hash } = options;
  const { module } = file.library;
  const dataset = `/${name}`;
  const rowBytes = elementBytes(shape.element) * (shape.width ?? 1);
  const dims = (rows: number): number[] => (shape.width === undefined ? [rows] : [rows, shape.width]);
  const differs = (how: string): MilvusdmError =>
    fail('VERIFY_MISMATCH', `dataset "${name}" of ${path} is not what was written: ${how}`);
  const found = describeDataset(file, dataset);
  const [need, have] = [dims(written).join(' x '), found.shape?.join(' x ') ?? 'nothing'];
  if (have !== need || found.element.label !== shape.element) {
    throw differs(`need ${need} ${shape.element}, have ${have} ${found.element.label}`);
  }
  for (let row = 0, i = 0; row < written; row += chunk, i++) {
    const rows = Math.min(chunk, written - row);
    file.read(dataset, shape.width === undefined ? [row] : [row, 0], dims(rows), buffer.pointer);
    if (hash(module.HEAPU8.subarray(buffer.pointer, buffer.pointer + rows * rowBytes)) !== hashes[i]) {
      throw differs(`rows ${formatCount(row)} to ${formatCount(row + rows - 1)} differ`);
    }
    if (i % VERIFY_TURN === 0) await nextTurn();
  }
}

/** Opens a dataset for appending. The one who opened it frees it. */
export function openStream(file: OutputFile, options: StreamOptions): ArchiveStream {
  const { name, shape, hash } = options;
  const { library, id } = file;
  const path = `/${name}`;
  const what = `dataset "${name}"`;
  const rowBytes = elementBytes(shape.element) * (shape.width ?? 1);
  const chunk = chunkRows(rowBytes, options.chunkBytes);
  const hashes: bigint[] = [];
  const dims = (n: number): bigint[] => (shape.width === undefined ? [BigInt(n)] : [BigInt(n), BigInt(shape.width)]);
  const start = (row: number): bigint[] => (shape.width === undefined ? [BigInt(row)] : [BigInt(row), 0n]);
  let block: HeapBlock | undefined;
  let filled = 0;
  let written = 0;

  const heapPart = (): Uint8Array => library.module.HEAPU8.subarray(block!.pointer, block!.pointer + filled);
  const create = (rows: number, chunked: number | undefined): void => {
    const pointer = BigInt(rows > 0 ? block!.pointer : 0);
    const made = describe(options, rows, chunked);
    file.ask(what, (module) => module.create_dataset(id, path, pointer, made));
  };
  const flush = (): void => {
    const rows = filled / rowBytes;
    if (written === 0) create(0, chunk);
    hashes.push(hash(heapPart()));
    const failed = (code: number): boolean => code < 0;
    file.ask(what, (module) => module.resize_dataset(id, path, dims(written + rows)), failed);
    const pointer = BigInt(block!.pointer);
    const strides = dims(1).map(() => 1n);
    const put = (module: typeof library.module): number =>
      module.set_dataset_data(id, path, dims(rows), start(written), strides, pointer);
    file.ask(what, put, failed);
    written += rows;
    filled = 0;
  };
  const free = (): void => {
    block?.free();
    block = undefined;
  };
  return {
    get rows() {
      return written + filled / rowBytes;
    },
    get bytes() {
      return written * rowBytes + filled;
    },
    append(bytes) {
      if (bytes.length === 0) return;
      const capacity = chunk * rowBytes;
      block ??= library.allocate(capacity, `writing ${what}`);
      for (let at = 0; at < bytes.length; ) {
        const take = Math.min(bytes.length - at, capacity - filled);
        library.module.HEAPU8.set(bytes.subarray(at, at + take), block.pointer + filled);
        filled += take;
        at += take;
        if (filled === capacity) flush();
      }
    },
    close() {
      if (filled > 0 && written > 0) flush();
      else if (written === 0) {
        // All of it at once: no room for more is kept, so that a small archive is a small file.
        const rows = filled / rowBytes;
        if (rows > 0) hashes.push(hash(heapPart()));
        create(rows, options.gzip === undefined || rows === 0 ? undefined : rows);
        written = rows;
        filled = 0;
      }
      free();
    },
    verify: (opened, buffer) => verify({ options, path: file.path, written, chunk, hashes }, opened, buffer),
    free,
  };
}

/** A failure to read the finished file back: DST_STORAGE where it is not there, else VERIFY_MISMATCH; other errors pass. */
export function unverifiable(path: string, thrown: unknown): unknown {
  if (!(thrown instanceof MilvusdmError) || !thrown.code.startsWith('SRC_')) return thrown;
  const gone = thrown.code === 'SRC_NOT_FOUND' || thrown.code === 'SRC_UNREADABLE';
  const what = `${path} cannot be read back: ${thrown.message}`;
  return fail(gone ? 'DST_STORAGE' : 'VERIFY_MISMATCH', what, { cause: thrown });
}
