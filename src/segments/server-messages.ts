import {
  collectionCodec,
  databaseCodec,
  fieldCodec,
  functionCodec,
  indexCodec,
  keyValueCodec,
  schemaCodec,
  structArrayCodec,
} from '../backup/meta.js';
import type {
  CollectionSchemaInfo,
  FieldSchemaInfo,
  FunctionInfo,
  KeyValue,
  StructArrayInfo,
} from '../backup/types.js';
import { decodeStatus, OK, type Status } from '../milvus/decode.js';
import {
  base64,
  bool,
  bytes,
  count,
  int32,
  int64,
  mapOf,
  message,
  type ReadField,
  repeated,
  text,
  uint64,
  type WireMessage,
} from './wire-messages.js';

// Numbers of fields: milvus.proto, schema.proto and common.proto of milvus-proto (master, 2026-08).

/** common.Status, in field 1 of every answer. */
export const status: ReadField = (reader) => decodeStatus(reader.message());

const keyValue: WireMessage<KeyValue> = {
  zero: keyValueCodec.zero,
  fields: { 1: ['key', text], 2: ['value', text] },
};

const field: WireMessage<FieldSchemaInfo> = {
  zero: fieldCodec.zero,
  fields: {
    1: ['fieldID', int64],
    2: ['name', text],
    3: ['is_primary_key', bool],
    4: ['description', text],
    5: ['data_type', int32],
    6: ['type_params', repeated(message(keyValue))],
    7: ['index_params', repeated(message(keyValue))],
    8: ['autoID', bool],
    9: ['state', int32],
    10: ['element_type', int32],
    11: ['default_value_base64', base64],
    12: ['is_dynamic', bool],
    13: ['is_partition_key', bool],
    15: ['nullable', bool],
    16: ['is_function_output', bool],
  },
};

const functionSchema: WireMessage<FunctionInfo> = {
  zero: functionCodec.zero,
  fields: {
    1: ['name', text],
    2: ['id', int64],
    3: ['description', text],
    4: ['type', int32],
    5: ['input_field_names', repeated(text)],
    6: ['input_field_ids', repeated(int64, true)],
    7: ['output_field_names', repeated(text)],
    8: ['output_field_ids', repeated(int64, true)],
    9: ['params', repeated(message(keyValue))],
  },
};

const structArray: WireMessage<StructArrayInfo> = {
  zero: structArrayCodec.zero,
  fields: {
    1: ['fieldID', int64],
    2: ['name', text],
    3: ['description', text],
    4: ['fields', repeated(message(field))],
  },
};

const schema: WireMessage<CollectionSchemaInfo> = {
  zero: schemaCodec.zero,
  fields: {
    1: ['name', text],
    2: ['description', text],
    3: ['autoID', bool],
    4: ['fields', repeated(message(field))],
    5: ['enable_dynamic_field', bool],
    6: ['properties', repeated(message(keyValue))],
    7: ['functions', repeated(message(functionSchema))],
    9: ['struct_array_fields', repeated(message(structArray))],
  },
};

/** Every answer has its status in field 1. */
export interface Answer {
  readonly status: Status;
}

export interface DescribeAnswer extends Answer {
  readonly schema: CollectionSchemaInfo;
  readonly collection_id: bigint;
  readonly virtual_channel_names: readonly string[];
  readonly physical_channel_names: readonly string[];
  readonly created_timestamp: bigint;
  readonly shards_num: number;
  readonly aliases: readonly string[];
  readonly consistency_level: number;
  readonly properties: readonly KeyValue[];
  readonly db_id: bigint;
}

export const DESCRIBE: WireMessage<DescribeAnswer> = {
  zero: { ...collectionCodec.zero, schema: schemaCodec.zero, status: OK },
  fields: {
    1: ['status', status],
    2: ['schema', message(schema)],
    3: ['collection_id', int64],
    4: ['virtual_channel_names', repeated(text)],
    5: ['physical_channel_names', repeated(text)],
    6: ['created_timestamp', uint64],
    8: ['shards_num', int32],
    9: ['aliases', repeated(text)],
    11: ['consistency_level', int32],
    13: ['properties', repeated(message(keyValue))],
    16: ['db_id', int64],
  },
};

export interface PartitionsAnswer extends Answer {
  readonly names: readonly string[];
  readonly ids: readonly bigint[];
}

export const PARTITIONS: WireMessage<PartitionsAnswer> = {
  zero: { status: OK, names: [], ids: [] },
  fields: { 1: ['status', status], 2: ['names', repeated(text)], 3: ['ids', repeated(int64, true)] },
};

