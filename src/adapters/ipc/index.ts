import { calledOf, ofDatabase } from '../../backup/databases.js';
import { backupPrefix, metaKey } from '../../backup/layout.js';
import { decodeManifest, type LogicalCollection } from '../../backup/logical.js';
import { probeBackup, requireComplete } from '../../backup/open.js';
import { choose } from '../../config/selection.js';
import type { BackupSource } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { Catalog, SourceCollection } from '../types.js';
import { openLogicalReader } from './reader.js';

export interface LogicalOptions {
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
}

async function checkParts(store: ObjectStore, backup: string, collection: LogicalCollection): Promise<void> {
  const prefix = backupPrefix(backup);
  const sizes = new Map<string, number>();
  for await (const { key, size } of store.list(`${prefix}data/`)) sizes.set(key, size);
  for (const { key, size } of collection.partitions.flatMap(({ parts }) => parts)) {
    const found = sizes.get(prefix + key);
    if (found === undefined) throw fail('SRC_NOT_FOUND', `${prefix}${key} in ${store.name} is missing`);
    if (found === size) continue;
    const lengths = `has ${formatCount(found)} bytes, had ${formatCount(size)}`;
    throw fail('SRC_TRUNCATED', `${prefix}${key} in ${store.name} ${lengths}`);
  }
}

function sourceCollection(
  store: ObjectStore,
  source: BackupSource,
  collection: LogicalCollection,
  partitions: readonly string[],
): SourceCollection {
  const { fields, settings, name } = collection;
  const { outputFields: wanted } = source;
  const unknown = (wanted ?? []).filter((one) => one !== '$meta' && !fields.some((f) => f.name === one));
  if (unknown.length > 0)
    throw fail('CFG_CONFLICT', `output_fields names ${unknown.join(', ')}, which "${name}" does not have`);
  const read = fields.filter((f) => f.primaryKey || !wanted || wanted.includes(f.name));
  const names = new Set(read.map((f) => f.name));
  const named = settings.partitionCount === undefined;
  return {
    name,
    settings: {
      ...settings,
      ...(settings.indexes ? { indexes: settings.indexes.filter(({ field }) => names.has(field)) } : {}),
      ...(named ? { partitions } : {}),
    },
    check: () => checkParts(store, source.name, collection),
    open: async () => openLogicalReader({ store, backup: source.name, collection, fields: read, partitions, named }),
  };
}

async function catalogOf(store: ObjectStore, source: BackupSource, o: LogicalOptions): Promise<Catalog> {
  const signal = o.signal ? { signal: o.signal } : {};
  requireComplete(store, await probeBackup(store, source.name, signal));
  const key = metaKey(source.name, 'manifest');
  const manifest = decodeManifest(await store.read(key, signal), `${key} in ${store.name}`);
  const found = ofDatabase(manifest.collections, (c) => c, source.db, store.name);
  const offers = found.map((c) => ({ name: calledOf(c, source.db), partitions: c.partitions.map(({ name }) => name) }));
  const shown = (c: LogicalCollection): LogicalCollection =>
    source.rowless ? { ...c, partitions: c.partitions.map(({ name }) => ({ name, parts: [] })) } : c;
  const { chosen, warnings } = choose(offers, source.select, source.exclude);
  const collections = chosen.map(({ name, partitions }) =>
    sourceCollection(store, source, shown(found.find((c) => calledOf(c, source.db) === name)!), partitions),
  );
  return { collections, warnings, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/**
 * Opens a logical backup, narrowed to the selection; no Milvus is needed. Throws NOTHING_MATCHED, CFG_CONFLICT where it holds
 * several databases and none is named, SRC_* and STORE_*.
 */
export async function openLogicalCatalog(source: BackupSource, o: LogicalOptions): Promise<Catalog> {
  const store = await openStore(source.storage, { retryFor: o.retryForMs / 1000, log: o.log });
  try {
    return await catalogOf(store, source, o);
  } catch (thrown) {
    await store[Symbol.asyncDispose]();
    throw thrown;
  }
}
