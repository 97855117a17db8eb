/** An Avro schema, as far as manifests need one: a primitive, the name of a record from before, a record, an array. */
export type AvroSchema =
  | string
  | { readonly type: 'array'; readonly items: AvroSchema }
  | { readonly type: 'record'; readonly name: string; readonly fields: readonly AvroField[] };

interface AvroField {
  readonly name: string;
  readonly type: AvroSchema;
}

const array = (items: AvroSchema): AvroSchema => ({ type: 'array', items });
const record = (name: string, fields: readonly AvroField[]): AvroSchema => ({ type: 'record', name, fields });
const longs = (...names: readonly string[]): AvroField[] => names.map((name) => ({ name, type: 'long' }));
const texts = (...names: readonly string[]): AvroField[] => names.map((name) => ({ name, type: 'string' }));

const POSITION = record('AvroMsgPosition', [
  ...texts('channel_name'),
  { name: 'msg_id', type: 'bytes' },
  ...texts('msg_group'),
  ...longs('timestamp'),
]);

const BINLOG = record('AvroBinlog', [
  ...longs('entries_num', 'timestamp_from', 'timestamp_to'),
  ...texts('log_path'),
  ...longs('log_size', 'log_id', 'memory_size'),
]);

const KEY_VALUE = record('AvroKeyValuePair', texts('key', 'value'));

const STATS: readonly AvroField[] = [
  ...longs('field_id', 'version'),
  { name: 'files', type: array('string') },
  ...longs('log_size', 'memory_size', 'build_id'),
];

function logs(version: number): AvroSchema {
  const group: AvroField[] = [{ name: 'child_fields', type: array('long') }, ...texts('format')];
  return record('AvroFieldBinlog', [
    ...longs('field_id'),
    ...(version >= 4 ? group : []),
    { name: 'binlogs', type: array(BINLOG) },
  ]);
}

function indexFile(version: number): AvroSchema {
  const ints = (...names: readonly string[]): AvroField[] => names.map((name) => ({ name, type: 'int' }));
  return record('AvroIndexFilePathInfo', [
    ...longs('segment_id', 'field_id', 'index_id', 'build_id'),
    ...texts('index_name'),
    { name: 'index_params', type: array(KEY_VALUE) },
    { name: 'index_file_paths', type: array('string') },
    ...longs('serialized_size', 'index_version', 'num_rows'),
    ...ints('current_index_version'),
    ...longs('mem_size'),
    ...ints('current_scalar_index_version', ...(version >= 2 ? ['index_store_path_version'] : [])),
  ]);
}

/** The record of a segment's manifest in a version, 1 to 4 (manifest schemas of internal/snapshotio of Milvus 3.0). */
export function manifestSchema(version: number): AvroSchema {
  return record('ManifestEntry', [
    ...longs('segment_id', 'partition_id', 'segment_level'),
    ...texts('channel_name'),
    ...longs('num_of_rows'),
    { name: 'start_position', type: POSITION },
    { name: 'dml_position', type: 'AvroMsgPosition' },
    ...longs('storage_version'),
    { name: 'is_sorted', type: 'boolean' },
    ...(version >= 3 ? longs('commit_timestamp') : []),
    { name: 'binlog_files', type: array(logs(version)) },
    ...['deltalog_files', 'statslog_files', 'bm25_statslog_files'].map((name) => ({
      name,
      type: array('AvroFieldBinlog'),
    })),
    { name: 'index_files', type: array(indexFile(version)) },
    {
      name: 'text_index_files',
      type: array(
        record('AvroTextIndexEntry', [
          ...longs('field_id'),
          { name: 'stats', type: record('AvroTextIndexStats', STATS) },
        ]),
      ),
    },
    {
      name: 'json_key_index_files',
      type: array(
        record('AvroJSONKeyIndexEntry', [
          ...longs('field_id'),
          { name: 'stats', type: record('AvroJSONKeyStats', [...STATS, ...longs('json_key_stats_data_format')]) },
        ]),
      ),
    },
  ]);
}
