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

/** The fields that are made with the collection, without the dynamic one, in the order of their ids. */
function madeFields(schema: CollectionSchemaInfo): FieldSchemaInfo[] {
  const fields = schema.fields.filter((field) => !field.is_dynamic);
  return fields.sort((a, b) => (a.fieldID < b.fieldID ? -1 : 1));
}

/**
 * The first field that would get another number if the collection were made anew, because one was added or dropped later.
 * The server numbers fields by their place, and files name fields by number: behind a gap they would be another field's.
 */
export function renumberedField(
  schema: CollectionSchemaInfo,
): { readonly field: FieldSchemaInfo; readonly number: bigint } | undefined {
  if (schema.struct_array_fields.length > 0) return undefined;
  const fields = madeFields(schema);
  const at = fields.findIndex(({ fieldID }, place) => fieldID !== FIRST_FIELD + BigInt(place));
  return at < 0 ? undefined : { field: fields[at]!, number: FIRST_FIELD + BigInt(at) };
}

function orderedFields(schema: CollectionSchemaInfo, source: string): FieldSchemaInfo[] {
  const gap = renumberedField(schema);
  if (gap) {
    const { name, fieldID } = gap.field;
    throw fail(
      'DST_UNSUPPORTED',
      `"${source}": field "${name}" has the number ${fieldID}, and one that is made anew would get ${gap.number}`,
      { hint: 'A field was added or dropped later. M2M with source_backup restores it row by row.' },
    );
  }
  return madeFields(schema);
}

export interface NewCollectionRequest {
  readonly name: string;
  readonly info: CollectionBackupInfo;
  /** `database.collection` in the backup, for messages. */
  readonly source: string;
  readonly shards?: number | undefined;
}

/** CreateCollectionRequest for a collection of a backup. Throws SRC_CORRUPT without a schema, DST_UNSUPPORTED. */
export function createRequest({ name, info, source, shards }: NewCollectionRequest): Uint8Array {
  const { schema } = info;
  if (!schema || schema.fields.length === 0) throw fail('SRC_CORRUPT', `"${source}" has no schema in the backup`);
  const keyed = schema.fields.some((field) => field.is_partition_key);
  const properties = new Map([...schema.properties, ...info.properties].map(({ key, value }) => [key, value]));
  const pairs = [...properties].map(([key, value]) => keyValuePair({ key, value }));
  const message = encodeMessage({
    1: name,
    2: schema.description,
    3: schema.autoID,
    4: orderedFields(schema, source).map(fieldMessage),
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

/** Whether the server makes the partitions itself: those that a partition key spreads over. */
export function hasPartitionKey(info: CollectionBackupInfo): boolean {
  return info.schema?.fields.some((field) => field.is_partition_key) ?? false;
}
