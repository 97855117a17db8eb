import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Schema } from 'apache-arrow';
import { afterAll, expect, test } from 'vitest';
import type { Reader } from '../../src/adapters/types.js';
import { makeBatch, type RawValues, rawColumns } from '../../src/batch/columns.js';
import { toArrowField } from '../../src/batch/fields.js';
import type { FileSource, Hdf5Source } from '../../src/config/types.js';
import { openCatalog, openReader } from '../../src/registry.js';
import { PROJECT } from '../support/environments.js';
import { memoryReader } from '../support/memory-reader.js';
import { snapshotOfSample } from '../support/snapshot-files.js';
import { readerSuite } from './reader-suite.js';

const NAMES = { idField: 'id', vectorField: 'embedding' };

interface Entry {
  readonly outcome: string;
  readonly rows: number;
  readonly options?: Partial<Hdf5Source>;
}

function entries(folder: FileSource['adapter']): [string, Entry][] {
  const file = join(PROJECT, 'fixtures', folder, 'expected.json');
  const { files } = JSON.parse(readFileSync(file, 'utf8')) as { files: Record<string, Entry> };
  return Object.entries(files).filter(([, entry]) => entry.outcome === 'ok');
}

function sourceOf(adapter: FileSource['adapter'], names: readonly string[], options: Partial<Hdf5Source>): FileSource {
  const files = names.map((name) => ({ path: join(PROJECT, 'fixtures', adapter, name) }));
  if (adapter === 'faiss') return { adapter, files };
  return { adapter, files, dataset: 'embeddings', idsDataset: 'ids', idsOptional: true, columns: {}, ...options };
}

for (const adapter of ['faiss', 'hdf5'] as const) {
  for (const [name, { rows, options }] of entries(adapter)) {
    readerSuite(`${adapter}: ${name}`, rows, () => openReader(sourceOf(adapter, [name], options ?? {}), NAMES));
  }
}
const TWO = ['idmap2_flat.index', 'ivfflat_ids_hash.index'];
readerSuite('faiss: two files', 600, () => openReader(sourceOf('faiss', TWO, {}), NAMES));
readerSuite('hdf5: two files', 420, () => openReader(sourceOf('hdf5', ['float32.h5', 'v108.h5'], {}), NAMES));

/** A collection of the sample backup, without its arrays, which the suite does not compare. */
async function backupReader(collection: string, outputFields?: readonly string[]): Promise<Reader> {
  const source = {
    adapter: 'backup',
    storage: { type: 'local', path: join(PROJECT, 'fixtures', 'milvus-backup', 'sample') },
    name: '',
    select: { [collection]: null },
    ...(outputFields ? { outputFields } : {}),
  } as const;
  const catalog = await openCatalog(source, NAMES, { retryForMs: 0, log: () => {} });
  return await catalog.collections[0]!.open();
}
readerSuite('backup: fingerprints', 500, () => backupReader('fingerprints'));
const SCALARS = ['embedding', 'title', 'score', 'ok', 'small', 'info', '$meta'];
readerSuite('backup: articles, with deleted rows', 1875, () => backupReader('articles', SCALARS));

/** The same collection as the files of a snapshot. */
async function snapshotReader(collection: string, outputFields?: readonly string[]): Promise<Reader> {
  const source = {
    adapter: 'snapshot',
    storage: { type: 'local', path: snapshotFolder(collection) },
    path: '',
    select: { [collection]: null },
    ...(outputFields ? { outputFields } : {}),
  } as const;
  const catalog = await openCatalog(source, NAMES, { retryForMs: 0, log: () => {} });
  return await catalog.collections[0]!.open();
}

const folders = new Map<string, string>();

function snapshotFolder(collection: string): string {
  const folder = folders.get(collection) ?? mkdtempSync(join(tmpdir(), 'milvusdm-snapshot-'));
  if (!folders.has(collection)) snapshotOfSample(folder, collection);
  folders.set(collection, folder);
  return folder;
}
afterAll(() => {
  for (const folder of folders.values()) rmSync(folder, { recursive: true, force: true });
});
readerSuite('snapshot: fingerprints', 500, () => snapshotReader('fingerprints'));
readerSuite('snapshot: articles, with deleted rows', 1875, () => snapshotReader('articles', SCALARS));

const schema = new Schema(
  [
    { name: 'id', type: 'INT64', primaryKey: true } as const,
    { name: 'embedding', type: 'FLOAT_VECTOR', dim: 4 } as const,
    { name: 'title', type: 'VARCHAR', maxLength: 20 } as const,
    { name: 'small', type: 'INT8' } as const,
  ].map(toArrowField),
);

function columns(rows: number): RawValues[] {
  const texts = Array.from({ length: rows }, (_, row) => Buffer.from('é'.repeat(row % 5)));
  const offsets = new Int32Array(rows + 1);
  for (const [i, text] of texts.entries()) offsets[i + 1] = offsets[i]! + text.length;
  return [
    BigInt64Array.from({ length: rows }, (_, row) => BigInt(row) * 3n - 7n),
    Float32Array.from({ length: rows * 4 }, (_, i) => i / 8),
    { bytes: new Uint8Array(Buffer.concat(texts)), offsets },
    Int8Array.from({ length: rows }, (_, row) => row % 100),
  ];
}

readerSuite('memory', 70, async () =>
  memoryReader(schema, [
    { name: 'a', rows: 50, columns: columns(50) },
    { name: 'none', rows: 0, columns: columns(0) },
    { name: 'b', rows: 20, columns: columns(20), partition: 'p' },
  ]),
);

test('the columns of the memory reader are what they seem', () => {
  const batch = makeBatch(schema, 50, columns(50));
  expect(rawColumns(batch).map((column) => column.rows)).toEqual([50, 50, 50, 50]);
});

test('every reader of files in the registry is tried here', () => {
  const text = readFileSync(join(PROJECT, 'src', 'registry.ts'), 'utf8');
  const body = /function openReader\([\s\S]*?\n}/.exec(text)![0];
  expect([...body.matchAll(/case '(\w+)'/g)].map((match) => match[1])).toEqual(['faiss', 'hdf5']);
});
