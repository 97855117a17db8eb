import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { RecordBatch } from 'apache-arrow';
import type { SourceInfo } from '../adapters/types.js';
import { flat, isText, type RawColumn, rawColumns, rowBytes } from '../batch/columns.js';
import { fromArrowField, isVector } from '../batch/fields.js';
import { type Value, valueAt } from '../batch/values.js';
import type { FileSource } from '../config/types.js';
import { FORMATS, openReader } from '../registry.js';
import { fail, MilvusdmError } from '../util/errors.js';

/** A row as `inspect` shows it: ids and integers as text, vectors by their first components. */
export type ShownRow = Readonly<Record<string, string>>;

export interface Inspection extends SourceInfo {
  readonly firstRows: readonly ShownRow[];
}

const HEADER_BYTES = 64;
const SHOWN_ROWS = 3;
const SHOWN_COMPONENTS = 6;

async function readHeader(path: string): Promise<Uint8Array> {
  let isFile: boolean;
  try {
    isFile = (await stat(path)).isFile();
  } catch (cause) {
    throw fail('SRC_NOT_FOUND', `${path} does not exist or cannot be reached`, { cause });
  }
  if (!isFile) throw fail('SRC_UNREADABLE', `${path} is not a file`);
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw fail('SRC_UNREADABLE', `${path} cannot be opened: ${(cause as Error).message}`, { cause });
  });
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function shownVector(bytes: Uint8Array, floats: Float32Array | undefined): string {
  if (floats) {
    const head = [...floats.subarray(0, SHOWN_COMPONENTS)].map((x) => Number(x.toPrecision(6)));
    return `[${head.join(', ')}${floats.length > SHOWN_COMPONENTS ? ', ...' : ''}]`;
  }
  const hex = Buffer.from(bytes.subarray(0, SHOWN_COMPONENTS * 2)).toString('hex');
  return `0x${hex}${bytes.length > SHOWN_COMPONENTS * 2 ? '...' : ''}`;
}

/** A scalar or an array of them; text as it reads. */
function shownScalar(value: Value): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return Array.isArray(value) ? `[${value.map(shownScalar).join(', ')}]` : String(value);
}

function showValue(column: RawColumn, row: number): string {
  const { values, width, field } = column;
  if (isText(values)) return Buffer.from(rowBytes(column, row)).toString();
  if (!isVector(fromArrowField(field).type)) return shownScalar(valueAt(column, row, false));
  const part = flat(values).subarray(row * width, (row + 1) * width);
  const bytes = part instanceof Uint8Array ? part : new Uint8Array(0);
  return shownVector(bytes, part instanceof Float32Array ? part : undefined);
}

/** The first rows of a batch. */
export function showRows(batch: RecordBatch): ShownRow[] {
  const columns = rawColumns(batch);
  return Array.from({ length: Math.min(SHOWN_ROWS, batch.numRows) }, (_, row) =>
    Object.fromEntries(columns.map((column) => [column.field.name, showValue(column, row)])),
  );
}

function sourceFor(format: string, path: string): FileSource {
  // Approximations are shown, too: `details` says what they are.
  if (format !== 'hdf5') return { adapter: 'faiss', files: [{ path }], allowLossy: true };
  return {
    adapter: 'hdf5',
    files: [{ path }],
    dataset: 'embeddings',
    idsDataset: 'ids',
    idsOptional: true,
    columns: {},
  };
}

/** The first rows, or none where the file can be described but not read as a source as it stands. */
async function firstRows(info: SourceInfo, path: string): Promise<ShownRow[]> {
  try {
    await using reader = await openReader(sourceFor(info.format, path), { idField: 'id', vectorField: 'embedding' });
    const [split] = await reader.splits();
    if (!split) return [];
    for await (const { batch } of reader.read(split, { maxBytes: 64 * 1024 })) return showRows(batch);
    return [];
  } catch (thrown) {
    if (thrown instanceof MilvusdmError && thrown.code !== 'INTERNAL') return [];
    throw thrown;
  }
}

function unknownFile(path: string, header: Uint8Array): MilvusdmError {
  const names = FORMATS.map((f) => f.name).join(' or ');
  const start = Buffer.from(header.subarray(0, 8)).toString('hex');
  return fail('SRC_UNSUPPORTED', `${path} is no ${names} file (it starts with 0x${start})`, {
    hint: 'milvusdm reads Faiss indexes (faiss.write_index) and HDF5 files.',
  });
}

/** Whether a path is a folder, which only a backup or a snapshot can be. Throws SRC_NOT_FOUND. */
export async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((cause: unknown) => {
    throw fail('SRC_NOT_FOUND', `${path} does not exist or cannot be reached`, { cause });
  });
  return found.isDirectory();
}

/** A file as a source, by its content; HDF5 files by the names that H2M takes where none are given. Throws what {@link inspectFile} throws. */
export async function fileSource(file: string): Promise<FileSource> {
  const path = resolve(file);
  const header = await readHeader(path);
  for (const format of FORMATS) {
    if (await format.matches(path, header)) return sourceFor(format.name === 'HDF5' ? 'hdf5' : 'faiss', path);
  }
  throw unknownFile(path, header);
}

/**
 * Says what a file is, by its content: format, rows, dimension, metric, ids, first rows.
 * Throws SRC_NOT_FOUND, SRC_UNREADABLE, SRC_TRUNCATED, SRC_CORRUPT or SRC_UNSUPPORTED.
 */
export async function inspectFile(file: string): Promise<Inspection> {
  const path = resolve(file);
  const header = await readHeader(path);
  for (const format of FORMATS) {
    if (!(await format.matches(path, header))) continue;
    const info = await format.inspect(path);
    return { ...info, firstRows: await firstRows(info, path) };
  }
  throw unknownFile(path, header);
}
