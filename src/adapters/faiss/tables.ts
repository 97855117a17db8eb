import { fail } from '../../util/errors.js';
import type { Extent } from './byte-cursor.js';
import { readInto, type SourceFile } from './source-file.js';

// A table larger than this is no codebook or matrix that anyone uses, and it is kept in memory.
const LARGEST_TABLE = 256 * 1024 * 1024;

/** Throws SRC_UNSUPPORTED for a table of `bytes` bytes that would be kept in memory and is too large for it. */
export function assertTable(path: string, what: string, bytes: number): void {
  if (bytes <= LARGEST_TABLE) return;
  throw fail('SRC_UNSUPPORTED', `${path}: ${what} of ${bytes} bytes, more than ${LARGEST_TABLE}`, {
    hint: 'Reconstruct the rows with Faiss into an IndexFlat and migrate that.',
  });
}

/** Reads a table of float32. Throws SRC_UNSUPPORTED when it is larger than 256 MiB. */
export async function readFloats(file: SourceFile, what: string, { at, count }: Extent): Promise<Float32Array> {
  assertTable(file.path, what, count * 4);
  const floats = new Float32Array(count);
  await readInto(file, at, new Uint8Array(floats.buffer));
  return floats;
}

/** Reads a table of int32. */
export async function readInts(file: SourceFile, what: string, { at, count }: Extent): Promise<Int32Array> {
  assertTable(file.path, what, count * 4);
  const ints = new Int32Array(count);
  await readInto(file, at, new Uint8Array(ints.buffer));
  return ints;
}
