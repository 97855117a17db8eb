import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CollectionSettings, Reader } from '../adapters/types.js';
import type { BackupSource, JobConfig, SnapshotSource } from '../config/types.js';
import { openCatalog } from '../registry.js';
import { metadataFolderPlace, metadataPlace } from '../snapshot/layout.js';
import { fail } from '../util/errors.js';
import { type Inspection, inspectFile, isFolder, type ShownRow, showRows } from './inspect.js';
import { sourceText } from './places.js';

/** A collection of a backup or a snapshot, as `inspect` shows it. */
export interface InspectedCollection extends Inspection {
  readonly collection: string;
  readonly settings: CollectionSettings;
}

/** What is in a backup or a snapshot. */
export interface CatalogInspection {
  readonly path: string;
  readonly format: 'backup' | 'snapshot';
  readonly collections: readonly InspectedCollection[];
  readonly warnings: readonly string[];
}

type Source = BackupSource | SnapshotSource;

async function firstRowsOf(reader: Reader): Promise<readonly ShownRow[]> {
  const split = (await reader.splits()).find(({ rows }) => rows > 0);
  if (!split) return [];
  for await (const { batch } of reader.read(split, { maxBytes: 64 * 1024 })) return showRows(batch);
  return [];
}

async function inspectSource(source: Source, path: string): Promise<CatalogInspection> {
  const names = { idField: 'id', vectorField: 'embedding' };
  await using catalog = await openCatalog(source, names, { retryForMs: 0, log: () => {} });
  const collections: InspectedCollection[] = [];
  for (const { name, settings, open } of catalog.collections) {
    await using reader = await open();
    const [info] = reader.info;
    collections.push({ ...info!, collection: name, settings, firstRows: await firstRowsOf(reader) });
  }
  return { path, format: source.adapter, collections, warnings: catalog.warnings };
}

/** Whether a file is a snapshot's metadata, or a folder one of snapshots. */
function isSnapshot(path: string): boolean {
  const whole = resolve(path);
  return (
    metadataPlace(whole) !== undefined ||
    existsSync(join(whole, 'snapshots')) ||
    metadataFolderPlace(whole) !== undefined
  );
}

/** Says what a snapshot holds: its metadata file, or a folder. Throws SRC_*, STORE_*, and CFG_CONFLICT where there are several. */
async function inspectSnapshot(path: string): Promise<CatalogInspection> {
  const whole = resolve(path);
  const storage = { type: 'local', path: whole } as const;
  return await inspectSource({ adapter: 'snapshot', storage, path: '', select: { '*': null } }, whole);
}

/** Says what a backup in a folder holds. Throws SRC_* and STORE_*. */
async function inspectBackup(folder: string): Promise<CatalogInspection> {
  const path = resolve(folder);
  const storage = { type: 'local', path } as const;
  return await inspectSource({ adapter: 'backup', storage, name: '', db: '*', select: { '*': null } }, path);
}

/** Says what the backup or snapshot holds that a task reads, wherever it is. Throws USAGE for other tasks, SRC_*, STORE_*. */
export async function inspectTask(config: JobConfig): Promise<CatalogInspection> {
  const source = 'source' in config ? config.source : undefined;
  if (source?.adapter !== 'backup' && source?.adapter !== 'snapshot') {
    throw fail('USAGE', `the source of this ${config.task} is no backup and no snapshot`, {
      hint: 'Of files, give the path of the file; `milvusdm plan FILE` shows what any task would read.',
    });
  }
  return await inspectSource(source, sourceText(source));
}

/** What is at a path: a snapshot, a backup, or else a file with vectors. Throws SRC_* errors. */
export async function inspectPath(path: string): Promise<CatalogInspection | Inspection> {
  const folder = await isFolder(path);
  if (isSnapshot(path)) return await inspectSnapshot(path);
  return folder ? await inspectBackup(path) : await inspectFile(path);
}
