import type { FieldSpec, MilvusType } from '../batch/fields.js';
import { checked, sdkStatus } from './checked.js';
import type { Connection } from './connection.js';
import { DATA_TYPE } from './encode.js';
import { withPartition } from './partitions.js';
import { DataType, type FieldType } from './sdk.js';
import { isNotFound } from './status.js';

/** A field of a collection as the server describes it. `type` is the server's own name where we have none. */
export interface CollectionField extends Omit<FieldSpec, 'type'> {
  readonly type: MilvusType | string;
  readonly primaryKey: boolean;
  readonly autoId: boolean;
  readonly nullable: boolean;
  readonly functionOutput: boolean;
}

export interface CollectionInfo {
  /** The collection's own name, also when it was asked for by an alias. */
  readonly name: string;
  /** The server's own number for it, which a collection that is made anew does not have again. */
  readonly identity: string;
  readonly description: string;
  readonly fields: readonly CollectionField[];
  readonly dynamic: boolean;
  readonly aliases: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly shards: number;
  /** Strong, Session, Bounded, Eventually or Customized. */
  readonly consistency: string;
  readonly partitions: readonly string[];
  /** Functions of the schema (BM25, embeddings), by name. */
  readonly functions: readonly string[];
}

const NAMES_BY_CODE = new Map(Object.entries(DATA_TYPE).map(([name, code]) => [code, name]));

function codeOf(type: string | number | undefined): number {
  if (typeof type === 'number') return type;
  return type === undefined ? 0 : ((DataType as unknown as Record<string, number>)[type] ?? 0);
}

interface SdkField {
  name: string;
  description?: string;
  data_type: string;
  dataType?: number;
  element_type?: string | number;
  is_primary_key: boolean;
  is_partition_key?: boolean;
  is_clustering_key?: boolean;
  autoID: boolean;
  nullable?: boolean;
  default_value?: unknown;
  is_function_output?: boolean;
  type_params: { key: string; value: unknown }[];
}

function toField(field: SdkField): CollectionField {
  const params = new Map(field.type_params.map(({ key, value }) => [key, String(value)]));
  const name = NAMES_BY_CODE.get(field.dataType ?? codeOf(field.data_type)) ?? field.data_type;
  const element = name === 'ARRAY' ? NAMES_BY_CODE.get(codeOf(field.element_type)) : undefined;
  const number = (key: 'dim' | 'max_length' | 'max_capacity', as: 'dim' | 'maxLength' | 'maxCapacity'): object => {
    const value = params.get(key);
    return value === undefined ? {} : { [as]: Number(value) };
  };
  const standing = field.default_value !== undefined && field.default_value !== null;
  return {
    name: field.name,
    type: name,
    ...number('dim', 'dim'),
    ...number('max_length', 'maxLength'),
    ...number('max_capacity', 'maxCapacity'),
    ...(element === undefined ? {} : { elementType: element as MilvusType }),
    ...(field.description ? { description: field.description } : {}),
    ...(field.is_partition_key ? { partitionKey: true } : {}),
    ...(field.is_clustering_key ? { clusteringKey: true } : {}),
    ...(standing ? { defaultValue: String(field.default_value) } : {}),
    primaryKey: field.is_primary_key,
    autoId: field.autoID,
    nullable: field.nullable ?? false,
    functionOutput: field.is_function_output ?? false,
  };
}

/** Describes a collection (or the one behind an alias); undefined when there is none. */
export async function describeCollection(connection: Connection, name: string): Promise<CollectionInfo | undefined> {
  const what = `describe collection ${name}`;
  const answer = await checked(
    connection.retry,
    what,
    () => connection.sdk.describeCollection({ collection_name: name, cache: false }),
    { allow: isNotFound },
  );
  if (isNotFound(sdkStatus(answer))) return undefined;
  const partitions = await checked(
    connection.retry,
    `list partitions of ${name}`,
    () => connection.sdk.showPartitions({ collection_name: name }),
    { allow: isNotFound },
  );
  // Somebody has dropped it between the two calls.
  if (isNotFound(sdkStatus(partitions))) return undefined;
  const fields = (answer.schema.fields as unknown as SdkField[]).map(toField);
  const autoId = answer.schema.autoID;
  return {
    // Milvus 2.3.5 repeats the name that was asked for in `collection_name`; an alias shows only in the schema.
    name: answer.schema.name || answer.collection_name || name,
    identity: [answer.collectionID, answer.created_utc_timestamp].filter(Boolean).join('/'),
    description: answer.schema.description ?? '',
    fields: fields.map((f) => (f.primaryKey && autoId ? { ...f, autoId: true } : f)),
    dynamic: answer.schema.enable_dynamic_field,
    aliases: answer.aliases ?? [],
    properties: Object.fromEntries((answer.properties ?? []).map((p) => [p.key, String(p.value)])),
    shards: answer.shards_num,
    consistency: answer.consistency_level,
    partitions: partitions.partition_names,
    functions: (answer.schema.functions ?? []).map((f) => f.name),
  };
}

