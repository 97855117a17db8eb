import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { choose } from '../../config/selection.js';
import type { SnapshotSource, StorageConfig } from '../../config/types.js';
import { commitTimes, snapshotCollection } from '../../snapshot/collection.js';
import { metadataFolderPlace, metadataPlace } from '../../snapshot/layout.js';
import {
  findSnapshots,
  type OpenSnapshot,
  openSnapshot,
  readSnapshotFile,
  type SnapshotFile,
} from '../../snapshot/open.js';
import { LAYOUT } from '../../snapshot/types.js';
import { openStore } from '../../store/index.js';
import { viewOf } from '../../store/server-view.js';
import type { ObjectStore, StoreOptions } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { Catalog, SourceCollection } from '../types.js';
import { fieldsOf, readFields } from './fields.js';
import type { BackupOptions } from './index.js';
import { openBackupReader } from './reader.js';
import { type BackupPlace, segmentsOf } from './segments.js';
import { settingsOf } from './settings.js';

const SHOWN = 5;

/** A local path may be that of the metadata file: the store begins where `snapshots` does. */
function placeOf({ storage, path }: SnapshotSource): { readonly storage: StorageConfig; readonly path: string } {
  const key = path.replace(/^\/+|\/+$/g, '');
  if (storage.type === 's3') {
    // As `snapshot list` shows it: with what the server itself puts before its keys.
    const own = storage.root === '' ? '' : `${storage.root}/`;
    return { storage, path: key.startsWith(own) ? key.slice(own.length) : key };
  }
  const whole = key === '' ? storage.path : posix.join(storage.path, key);
  // A root may be called `snapshots` itself.
  const isRoot = existsSync(posix.join(whole, 'snapshots'));
  const found = metadataPlace(whole) ?? (isRoot ? undefined : metadataFolderPlace(whole));
  if (!found) return { storage: { ...storage, path: whole }, path: '' };
  const root = found.root === '' ? '.' : found.root.slice(0, -1) || '/';
  return { storage: { ...storage, path: root }, path: whole.slice(found.root.length) };
}

function shown({ metadata: { snapshot_info: head, collection }, key }: SnapshotFile): string {
  return `"${head.name}" of ${collection.schema?.name ?? 'a collection'} (${key})`;
}

/** The one that is meant. Throws SRC_NOT_FOUND, NOTHING_MATCHED, and CFG_CONFLICT where there are several. */
async function theFile(
  store: ObjectStore,
  path: string,
  name: string | undefined,
  o: StoreOptions,
): Promise<SnapshotFile> {
  const found: SnapshotFile[] = [];
  for await (const key of findSnapshots(store, path, o)) found.push(await readSnapshotFile(store, key, o));
  const where = path === '' ? store.name : `${path} in ${store.name}`;
  if (found.length === 0) {
    throw fail('SRC_NOT_FOUND', `there is no snapshot in ${where}`, {
      hint: 'Name the metadata file (snapshots/COLLECTION/metadata/ID.json), or the folder that `snapshots` is in.',
    });
  }
  const meant = found.filter(({ metadata }) => name === undefined || metadata.snapshot_info.name === name);
  const [only, second] = meant;
  const list = (files: readonly SnapshotFile[]): string => {
    const more = files.length - SHOWN;
    return files.slice(0, SHOWN).map(shown).join(', ') + (more > 0 ? ` and ${formatCount(more)} more` : '');
  };
  if (only === undefined) {
    throw fail('NOTHING_MATCHED', `${where} has no snapshot "${name}"`, { hint: `It has ${list(found)}.` });
  }
  if (second === undefined) return only;
  throw fail('CFG_CONFLICT', `${where} has ${formatCount(meant.length)} snapshots: ${list(meant)}`, {
    hint: 'Name one: its metadata file, or source_snapshot: {store, path, name}.',
  });
}

/** What all of these keys begin with, up to a "/". */
function commonFolder(keys: readonly string[]): string {
  let common = keys[0] ?? '';
  for (const key of keys) {
    let end = 0;
    while (end < common.length && common[end] === key[end]) end++;
    common = common.slice(0, end);
  }
  return common.slice(0, common.lastIndexOf('/') + 1);
}

