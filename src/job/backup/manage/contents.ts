import { metaKey } from '../../../backup/layout.js';
import { decodeManifest, type LogicalCollection } from '../../../backup/logical.js';
import { openBackup, probeBackup, requireComplete } from '../../../backup/open.js';
import type { CollectionBackupInfo } from '../../../backup/types.js';
import type { ObjectStore, StoreOptions } from '../../../store/types.js';

/** A collection of a backup as `backup get` shows it. */
export interface BackedUpCollection {
  readonly db: string;
  readonly name: string;
  /** null for logical backups, which keep none. */
  readonly collection_id: bigint | null;
  /** Storage: of its segments, deleted ones count until Milvus compacts. Logical: those that were shown. */
  readonly rows: number;
  readonly bytes: number;
  /** Arrow files of a logical backup. */
  readonly segments: number;
  readonly shards: number;
  readonly load_state: string;
  readonly fields: readonly string[];
  readonly partitions: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[];
  readonly indexes: readonly { readonly field: string; readonly type: string; readonly metric: string }[];
  readonly aliases: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

export interface BackupContents {
  readonly name: string;
  readonly store: string;
  readonly strategy: 'storage' | 'logical';
  readonly created: string | null;
  readonly milvus_version: string;
  readonly bytes: number;
  readonly databases: readonly string[];
  readonly collections: readonly BackedUpCollection[];
  /** Users, where they were backed up. */
  readonly users: number | null;
  readonly base: string | null;
  readonly linked: boolean;
  readonly left_out: readonly { readonly key: string; readonly reason: string }[];
}

/** Numbers of schema.proto's DataType. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'BOOL',
  2: 'INT8',
  3: 'INT16',
  4: 'INT32',
  5: 'INT64',
  10: 'FLOAT',
  11: 'DOUBLE',
  21: 'VARCHAR',
  22: 'ARRAY',
  23: 'JSON',
  100: 'BINARY_VECTOR',
  101: 'FLOAT_VECTOR',
  102: 'FLOAT16_VECTOR',
  103: 'BFLOAT16_VECTOR',
  104: 'SPARSE_FLOAT_VECTOR',
  105: 'INT8_VECTOR',
};

function collectionOf(info: CollectionBackupInfo): BackedUpCollection {
  const partitions = info.partition_backups.map(({ partition_name, segment_backups, size }) => ({
    name: partition_name,
    rows: segment_backups.reduce((sum, { num_of_rows }) => sum + num_of_rows, 0),
    bytes: size,
  }));
  const fields = info.schema?.fields ?? [];
  return {
    db: info.db_name === '' ? 'default' : info.db_name,
    name: info.collection_name,
    collection_id: info.collection_id,
    rows: partitions.reduce((sum, { rows }) => sum + rows, 0),
    bytes: info.size,
    segments: info.partition_backups.reduce((sum, { segment_backups }) => sum + segment_backups.length, 0),
    shards: info.shards_num,
    load_state: info.load_state,
    fields: fields.map(({ name, data_type }) => `${name} ${TYPES[data_type] ?? `type ${data_type}`}`),
    partitions,
    indexes: info.index_infos.map(({ field_name: field, index_type: type, params }) => ({
      field,
      type,
      metric: params.metric_type ?? '',
    })),
    aliases: info.aliases,
    properties: Object.fromEntries(info.properties.map(({ key, value }) => [key, value])),
  };
}

function logicalCollectionOf(one: LogicalCollection): BackedUpCollection {
  const { settings } = one;
  const partitions = one.partitions.map(({ name, parts }) => ({
    name,
    rows: parts.reduce((sum, { rows }) => sum + rows, 0),
    bytes: parts.reduce((sum, { size }) => sum + size, 0),
  }));
  return {
    db: one.db,
    name: one.name,
    collection_id: null,
    rows: partitions.reduce((sum, { rows }) => sum + rows, 0),
    bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
    segments: one.partitions.reduce((sum, { parts }) => sum + parts.length, 0),
    shards: settings.shards ?? 1,
    load_state: one.loaded ? 'Loaded' : 'NotLoad',
    fields: one.fields.map(({ name, type }) => `${name} ${type}`),
    partitions,
    indexes: (settings.indexes ?? []).map(({ field, type, metric }) => ({ field, type, metric })),
    aliases: settings.aliases ?? [],
    properties: settings.properties ?? {},
  };
}

async function logicalContents(
  store: ObjectStore,
  name: string,
  created: string | null,
  o: StoreOptions,
): Promise<BackupContents> {
  const key = metaKey(name, 'manifest');
  const manifest = decodeManifest(await store.read(key, o), `${key} in ${store.name}`);
  const collections = manifest.collections.map(logicalCollectionOf);
  return {
    name,
    store: store.name,
    strategy: 'logical',
    created,
    milvus_version: manifest.milvusVersion,
    bytes: collections.reduce((sum, { bytes }) => sum + bytes, 0),
    databases: [...new Set(collections.map(({ db }) => db))],
    collections,
    users: null,
    base: null,
    linked: false,
    left_out: [],
  };
}

/** What a backup holds. Throws SRC_* and STORE_*. */
export async function backupContents(store: ObjectStore, name: string, o: StoreOptions = {}): Promise<BackupContents> {
  const probe = await probeBackup(store, name, o);
  requireComplete(store, probe);
  if (probe.strategy === 'logical') return await logicalContents(store, name, probe.side?.started ?? null, o);
  const { info, side } = await openBackup(store, name, o);
  return {
    name,
    store: store.name,
    strategy: probe.strategy,
    created: side?.started ?? null,
    milvus_version: info.milvus_version,
    bytes: info.size,
    databases: info.database_backups.map(({ db_name }) => db_name),
    collections: info.collection_backups.map(collectionOf),
    users: info.rbac_meta?.users.length ?? null,
    base: side?.base ?? null,
    linked: side?.linked ?? false,
    left_out: side?.left_out ?? [],
  };
}
