import { DataType, type FieldType } from '@zilliz/milvus2-sdk-node';
import type { FieldSpec, MilvusType } from '../batch/fields.js';
import { checked, sdkStatus } from './checked.js';
import type { Connection } from './connection.js';
import { DATA_TYPE } from './encode.js';
import { isNotFound } from './status.js';

/** A field of a collection as the server describes it. `type` is the server's own name where we have none. */
export interface CollectionField {
  readonly name: string;
  readonly type: MilvusType | string;
  readonly dim?: number;
  readonly maxLength?: number;
  readonly primaryKey: boolean;
  readonly autoId: boolean;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  readonly functionOutput: boolean;
}

export interface CollectionInfo {
  /** The collection's own name, also when it was asked for by an alias. */
  readonly name: string;
  readonly fields: readonly CollectionField[];
  readonly dynamic: boolean;
  readonly aliases: readonly string[];
  readonly properties: readonly string[];
  readonly shards: number;
  readonly partitions: readonly string[];
}

const NAMES_BY_CODE = new Map(Object.entries(DATA_TYPE).map(([name, code]) => [code, name]));

function typeName(dataType: number, dataName: string): string {
  return NAMES_BY_CODE.get(dataType) ?? dataName;
}

interface SdkField {
  name: string;
  data_type: string;
  dataType?: number;
  is_primary_key: boolean;
  autoID: boolean;
  nullable?: boolean;
  default_value?: unknown;
  is_function_output?: boolean;
  type_params: { key: string; value: unknown }[];
}

function toField(field: SdkField): CollectionField {
  const params = new Map(field.type_params.map(({ key, value }) => [key, String(value)]));
  const code = field.dataType ?? (DataType as unknown as Record<string, number>)[field.data_type] ?? 0;
  const dim = params.get('dim');
  const maxLength = params.get('max_length');
  return {
    name: field.name,
    type: typeName(code, field.data_type),
    ...(dim === undefined ? {} : { dim: Number(dim) }),
    ...(maxLength === undefined ? {} : { maxLength: Number(maxLength) }),
    primaryKey: field.is_primary_key,
    autoId: field.autoID,
    nullable: field.nullable ?? false,
    hasDefault: field.default_value !== undefined && field.default_value !== null,
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
  const partitions = await checked(connection.retry, `list partitions of ${name}`, () =>
    connection.sdk.showPartitions({ collection_name: name }),
  );
  const fields = (answer.schema.fields as unknown as SdkField[]).map(toField);
  const autoId = answer.schema.autoID;
  return {
    name: answer.collection_name || answer.schema.name || name,
    fields: fields.map((f) => (f.primaryKey && autoId ? { ...f, autoId: true } : f)),
    dynamic: answer.schema.enable_dynamic_field,
    aliases: answer.aliases ?? [],
    properties: (answer.properties ?? []).map((p) => `${p.key}=${p.value}`),
    shards: answer.shards_num,
    partitions: partitions.partition_names,
  };
}

export interface NewCollection {
  readonly name: string;
  readonly fields: readonly FieldSpec[];
  readonly autoId: boolean;
  readonly shards?: number;
  readonly description: string;
}

function toSdkField(spec: FieldSpec, autoId: boolean): FieldType {
  return {
    name: spec.name,
    data_type: DATA_TYPE[spec.type] as DataType,
    ...(spec.primaryKey ? { is_primary_key: true, autoID: autoId } : {}),
    ...(spec.dim === undefined ? {} : { dim: spec.dim }),
    ...(spec.maxLength === undefined ? {} : { max_length: spec.maxLength }),
  };
}

export async function createCollection(connection: Connection, collection: NewCollection): Promise<void> {
  await checked(
    connection.retry,
    `create collection ${collection.name}`,
    () =>
      connection.sdk.createCollection({
        collection_name: collection.name,
        description: collection.description,
        fields: collection.fields.map((f) => toSdkField(f, collection.autoId)),
        enable_dynamic_field: false,
        ...(collection.shards === undefined ? {} : { shards_num: collection.shards }),
      }),
    { repeatable: false },
  );
}

/** Drops a collection and, because newer servers refuse otherwise, its aliases first. */
export async function dropCollection(connection: Connection, info: CollectionInfo): Promise<void> {
  const { retry, sdk } = connection;
  for (const alias of info.aliases) await checked(retry, `drop alias ${alias}`, () => sdk.dropAlias({ alias }));
  await checked(retry, `drop collection ${info.name}`, () => sdk.dropCollection({ collection_name: info.name }));
}

export async function createPartition(connection: Connection, collection: string, partition: string): Promise<void> {
  await checked(
    connection.retry,
    `create partition ${collection}/${partition}`,
    () => connection.sdk.createPartition({ collection_name: collection, partition_name: partition }),
    { repeatable: false },
  );
}

/** Drops a partition; the server wants it released first. */
export async function dropPartition(connection: Connection, collection: string, partition: string): Promise<void> {
  const what = `drop partition ${collection}/${partition}`;
  const names = { collection_name: collection, partition_name: partition };
  // Releasing what is not loaded is an error to some servers and none to others.
  const { retry, sdk } = connection;
  await checked(
    retry,
    what,
    () => sdk.releasePartitions({ collection_name: collection, partition_names: [partition] }),
    { allow: () => true },
  );
  await checked(retry, what, () => sdk.dropPartition(names), { repeatable: false });
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
  const answer = (await checked(connection.retry, what, call)) as { stats: { key: string; value: string | number }[] };
  return Number(answer.stats.find((s) => s.key === 'row_count')?.value ?? 0);
}
