import { bool, type Codec, list, Misfit, message, optional, text } from '../backup/codec.js';
import { type JsonValue, parseJson } from '../backup/json.js';
import { keyValueCodec } from '../backup/meta.js';
import type { FunctionInfo } from '../backup/types.js';
import { formatCount } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { bytes, enumOf, float, int32, int64, mapOf, toText, UnknownName, uint64 } from './protojson.js';
import {
  type DefaultValue,
  type LoonManifest,
  NEWEST_VERSION,
  type SnapshotCollection,
  type SnapshotField,
  type SnapshotHead,
  type SnapshotIndex,
  type SnapshotMetadata,
  type SnapshotSchema,
} from './types.js';

/** Of a hundred thousand segments; nobody reads more of what claims to be a list of manifests. */
export const LARGEST_METADATA: number = 64 << 20;

const dataType = enumOf('DataType', {
  0: 'None',
  1: 'Bool',
  2: 'Int8',
  3: 'Int16',
  4: 'Int32',
  5: 'Int64',
  10: 'Float',
  11: 'Double',
  20: 'String',
  21: 'VarChar',
  22: 'Array',
  23: 'JSON',
  24: 'Geometry',
  25: 'Text',
  26: 'Timestamptz',
  100: 'BinaryVector',
  101: 'FloatVector',
  102: 'Float16Vector',
  103: 'BFloat16Vector',
  104: 'SparseFloatVector',
  105: 'Int8Vector',
  106: 'ArrayOfVector',
  200: 'ArrayOfStruct',
  201: 'Struct',
});
const fieldState = enumOf('FieldState', {
  0: 'FieldCreated',
  1: 'FieldCreating',
  2: 'FieldDropping',
  3: 'FieldDropped',
});
const functionType = enumOf('FunctionType', { 0: 'Unknown', 1: 'BM25', 2: 'TextEmbedding', 3: 'Rerank', 4: 'MinHash' });
const consistency = enumOf('ConsistencyLevel', {
  0: 'Strong',
  1: 'Session',
  2: 'Bounded',
  3: 'Eventually',
  4: 'Customized',
});
const layout = enumOf('SnapshotLayout', { 0: 'SnapshotLayoutReferenced', 1: 'SnapshotLayoutSelfContained' });

const defaultValue: Codec<DefaultValue> = message({
  bool_data: optional(bool),
  int_data: optional(int32),
  long_data: optional(int64),
  float_data: optional(float),
  double_data: optional(float),
  string_data: optional(text),
  bytes_data: optional(bytes),
});

const field: Codec<SnapshotField> = message({
  fieldID: int64,
  name: text,
  is_primary_key: bool,
  description: text,
  data_type: dataType,
  type_params: list(keyValueCodec),
  index_params: list(keyValueCodec),
  autoID: bool,
  state: fieldState,
  element_type: dataType,
  default_value: optional(defaultValue),
  is_dynamic: bool,
  is_partition_key: bool,
  is_clustering_key: bool,
  nullable: bool,
  is_function_output: bool,
});

const functionSchema: Codec<FunctionInfo> = message({
  name: text,
  id: int64,
  description: text,
  type: functionType,
  input_field_names: list(text),
  input_field_ids: list(int64),
  output_field_names: list(text),
  output_field_ids: list(int64),
  params: list(keyValueCodec),
});

const schema: Codec<SnapshotSchema> = message({
  name: text,
  description: text,
  autoID: bool,
  fields: list(field),
  enable_dynamic_field: bool,
  properties: list(keyValueCodec),
  functions: list(functionSchema),
  dbName: text,
  struct_array_fields: list(message({ fieldID: int64, name: text, description: text, fields: list(field) })),
});

const collection: Codec<SnapshotCollection> = message({
  schema: optional(schema),
  num_shards: int64,
  num_partitions: int64,
  partitions: mapOf(int64),
  consistency_level: consistency,
  properties: list(keyValueCodec),
  virtual_channel_names: list(text),
});

