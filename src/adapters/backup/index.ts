import { type CollectionNames, calledOf, DEFAULT_DB, ofDatabase } from '../../backup/databases.js';
import { openBackup, probeBackup } from '../../backup/open.js';
import type { CollectionBackupInfo } from '../../backup/types.js';
import { choose } from '../../config/selection.js';
import type { BackupSource } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { fail } from '../../util/errors.js';
import type { Catalog, SourceCollection } from '../types.js';
import { fieldsOf, readFields } from './fields.js';
import { openBackupReader } from './reader.js';
import { type BackupPlace, checkFiles, segmentsOf } from './segments.js';
import { settingsOf } from './settings.js';

export interface BackupOptions {
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
}

const namesOf = ({ db_name, collection_name }: CollectionBackupInfo): CollectionNames => ({
  db: db_name === '' ? DEFAULT_DB : db_name,
  name: collection_name,
});

function sourceCollection(
  place: BackupPlace,
  info: CollectionBackupInfo,
  partitions: readonly string[],
  source: BackupSource,
  signal: AbortSignal | undefined,
): SourceCollection {
  const { collection_name: name, schema } = info;
  if (!schema) throw fail('SRC_CORRUPT', `collection "${name}" has no schema in its backup`);
  const every = info.partition_backups.flatMap(({ segment_backups }) => segment_backups);
  const fields = readFields(name, fieldsOf(name, schema, every), source.outputFields);
  const settings = settingsOf(info, new Set(fields.map(({ spec }) => spec.name)), partitions);
  const segments = segmentsOf(place, info, new Set(partitions));
  return {
    name,
    settings,
    check: () => checkFiles(place, info, segments),
    open: () =>
      openBackupReader({ place, info, fields, segments, named: settings.partitionCount === undefined }, signal),
  };
}

async function catalogOf(store: ObjectStore, source: BackupSource, o: BackupOptions): Promise<Catalog> {
  const signal = o.signal ? { signal: o.signal } : {};
  const { info } = await openBackup(store, source.name, signal);
  const found = ofDatabase(
    info.collection_backups,
    namesOf,
    source.db,
    source.name === '' ? store.name : `backup "${source.name}" in ${store.name}`,
  );
  const offers = found.map((c) => ({
    name: calledOf(namesOf(c), source.db),
    partitions: c.partition_backups.map(({ partition_name }) => partition_name),
  }));
  const { chosen, warnings } = choose(offers, source.select, source.exclude);
  const place = { store, name: source.name };
  const collections = chosen.map(({ name, partitions }) => {
    const of = found.find((c) => calledOf(namesOf(c), source.db) === name)!;
    return sourceCollection(place, of, partitions, source, o.signal);
  });
  return { collections, warnings, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/** Which of the two layouts a backup has; `storage` for what is none. Throws STORE_* and SRC_*. */
export async function strategyOf(source: BackupSource, o: BackupOptions): Promise<'storage' | 'logical'> {
  await using store = await openStore(source.storage, { retryFor: o.retryForMs / 1000, log: o.log });
  return (await probeBackup(store, source.name, o.signal ? { signal: o.signal } : {})).strategy;
}

/**
 * Opens a backup, narrowed to the selection; no Milvus is needed. Only meta files are read, and files are listed by `check`.
 * Throws NOTHING_MATCHED, CFG_CONFLICT where it holds several databases and none is named, SRC_* for what is no complete
 * backup of binlogs (a snapshot bundle of Milvus 3.0 is refused by name), and STORE_*.
 */
export async function openBackupCatalog(source: BackupSource, o: BackupOptions): Promise<Catalog> {
  const store = await openStore(source.storage, { retryFor: o.retryForMs / 1000, log: o.log });
  try {
    return await catalogOf(store, source, o);
  } catch (thrown) {
    await store[Symbol.asyncDispose]();
    throw thrown;
  }
}
