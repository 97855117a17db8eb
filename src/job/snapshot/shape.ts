import type { CollectionBackupInfo } from '../../backup/types.js';
import { DATA_TYPE } from '../../milvus/encode.js';
import type { SnapshotShape } from './types.js';

const TYPES = new Map(Object.entries(DATA_TYPE).map(([name, number]) => [number, name]));

/** What a collection is like. */
export function shapeOf(info: CollectionBackupInfo): SnapshotShape {
  return {
    source: 'collection',
    fields: (info.schema?.fields ?? []).map(({ name, data_type, type_params, is_primary_key: primaryKey }) => {
      const type = TYPES.get(data_type) ?? String(data_type);
      const size = type_params.find(({ key }) => key === 'dim' || key === 'max_length');
      return { name, type: size ? `${type}(${size.value})` : type, primaryKey };
    }),
    indexes: info.index_infos.map(({ field_name: field, index_type: type, params }) => ({
      field,
      type,
      metric: params.metric_type ?? '',
    })),
    shards: info.shards_num,
    properties: Object.fromEntries(info.properties.map(({ key, value }) => [key, value])),
  };
}