const head: Codec<SnapshotHead> = message({
  name: text,
  id: int64,
  description: text,
  collection_id: int64,
  partition_ids: list(int64),
  create_ts: uint64,
  s3_location: text,
  pin_ids: list(int64),
});

const index: Codec<SnapshotIndex> = message({
  collectionID: int64,
  fieldID: int64,
  index_name: text,
  indexID: int64,
  type_params: list(keyValueCodec),
  index_params: list(keyValueCodec),
  is_auto_index: bool,
  user_index_params: list(keyValueCodec),
});

const loonManifest: Codec<LoonManifest> = message({ segment_id: int64, manifest: text });

/** Some files have the id as `segmentID`. */
const loon: Codec<LoonManifest> = {
  ...loonManifest,
  read(value) {
    const given = value as { readonly [key: string]: JsonValue } | null;
    const old = typeof given === 'object' ? given?.segmentID : undefined;
    const made = loonManifest.read(value);
    return old === undefined || old === null ? made : { ...made, segment_id: int64.read(old) };
  },
};

const metadata: Codec<SnapshotMetadata> = message({
  format_version: int32,
  snapshot_info: head,
  collection,
  indexes: list(index),
  manifest_list: list(text),
  storagev2_manifest_list: list(loon),
  segment_ids: list(int64),
  build_ids: list(int64),
  layout,
});

function parse(encoded: Uint8Array, where: string): JsonValue {
  if (encoded.length > LARGEST_METADATA) {
    const [have, most] = [formatCount(encoded.length), formatCount(LARGEST_METADATA)];
    throw fail('SRC_UNSUPPORTED', `${where} has ${have} bytes, at most ${most} are read as a snapshot's metadata`);
  }
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(encoded));
  } catch (cause) {
    throw fail('SRC_CORRUPT', `${where} is no JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Looked at before anything else: what a newer server writes may mean something else under the same name. */
function versionOf(value: JsonValue, where: string): number {
  const given = typeof value === 'object' && value !== null && 'format_version' in value ? value.format_version : 0;
  const version = typeof given === 'string' ? Number(given) : (given ?? 0);
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 0) {
    throw fail('SRC_CORRUPT', `${where} has the format_version ${JSON.stringify(given)}`);
  }
  if (version <= NEWEST_VERSION) return Math.max(1, version);
  throw fail(
    'SRC_UNSUPPORTED',
    `${where} is of format version ${version}, milvusdm reads snapshots up to version ${NEWEST_VERSION}`,
    { hint: 'Use a newer milvusdm, or restore the snapshot in its own server and read it from there.' },
  );
}

/**
 * Reads a metadata file. Throws SRC_CORRUPT, and SRC_UNSUPPORTED for versions and names of types that are not known.
 * @param where for messages: key and store
 */
export function decodeMetadata(encoded: Uint8Array, where: string): SnapshotMetadata {
  const value = parse(encoded, where);
  const format_version = versionOf(value, where);
  try {
    return { ...metadata.read(value), format_version };
  } catch (cause) {
    if (!(cause instanceof Misfit)) throw cause;
    const what = cause.message.replace(/^: /, '');
    if (cause instanceof UnknownName) throw fail('SRC_UNSUPPORTED', `${where}: ${what}`, { cause });
    throw fail('SRC_CORRUPT', `${where} is no metadata of a snapshot: ${what}`, { cause });
  }
}

/** The bytes of a metadata file, as Milvus 3.0 writes them. */
export function encodeMetadata(value: SnapshotMetadata): Uint8Array {
  return Buffer.from(toText(metadata, value));
}

export const NO_SCHEMA: SnapshotSchema = schema.zero;
export const NO_FIELD: SnapshotField = field.zero;
export const NO_DEFAULT: DefaultValue = defaultValue.zero;
