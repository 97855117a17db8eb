import { metaKey } from '../../../backup/layout.js';
import { decodeManifest, type LogicalCollection } from '../../../backup/logical.js';
import { type BackupProbe, openBackup, probeBackup, requireComplete } from '../../../backup/open.js';
import type { CollectionBackupInfo } from '../../../backup/types.js';
import type { ObjectStore, StoreOptions } from '../../../store/types.js';

/** A collection of a backup as `backup get` shows it. */
export interface BackedUpCollection {
  readonly db: string;
  readonly name: string;
  readonly collection_id: bigint;
  /** Rows of its segments; deleted ones count until Milvus compacts. */
  readonly rows: number;
  readonly bytes: number;
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

function logicalCollection(collection: LogicalCollection): BackedUpCollection {
  const { db, name, settings, loaded } = collection;
  const partitions = collection.partitions.map((partition) => ({
    name: partition.name,
    rows: partition.parts.reduce((sum, { rows }) => sum + rows, 0),
    bytes: partition.parts.reduce((sum, { size }) => sum + size, 0),
  }));
  return {
    db,
    name,
    // What the server called it has no meaning for rows.
    collection_id: 0n,
    rows: partitions.reduce((sum, { rows }) => sum + rows, 0),
    bytes: partitions.reduce((sum, { bytes }) => sum + bytes, 0),
    segments: 0,
    shards: settings.shards ?? 0,
    load_state: loaded ? 'Loaded' : 'NotLoad',
    fields: collection.fields.map((field) => `${field.name} ${field.type}`),
    partitions,
    indexes: (settings.indexes ?? []).map(({ field, type, metric }) => ({ field, type, metric })),
    aliases: settings.aliases ?? [],
    properties: settings.properties ?? {},
  };
}

async function logicalContents(store: ObjectStore, probe: BackupProbe, o: StoreOptions): Promise<BackupContents> {
  const { name, side } = probe;
  const key = metaKey(name, 'manifest');
  const manifest = decodeManifest(await store.read(key, o), `${key} in ${store.name}`);
  const collections = manifest.collections.map(logicalCollection);
  return {
    name,
    store: store.name,
    strategy: 'logical',
    created: side?.started ?? manifest.created,
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

/** What a backup holds. Throws as `openBackup`. */
export async function backupContents(store: ObjectStore, name: string, o: StoreOptions = {}): Promise<BackupContents> {
  const probe = await probeBackup(store, name, o);
  requireComplete(store, probe);
  if (probe.strategy === 'logical') return await logicalContents(store, probe, o);
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