/** An index as the server describes it; its type stands among the parameters. */
export interface WireIndex {
  readonly index_name: string;
  readonly index_id: bigint;
  readonly params: readonly KeyValue[];
  readonly field_name: string;
  readonly min_index_version: number;
  readonly max_index_version: number;
}

const index: WireMessage<WireIndex> = {
  zero: { ...indexCodec.zero, params: [] },
  fields: {
    1: ['index_name', text],
    2: ['index_id', int64],
    3: ['params', repeated(message(keyValue))],
    4: ['field_name', text],
  },
};

export interface IndexesAnswer extends Answer {
  readonly indexes: readonly WireIndex[];
}

export const INDEXES: WireMessage<IndexesAnswer> = {
  zero: { status: OK, indexes: [] },
  fields: { 1: ['status', status], 2: ['indexes', repeated(message(index))] },
};

/** common.LoadState: 0 there is none, 1 not loaded, 2 loading, 3 loaded. */
export interface LoadAnswer extends Answer {
  readonly state: number;
}

export const LOAD: WireMessage<LoadAnswer> = {
  zero: { status: OK, state: 0 },
  fields: { 1: ['status', status], 2: ['state', int32] },
};

export interface NamesAnswer extends Answer {
  readonly names: readonly string[];
}

/** ListDatabases and ShowCollections have their names in field 2. */
export const NAMES: WireMessage<NamesAnswer> = {
  zero: { status: OK, names: [] },
  fields: { 1: ['status', status], 2: ['names', repeated(text)] },
};

export interface DatabaseAnswer extends Answer {
  readonly db_name: string;
  readonly db_id: bigint;
  readonly properties: readonly KeyValue[];
}

export const DATABASE: WireMessage<DatabaseAnswer> = {
  zero: { ...databaseCodec.zero, status: OK },
  fields: {
    1: ['status', status],
    2: ['db_name', text],
    3: ['db_id', int64],
    5: ['properties', repeated(message(keyValue))],
  },
};

interface Ids {
  readonly data: readonly bigint[];
}

const ids: WireMessage<Ids> = { zero: { data: [] }, fields: { 1: ['data', repeated(int64, true)] } };

/** By name of the collection; checkpoints by virtual channel, each a msg.MsgPosition. */
export interface FlushAnswer extends Answer {
  readonly sealed: Readonly<Record<string, Ids>>;
  readonly flushed: Readonly<Record<string, Ids>>;
  readonly sealTimes: Readonly<Record<string, bigint>>;
  readonly flushTs: Readonly<Record<string, bigint>>;
  readonly checkpoints: Readonly<Record<string, Uint8Array>>;
}

export const FLUSH: WireMessage<FlushAnswer> = {
  zero: { status: OK, sealed: {}, flushed: {}, sealTimes: {}, flushTs: {}, checkpoints: {} },
  fields: {
    1: ['status', status],
    3: ['sealed', mapOf(message(ids))],
    4: ['flushed', mapOf(message(ids))],
    5: ['sealTimes', mapOf(int64)],
    6: ['flushTs', mapOf(uint64)],
    7: ['checkpoints', mapOf(bytes)],
  },
};

/** msg.MsgPosition, as far as it is looked at. */
export const POSITION: WireMessage<{ readonly timestamp: bigint }> = {
  zero: { timestamp: 0n },
  fields: { 4: ['timestamp', uint64] },
};

export interface FlushStateAnswer extends Answer {
  readonly flushed: boolean;
}

export const FLUSH_STATE: WireMessage<FlushStateAnswer> = {
  zero: { status: OK, flushed: false },
  fields: { 1: ['status', status], 2: ['flushed', bool] },
};

/** A segment as the server counts it. `state` is common.SegmentState, `level` common.SegmentLevel. */
export interface WireSegment {
  readonly segment_id: bigint;
  readonly partition_id: bigint;
  readonly rows: number;
  readonly state: number;
  readonly level: number;
  readonly storage_version: number;
}

const segment: WireMessage<WireSegment> = {
  zero: { segment_id: 0n, partition_id: 0n, rows: 0, state: 0, level: 0, storage_version: 0 },
  fields: {
    1: ['segment_id', int64],
    3: ['partition_id', int64],
    4: ['rows', count],
    5: ['state', int32],
    6: ['level', int32],
    8: ['storage_version', count],
  },
};

export interface SegmentsAnswer extends Answer {
  readonly segments: readonly WireSegment[];
}

export const SEGMENTS: WireMessage<SegmentsAnswer> = {
  zero: { status: OK, segments: [] },
  fields: { 1: ['status', status], 2: ['segments', repeated(message(segment))] },
};
