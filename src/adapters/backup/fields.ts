import { DYNAMIC_NAME, dynamicFieldId } from '../../backup/dynamic-field.js';
import type { CollectionSchemaInfo, FieldSchemaInfo, KeyValue, SegmentBackupInfo } from '../../backup/types.js';
import type { FieldSpec, MilvusType } from '../../batch/fields.js';
import type { StoredField } from '../../binlog/segment.js';
import { DATA_TYPE } from '../../milvus/encode.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { WireReader } from '../../util/wire.js';

const TYPES = new Map(Object.entries(DATA_TYPE).map(([name, code]) => [code, name as MilvusType]));
/** Types of Milvus that no batch carries. */
const OTHER_TYPES: Readonly<Record<number, string>> = {
  20: 'STRING',
  24: 'GEOMETRY',
  25: 'TEXT',
  26: 'TIMESTAMPTZ',
  106: 'ARRAY_OF_VECTOR',
  200: 'ARRAY_OF_STRUCT',
  201: 'STRUCT',
};

/** A field of a collection in a backup. */
export interface BackupField extends StoredField {
  /** A function of the server makes it, and does so again in the target. */
  readonly functionOutput: boolean;
}

function numbersOf(params: readonly KeyValue[]): Pick<FieldSpec, 'dim' | 'maxLength' | 'maxCapacity'> {
  const values = new Map(params.map(({ key, value }) => [key, Number(value)]));
  const [dim, maxLength, maxCapacity] = ['dim', 'max_length', 'max_capacity'].map((key) => values.get(key));
  return {
    ...(dim === undefined ? {} : { dim }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(maxCapacity === undefined ? {} : { maxCapacity }),
  };
}

/** schema.ValueField: 1 bool, 2 int, 3 long, 4 float, 5 double, 6 string. */
function defaultText(bytes: Uint8Array): string | undefined {
  const reader = new WireReader(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let f = reader.field(); f; f = reader.field()) {
    const at = reader.at;
    switch (f.number * 8 + f.type) {
      case 8:
        return String(reader.number() !== 0);
      case 16:
        return String(reader.int32());
      case 24:
        return String(reader.bigint());
      case 37:
        return String(view.getFloat32(at, true));
      case 41:
        return String(view.getFloat64(at, true));
      case 50:
        return reader.string();
      default:
        reader.skip(f.type);
    }
  }
  return undefined;
}

function defaultOf(field: FieldSchemaInfo, damaged: (why: string) => MilvusdmError): Pick<FieldSpec, 'defaultValue'> {
  const { default_value_base64: coded, default_value_proto: raw } = field;
  if (coded === '' && raw === '') return {};
  try {
    const value = defaultText(coded === '' ? Buffer.from(raw, 'latin1') : Buffer.from(coded, 'base64'));
    return value === undefined ? {} : { defaultValue: value };
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw damaged(`has a default value that is none: ${thrown.message}`);
  }
}

function typeOf(code: number, unreadable: (type: string) => MilvusdmError): MilvusType {
  const type = TYPES.get(code);
  if (type) return type;
  throw unreadable(OTHER_TYPES[code] ?? `number ${code}`);
}

function fieldOf(collection: string, field: FieldSchemaInfo): BackupField {
  const place = `field "${field.name}" of collection "${collection}"`;
  const unreadable = (type: string): MilvusdmError =>
    fail('SRC_UNSUPPORTED', `${place} is of type ${type}, which milvusdm does not read`);
  const damaged = (why: string): MilvusdmError => fail('SRC_CORRUPT', `${place} ${why}`);
  const type = typeOf(field.data_type, unreadable);
  const numbers = numbersOf(field.type_params);
  for (const [key, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 0) throw damaged(`has the ${key} ${value}`);
  }
  const spec: FieldSpec = {
    name: field.is_dynamic ? DYNAMIC_NAME : field.name,
    type,
    ...numbers,
    ...(type === 'ARRAY' ? { elementType: typeOf(field.element_type, unreadable) } : {}),
    ...(field.is_primary_key ? { primaryKey: true } : {}),
    ...(field.nullable ? { nullable: true } : {}),
    ...(field.is_dynamic ? { dynamic: true } : {}),
    ...(field.is_partition_key ? { partitionKey: true } : {}),
    ...(field.description === '' ? {} : { description: field.description }),
    ...defaultOf(field, damaged),
  };
  return { id: field.fieldID, spec, functionOutput: field.is_function_output };
}

/**
 * The fields of a collection in the order of its schema, the dynamic one last. Throws SRC_UNSUPPORTED for types that milvusdm
 * does not read, SRC_CORRUPT for a schema without a key.
 */
export function fieldsOf(
  collection: string,
  schema: CollectionSchemaInfo,
  segments: readonly SegmentBackupInfo[],
): BackupField[] {
  const struct = schema.struct_array_fields[0];
  if (struct) {
    throw fail(
      'SRC_UNSUPPORTED',
      `field "${struct.name}" of collection "${collection}" is an array of structs, which milvusdm does not read`,
    );
  }
  const named = schema.fields.filter((f) => !f.is_dynamic).map((f) => fieldOf(collection, f));
  const keys = named.filter(({ spec }) => spec.primaryKey);
  if (keys.length !== 1 || !['INT64', 'VARCHAR'].includes(keys[0]!.spec.type)) {
    throw fail(
      'SRC_CORRUPT',
      `collection "${collection}" has ${keys.length} primary keys of type INT64 or VARCHAR in its backup`,
    );
  }
  const listed = schema.fields.filter((f) => f.is_dynamic).map((f) => fieldOf(collection, f));
  if (listed.length > 0 || !schema.enable_dynamic_field) return [...named, ...listed];
  const spec: FieldSpec = { name: DYNAMIC_NAME, type: 'JSON', dynamic: true };
  return [...named, { id: dynamicFieldId(schema.fields, segments), spec, functionOutput: false }];
}

/** The fields that are read: all or those asked for, never what functions of the server make; the key always. Throws CFG_CONFLICT. */
export function readFields(
  name: string,
  fields: readonly BackupField[],
  wanted: readonly string[] | undefined,
): BackupField[] {
  const names = fields.map(({ spec }) => spec.name);
  const unknown = (wanted ?? []).filter((one) => !names.includes(one) && one !== '$meta');
  if (unknown.length > 0) {
    throw fail(
      'CFG_CONFLICT',
      `output_fields names ${unknown.join(', ')}, but collection "${name}" has ${names.join(', ')}`,
    );
  }
  return fields.filter(
    ({ functionOutput, spec }) => !functionOutput && (spec.primaryKey || !wanted || wanted.includes(spec.name)),
  );
}