export interface NewCollection {
  readonly name: string;
  /** All fields but the dynamic one. */
  readonly fields: readonly FieldSpec[];
  readonly autoId: boolean;
  readonly dynamic?: boolean;
  readonly shards?: number;
  readonly description: string;
  readonly consistency?: string;
  readonly properties?: Readonly<Record<string, string>>;
  /** Number of partitions that a partition key spreads over. */
  readonly partitionCount?: number;
}

/** The SDK wants a default value in the type of its field; int64 as text, so that it stays exact. */
function typedDefault(type: MilvusType, text: string): string | number {
  if (type === 'BOOL') return (text === 'true') as unknown as number;
  return type === 'VARCHAR' || type === 'JSON' || type === 'INT64' ? text : Number(text);
}

function toSdkField(spec: FieldSpec, autoId: boolean): FieldType {
  return {
    name: spec.name,
    data_type: DATA_TYPE[spec.type] as DataType,
    ...(spec.description ? { description: spec.description } : {}),
    ...(spec.primaryKey ? { is_primary_key: true, autoID: autoId } : {}),
    ...(spec.partitionKey ? { is_partition_key: true } : {}),
    ...(spec.clusteringKey ? { is_clustering_key: true } : {}),
    ...(spec.nullable ? { nullable: true } : {}),
    ...(spec.defaultValue === undefined ? {} : { default_value: typedDefault(spec.type, spec.defaultValue) }),
    ...(spec.elementType === undefined ? {} : { element_type: DATA_TYPE[spec.elementType] as DataType }),
    ...(spec.dim === undefined ? {} : { dim: spec.dim }),
    ...(spec.maxLength === undefined ? {} : { max_length: spec.maxLength }),
    ...(spec.maxCapacity === undefined ? {} : { max_capacity: spec.maxCapacity }),
  };
}

export async function createCollection(connection: Connection, collection: NewCollection): Promise<void> {
  const c = collection;
  await checked(
    connection.retry,
    `create collection ${c.name}`,
    () =>
      connection.sdk.createCollection({
        collection_name: c.name,
        description: c.description,
        fields: c.fields.map((f) => toSdkField(f, c.autoId)),
        enable_dynamic_field: c.dynamic ?? false,
        ...(c.shards === undefined ? {} : { shards_num: c.shards }),
        ...(c.consistency === undefined ? {} : { consistency_level: c.consistency }),
        ...(c.properties === undefined ? {} : { properties: { ...c.properties } }),
        ...(c.partitionCount === undefined ? {} : { num_partitions: c.partitionCount }),
      }),
    { repeatable: false },
  );
}

/** Names of all collections of the database. */
export async function listCollections(connection: Connection): Promise<string[]> {
  const answer = await checked(connection.retry, 'list collections', () => connection.sdk.showCollections());
  return answer.data.map((c) => c.name).sort();
}

/** Aliases of a collection; Milvus Lite does not name them when it describes it. */
export async function listAliases(connection: Connection, collection: string): Promise<string[]> {
  const answer = await checked(connection.retry, `list aliases of ${collection}`, () =>
    connection.sdk.listAliases({ collection_name: collection }),
  );
  return [...answer.aliases].sort();
}

export async function createAlias(connection: Connection, collection: string, alias: string): Promise<void> {
  await checked(
    connection.retry,
    `create alias ${alias}`,
    () => connection.sdk.createAlias({ collection_name: collection, alias }),
    { repeatable: false },
  );
}

/** Drops a collection and, because newer servers refuse otherwise, its aliases first. */
export async function dropCollection(connection: Connection, info: CollectionInfo): Promise<void> {
  const { retry, sdk } = connection;
  for (const alias of info.aliases) await checked(retry, `drop alias ${alias}`, () => sdk.dropAlias({ alias }));
  await checked(retry, `drop collection ${info.name}`, () => sdk.dropCollection({ collection_name: info.name }));
}

/** Makes everything that was acknowledged so far durable and counted; waits until it is, up to `timeoutMs`. */
export async function flush(connection: Connection, collection: string, timeoutMs: number): Promise<void> {
  await checked(connection.retry, `flush ${collection}`, () =>
    connection.sdk.flushSync({ collection_names: [collection], timeout: timeoutMs }),
  );
}

/** The server's row_count: cheap, without loading; deleted rows still count, rows not flushed do not. */
export async function statisticsRows(connection: Connection, collection: string, partition?: string): Promise<number> {
  const what = `statistics of ${collection}${partition === undefined ? '' : `/${partition}`}`;
  const call = (): Promise<unknown> =>
    partition === undefined
      ? connection.sdk.getCollectionStatistics({ collection_name: collection })
      : connection.sdk.getPartitionStatistics({ collection_name: collection, partition_name: partition });
  const answer = (await withPartition(connection, { collection, partition }, () =>
    checked(connection.retry, what, call),
  )) as { stats: { key: string; value: string | number }[] };
  return Number(answer.stats.find((s) => s.key === 'row_count')?.value ?? 0);
}
