import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openFaiss } from '../../../../src/adapters/faiss/index.js';
import type { Reader, ReadOptions } from '../../../../src/adapters/types.js';
import { rawColumns } from '../../../../src/batch/columns.js';
import { asBytes } from '../../../../src/util/bytes.js';
import { MilvusdmError } from '../../../../src/util/errors.js';

export const FIXTURES: string = join(import.meta.dirname, '../../../../fixtures/faiss');

export interface Expected {
  readonly outcome: 'ok' | 'unsupported' | 'refuse';
  readonly kind: string;
  readonly code?: string;
  readonly reason?: string;
  readonly rows: number;
  readonly dim: number;
  readonly vector: 'float32' | 'binary';
  readonly ids: 'stored' | 'none';
  readonly sha256: string;
  readonly sha256_ids: string;
  readonly needs?: readonly string[];
  readonly verdict?: 'narrow';
}

const parsed = JSON.parse(readFileSync(join(FIXTURES, 'expected.json'), 'utf8')) as { files: Record<string, Expected> };

/** All fixtures, or those of one outcome: name and what is expected of it. */
export function fixtures(outcome?: Expected['outcome']): [string, Expected][] {
  return Object.entries(parsed.files).filter(([, entry]) => !outcome || entry.outcome === outcome);
}

export const NAMES = { idField: 'id', vectorField: 'embedding' };
export const DEFAULT_BYTES: number = 8 * 1024 * 1024;

/** A reader over files of the fixtures folder, or over absolute paths. */
export function openFiles(...paths: string[]): Promise<Reader> {
  const files = paths.map((path) => ({ path: path.startsWith('/') ? path : join(FIXTURES, path) }));
  return openFaiss({ adapter: 'faiss', files }, NAMES);
}

/** Rows copied out of batches, in the order of the file. */
export interface Rows {
  readonly ids: bigint[];
  readonly vectors: Uint8Array[];
  readonly cursors: string[];
  readonly firstRows: number[];
  readonly sizes: number[];
}

/** Reads the first split of a reader and copies its rows. */
export async function readRows(reader: Reader, options: Partial<ReadOptions> = {}): Promise<Rows> {
  const out: Rows = { ids: [], vectors: [], cursors: [], firstRows: [], sizes: [] };
  const [split] = await reader.splits();
  for await (const { batch, cursor, firstRow } of reader.read(split!, { maxBytes: DEFAULT_BYTES, ...options })) {
    for (const column of rawColumns(batch)) {
      if (column.field.name === NAMES.idField) {
        out.ids.push(...(column.values as BigInt64Array));
        continue;
      }
      const bytes = asBytes(column.values as Uint8Array);
      const width = bytes.length / column.rows;
      for (let row = 0; row < column.rows; row++) out.vectors.push(bytes.slice(row * width, (row + 1) * width));
    }
    out.cursors.push(cursor);
    out.firstRows.push(firstRow);
    out.sizes.push(batch.numRows);
  }
  return out;
}

function sha256(parts: readonly Uint8Array[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** The two digests of expected.json: vectors and ids in ascending id order, row numbers where there are no ids. */
export function digestsOf(rows: Rows): { sha256: string; sha256_ids: string } {
  const ids = rows.ids.length > 0 ? rows.ids : rows.vectors.map((_, row) => BigInt(row));
  const order = ids.map((_, row) => row);
  order.sort((a, b) => (ids[a]! < ids[b]! ? -1 : ids[a]! > ids[b]! ? 1 : a - b));
  return {
    sha256: sha256(order.map((row) => rows.vectors[row]!)),
    sha256_ids: sha256([asBytes(BigInt64Array.from(order, (row) => ids[row]!))]),
  };
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed when the tests of the file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-faiss-'));
  folders.push(folder);
  return folder;
}

/** A copy of a fixture in a folder of its own, with its further files and its bytes changed by `change`. */
export function copyOf(name: string, change: (bytes: Buffer) => Buffer = (bytes) => bytes): string {
  const folder = temporaryFolder();
  for (const file of readdirSync(FIXTURES)) {
    if (file.endsWith('.ivfdata')) copyFileSync(join(FIXTURES, file), join(folder, file));
  }
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync(join(FIXTURES, name))));
  return path;
}

/** The error that an action throws; fails the test when it throws none or another kind. */
export async function errorOf(action: () => Promise<unknown>): Promise<MilvusdmError> {
  try {
    await action();
  } catch (thrown) {
    if (thrown instanceof MilvusdmError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

/** Opens and reads a file to its end. */
export async function readAll(path: string, options: Partial<ReadOptions> = {}): Promise<Rows> {
  await using reader = await openFiles(path);
  return await readRows(reader, options);
}
