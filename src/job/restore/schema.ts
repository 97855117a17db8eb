import type {
  CollectionBackupInfo,
  CollectionSchemaInfo,
  FieldSchemaInfo,
  FunctionInfo,
  StructArrayInfo,
} from '../../backup/types.js';
import { encodeMessage, keyValuePair } from '../../milvus/messages.js';
import { fail } from '../../util/errors.js';

const FIRST_FIELD = 100n;
/** The next step where segments cannot be imported. */
export const BY_ROWS = 'M2M with source_backup restores it row by row.';

// Numbers of fields: schema.proto and milvus.proto of milvus-proto. Ids are left out: the server gives its own, in order.

function fieldMessage(field: FieldSchemaInfo): Uint8Array {
  const value = field.default_value_base64 || Buffer.from(field.default_value_proto, 'latin1').toString('base64');
  return encodeMessage({
    2: field.name,
    3: field.is_primary_key,
    4: field.description,
    5: field.data_type,
    6: field.type_params.map(keyValuePair),
    7: field.index_params.map(keyValuePair),
    8: field.autoID,
    10: field.element_type,
    11: value === '' ? undefined : Buffer.from(value, 'base64'),
    13: field.is_partition_key,
    15: field.nullable,
    16: field.is_function_output,
  });
}

function functionMessage(f: FunctionInfo): Uint8Array {
  return encodeMessage({
    1: f.name,
    3: f.description,
    4: f.type,
    5: f.input_field_names,
    7: f.output_field_names,
    9: f.params.map(keyValuePair),
  });
}

function structMessage({ name, description, fields }: StructArrayInfo): Uint8Array {
  return encodeMessage({ 2: name, 3: description, 4: fields.map(fieldMessage) });
}

/** A field, and the number that it would get if its collection were made anew. */
interface Renumbered {
  readonly field: FieldSchemaInfo;
  readonly number: bigint;
}

interface SplitFields {
  /** Those that are made with the collection, in the order of their ids, without the dynamic one. */
  readonly first: readonly FieldSchemaInfo[];
  /** Those that were added to it later, in that order. */
  readonly late: readonly FieldSchemaInfo[];
  /** The first of the late ones that would not get its number by being added again. */
  readonly lost?: Renumbered;
}

/**
 * The server numbers the fields of a new collection by their place, the dynamic field behind them, and one that is added gets the
 * next number. Files name fields by number, so that these must become what they were.
 */
function splitFields(schema: CollectionSchemaInfo): SplitFields {
  const fields = schema.fields.filter((field) => !field.is_dynamic);
  fields.sort((a, b) => (a.fieldID < b.fieldID ? -1 : 1));
  const gap = fields.findIndex((field, at) => field.fieldID !== FIRST_FIELD + BigInt(at));
  // Fields of structs have numbers among them.
  if (gap < 0 || schema.struct_array_fields.length > 0) return { first: fields, late: [] };
  const place = FIRST_FIELD + BigInt(gap);
  const dynamic = schema.fields.find((field) => field.is_dynamic)?.fieldID ?? place;
  const [first, late] = [fields.slice(0, gap), fields.slice(gap)];
  const next = schema.enable_dynamic_field && dynamic === place ? place + 1n : place;
  const at = late.findIndex((field, i) => field.fieldID !== next + BigInt(i));
  return { first, late, ...(at >= 0 && { lost: { field: late[at]!, number: next + BigInt(at) } }) };
}

/** As {@link splitFields}. Throws DST_UNSUPPORTED where a field would not get its number. */
function placedFields(schema: CollectionSchemaInfo, source: string): SplitFields {
  const split = splitFields(schema);
  if (!split.lost) return split;
  const { field, number } = split.lost;
  throw fail(
    'DST_UNSUPPORTED',
    `"${source}": field "${field.name}" has the number ${field.fieldID}, and one that is made anew would get ${number}`,
    { hint: `A field was dropped, or the dynamic field added later. ${BY_ROWS}` },
  );
}

/** The first field that has another number than making the collection alone would give it: one was added or dropped later. */
export function renumberedField(schema: CollectionSchemaInfo): Renumbered | undefined {
  const { first, late, lost } = splitFields(schema);
  return lost ?? (late[0] && { field: late[0], number: FIRST_FIELD + BigInt(first.length) });
}

export interface NewCollectionRequest {
  readonly name: string;
  readonly info: CollectionBackupInfo;
  /** `database.collection` in the backup, for messages. */
  readonly source: string;
  readonly shards?: number | undefined;
}

/** A field that is added to a collection. */
export interface LateField {
  readonly name: string;
  /** AddCollectionFieldRequest: 3 collection, 5 bytes of a schema.FieldSchema; the database is the connection's. */
  readonly request: Uint8Array;
}

/** CreateCollectionRequest for a collection of a backup. Throws SRC_CORRUPT without a schema, DST_UNSUPPORTED. */
export function createRequest({ name, info, source, shards }: NewCollectionRequest): Uint8Array {
  const { schema } = info;
  if (!schema || schema.fields.length === 0) throw fail('SRC_CORRUPT', `"${source}" has no schema in the backup`);
  const { first } = placedFields(schema, source);
  const keyed = schema.fields.some((field) => field.is_partition_key);
  const properties = new Map([...schema.properties, ...info.properties].map(({ key, value }) => [key, value]));
  const pairs = [...properties].map(([key, value]) => keyValuePair({ key, value }));
  const message = encodeMessage({
    1: name,
    2: schema.description,
    3: schema.autoID,
    4: first.map(fieldMessage),
    5: schema.enable_dynamic_field,
    7: schema.functions.map(functionMessage),
    9: schema.struct_array_fields.map(structMessage),
  });
  return encodeMessage({
    3: name,
    4: message,
    5: shards ?? info.shards_num,
    6: info.consistency_level,
    7: pairs,
    8: keyed ? info.partition_backups.length : undefined,
  });
}

/** AddCollectionFieldRequests for fields that were added after the collection was made, in their order. */
export function lateFieldRequests({ name, info, source }: NewCollectionRequest): readonly LateField[] {
  if (!info.schema) return [];
  const { late } = placedFields(info.schema, source);
  return late.map((field) => ({ name: field.name, request: encodeMessage({ 3: name, 5: fieldMessage(field) }) }));
}

/** Whether the server makes the partitions itself: those that a partition key spreads over. */
export function hasPartitionKey(info: CollectionBackupInfo): boolean {
  return info.schema?.fields.some((field) => field.is_partition_key) ?? false;
}
