import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openLegacy } from '../../../../src/adapters/legacy/index.js';
import type { Catalog, Reader, ReadOptions, Split } from '../../../../src/adapters/types.js';
import { rawColumns } from '../../../../src/batch/columns.js';
import type { LegacySource } from '../../../../src/config/types.js';
import { asBytes } from '../../../../src/util/bytes.js';
import { MilvusdmError } from '../../../../src/util/errors.js';

export const FIXTURES: string = join(import.meta.dirname, '../../../../fixtures/legacy');
export const NAMES = { idField: 'id', vectorField: 'embedding' };
export const DEFAULT_BYTES: number = 8 * 1024 * 1024;

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed when the tests of the file are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-legacy-'));
  folders.push(folder);
  return folder;
}

/** A copy of a fixture that a test may change. */
export function copyOf(name: string): string {
  const folder = join(temporaryFolder(), name);
  cpSync(join(FIXTURES, name), folder, { recursive: true });
  return folder;
}

/** Opens a folder: a fixture by its name, or an absolute path. Everything is selected unless `more` says otherwise. */
export function open(path: string, more: Partial<LegacySource> = {}): Promise<Catalog> {
  return openLegacy(
    {
      adapter: 'legacy',
      path: path.startsWith('/') ? path : join(FIXTURES, path),
      extraPaths: [],
      select: { '*': null },
      onMissingSegment: 'error',
      unflushed: 'warn',
      ...more,
    },
    NAMES,
  );
}

/** Opens the only collection of a folder, or the one named. */
export async function openOne(path: string, name?: string, more: Partial<LegacySource> = {}): Promise<Reader> {
  await using catalog = await open(path, { ...(name === undefined ? {} : { select: { [name]: null } }), ...more });
  if (catalog.collections.length !== 1) throw new Error(`${catalog.collections.length} collections`);
  return catalog.collections[0]!.open();
}

/** Rows copied out of batches. */
export interface Rows {
  readonly ids: bigint[];
  readonly vectors: Uint8Array[];
  readonly cursors: string[];
  readonly firstRows: number[];
  readonly sizes: number[];
}