/**
 * The sizes of a snapshot's files, by listing what they have in common: manifests may tell what the files take in memory.
 * Throws SRC_NOT_FOUND for those that are missing.
 */
async function fileSizes(
  store: ObjectStore,
  { segments, where }: OpenSnapshot,
  o: StoreOptions,
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  const missing: string[] = [];
  for (const kind of ['binlog_files', 'deltalog_files'] as const) {
    const keys = segments.flatMap((one) => one[kind].flatMap(({ binlogs }) => binlogs.map(({ log_path }) => log_path)));
    if (keys.length === 0) continue;
    const wanted = new Set(keys);
    for await (const { key, size } of store.list(commonFolder(keys), o)) if (wanted.has(key)) sizes.set(key, size);
    missing.push(...[...wanted].filter((key) => !sizes.has(key)));
  }
  const [first] = missing;
  if (first === undefined) return sizes;
  throw fail('SRC_NOT_FOUND', `${formatCount(missing.length)} files of ${where} are missing, the first is ${first}`, {
    hint: 'A snapshot that refers to its server’s files can be read while the server keeps it; a bundle needs all below `files`.',
  });
}

function kindOf({ metadata }: OpenSnapshot): BackupPlace['kind'] {
  const own = metadata.layout === LAYOUT.selfContained;
  return { format: 'snapshot', text: `collection in a ${own ? 'self-contained ' : ''}snapshot of Milvus` };
}

async function sourceCollection(
  store: ObjectStore,
  opened: OpenSnapshot,
  source: SnapshotSource,
  o: BackupOptions,
): Promise<{ readonly collection: SourceCollection; readonly warnings: readonly string[] }> {
  const signal = o.signal ? { signal: o.signal } : {};
  const info = snapshotCollection(opened, await fileSizes(store, opened, signal));
  const { collection_name: name, schema } = info;
  const names = info.partition_backups.map(({ partition_name }) => partition_name);
  const { chosen, warnings } = choose([{ name, partitions: names }], source.select, source.exclude);
  const partitions = chosen[0]?.partitions ?? [];
  const every = info.partition_backups.flatMap(({ segment_backups }) => segment_backups);
  const fields = readFields(name, fieldsOf(name, schema!, every), source.outputFields);
  const settings = settingsOf(info, new Set(fields.map(({ spec }) => spec.name)), partitions);
  const place: BackupPlace = {
    store,
    name: opened.key,
    listed: true,
    times: commitTimes(opened),
    kind: kindOf(opened)!,
  };
  const segments = segmentsOf(place, info, new Set(partitions));
  const named = settings.partitionCount === undefined;
  return {
    collection: { name, settings, open: () => openBackupReader({ place, info, fields, segments, named }, o.signal) },
    warnings,
  };
}

/**
 * Opens the files of a snapshot, narrowed to the selection; no Milvus is needed. Metadata and manifests are read, and the
 * files of segments looked up. Throws SRC_*, NOTHING_MATCHED, CFG_CONFLICT where there are several snapshots, and STORE_*.
 */
export async function openSnapshotCatalog(source: SnapshotSource, o: BackupOptions): Promise<Catalog> {
  const { storage, path } = placeOf(source);
  const store = await openStore(storage, { retryFor: o.retryForMs / 1000, log: o.log });
  try {
    const signal = o.signal ? { signal: o.signal } : {};
    const file = await theFile(store, path, source.name, signal);
    const { root } = file.place;
    const now = root === '' ? `${viewOf(storage)('').replace(/\/$/, '')}/` : `${viewOf(storage)(root.slice(0, -1))}/`;
    const opened = await openSnapshot(store, file, { ...signal, now });
    const { collection, warnings } = await sourceCollection(store, opened, source, o);
    return { collections: [collection], warnings, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  } catch (thrown) {
    await store[Symbol.asyncDispose]();
    throw thrown;
  }
}