export async function readSplit(reader: Reader, split: Split, options: Partial<ReadOptions> = {}): Promise<Rows> {
  const out: Rows = { ids: [], vectors: [], cursors: [], firstRows: [], sizes: [] };
  for await (const { batch, cursor, firstRow } of reader.read(split, { maxBytes: DEFAULT_BYTES, ...options })) {
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

/** All rows of a reader by partition, in the order of its splits. */
export async function readAll(reader: Reader, options: Partial<ReadOptions> = {}): Promise<Map<string, Rows>> {
  const parts = new Map<string, Rows>();
  for (const split of await reader.splits()) {
    const rows = await readSplit(reader, split, options);
    const known = parts.get(split.partition!);
    if (!known) parts.set(split.partition!, rows);
    else for (const key of Object.keys(rows) as (keyof Rows)[]) (known[key] as unknown[]).push(...rows[key]);
  }
  return parts;
}

/** The ids of all rows, in the order in which they come. */
export async function allIds(reader: Reader): Promise<bigint[]> {
  return [...(await readAll(reader)).values()].flatMap(({ ids }) => ids);
}

/** What expected.json says of a partition. */
export interface ExpectedPart {
  readonly rows: number;
  readonly unique: number;
  readonly idsum: string;
  readonly sha256: string;
}

export type ExpectedCollections = Readonly<
  Record<
    string,
    { readonly dim: number; readonly metric: number; readonly partitions: Readonly<Record<string, ExpectedPart>> }
  >
>;

export function expectedOf(name: string): { collections: ExpectedCollections; with_log?: ExpectedCollections } {
  return JSON.parse(readFileSync(join(FIXTURES, name, 'expected.json'), 'utf8')) as ReturnType<typeof expectedOf>;
}

/** The same figures of rows that were read. */
export function figuresOf(rows: Rows | undefined): ExpectedPart {
  const { ids, vectors } = rows ?? { ids: [], vectors: [] };
  const order = ids.map((_, row) => row);
  order.sort((a, b) => (ids[a]! < ids[b]! ? -1 : ids[a]! > ids[b]! ? 1 : a - b));
  const hash = createHash('sha256').update(asBytes(BigInt64Array.from(order, (row) => ids[row]!)));
  for (const row of order) hash.update(vectors[row]!);
  return {
    rows: ids.length,
    unique: new Set(ids).size,
    idsum: String(ids.reduce((sum, id) => sum + id, 0n)),
    sha256: hash.digest('hex'),
  };
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

/** Runs statements on a new SQLite file, written in place. */
export function writeSqlite(path: string, statements: string): void {
  const { Database } = createRequire(import.meta.url)('node-sqlite3-wasm') as typeof import('node-sqlite3-wasm');
  const database = new Database(path);
  database.exec(statements);
  database.close();
}

export const TABLES =
  'CREATE TABLE Tables(id INTEGER PRIMARY KEY, table_id TEXT, state INTEGER, dimension INTEGER, flag INTEGER, engine_type INTEGER, ' +
  'index_params TEXT, metric_type INTEGER, owner_table TEXT, partition_tag TEXT, flush_lsn INTEGER);';
export const FILES =
  'CREATE TABLE TableFiles(id INTEGER PRIMARY KEY, table_id TEXT, segment_id TEXT, file_id TEXT, file_type INTEGER, row_count INTEGER);';

export interface TestTable {
  readonly name: string;
  readonly state?: number;
  readonly dim?: number;
  readonly flag?: number;
  readonly engine?: number;
  readonly params?: string;
  readonly metric?: number;
  readonly owner?: string;
  readonly tag?: string;
  readonly flushLsn?: bigint;
}

export interface TestFile {
  readonly table: string;
  readonly segment: string;
  readonly file?: string;
  readonly type?: number;
  readonly rows?: number;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** The metadata of a folder as statements. Defaults: live, 2 dimensions, L2, no index, ids by the user. */
export function metadataOf(tables: readonly TestTable[], files: readonly TestFile[] = []): string {
  const tableRows = tables.map((t, i) => {
    const numbers = [t.state ?? 0, t.dim ?? 2, t.flag ?? 2, t.engine ?? 1].join(',');
    const texts = [t.owner ?? '', t.tag ?? ''].map(quote).join(',');
    return `INSERT INTO Tables VALUES(${i + 1},${quote(t.name)},${numbers},${quote(t.params ?? '{}')},${t.metric ?? 1},${texts},${t.flushLsn ?? 0n});`;
  });
  const fileRows = files.map((f, i) => {
    const texts = [f.table, f.segment, f.file ?? f.segment].map(quote).join(',');
    return `INSERT INTO TableFiles VALUES(${i + 1},${texts},${f.type ?? 1},${f.rows ?? 0});`;
  });
  return [TABLES, FILES, ...tableRows, ...fileRows].join('\n');
}

/** Writes a work path with this metadata into a temporary folder. */
export function buildFolder(tables: readonly TestTable[], files: readonly TestFile[] = []): string {
  const path = temporaryFolder();
  mkdirSync(join(path, 'db', 'tables'), { recursive: true });
  writeSqlite(join(path, 'db', 'meta.sqlite'), metadataOf(tables, files));
  return path;
}

/** Bytes with their number before them, as in every file of a segment. */
export function withLength(payload: Uint8Array): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(payload.length));
  return Buffer.concat([length, payload]);
}

/** Writes the files of a segment; row i has the vector (i, id) unless its bytes are given. */
export function writeSegment(
  path: string,
  table: string,
  segment: string,
  ids: readonly (number | bigint)[],
  o: { deleted?: readonly number[] | null; vectors?: Uint8Array; tables?: string } = {},
): string {
  const folder = join(path, o.tables ?? 'db/tables', table, segment);
  mkdirSync(folder, { recursive: true });
  const vectors = o.vectors ?? asBytes(Float32Array.from(ids.flatMap((id, i) => [i, Number(id)])));
  writeFileSync(join(folder, `${segment}.rv`), withLength(vectors));
  writeFileSync(join(folder, `${segment}.uid`), withLength(asBytes(BigInt64Array.from(ids, BigInt))));
  if (o.deleted !== null) {
    writeFileSync(join(folder, 'deleted_docs'), withLength(asBytes(Int32Array.from(o.deleted ?? []))));
  }
  return folder;
}

/** `length` numbers from `start` on. */
export function range(length: number, start = 0): number[] {
  return Array.from({ length }, (_, i) => start + i);
}
