import type { CollectionBackupInfo, IndexInfo } from '../../backup/types.js';
import type { CollectionSettings } from '../types.js';

const CONSISTENCY = ['Strong', 'Session', 'Bounded', 'Eventually', 'Customized'] as const;
/** Parameters of an index that say what it is, not how it is built. */
const NOT_BUILD_PARAMS: ReadonlySet<string> = new Set(['index_type', 'metric_type', 'params']);

type IndexSettings = NonNullable<CollectionSettings['indexes']>[number];

function nestedParams(text: string | undefined): Record<string, string | number> {
  if (!text?.startsWith('{')) return {};
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const flat = Object.entries(value).filter(([, v]) => typeof v === 'string' || typeof v === 'number');
    return Object.fromEntries(flat) as Record<string, string | number>;
  } catch {
    return {};
  }
}

function indexOf({ field_name: field, index_type, params }: IndexInfo): IndexSettings {
  const own = Object.entries(params).filter(([key]) => !NOT_BUILD_PARAMS.has(key));
  return {
    field,
    type: params.index_type ?? index_type,
    metric: params.metric_type ?? '',
    params: { ...Object.fromEntries(own), ...nestedParams(params.params) },
  };
}

/**
 * What a collection was besides its rows, as its backup says.
 * @param fields names of the fields that are read; indexes of others are left out
 * @param partitions names of those that are read
 */
export function settingsOf(
  info: CollectionBackupInfo,
  fields: ReadonlySet<string>,
  partitions: readonly string[],
): CollectionSettings {
  const { schema } = info;
  const indexes = info.index_infos.map(indexOf).filter(({ field }) => fields.has(field));
  const metric = indexes.find((index) => index.metric !== '')?.metric;
  const properties = [...(schema?.properties ?? []), ...info.properties].map(({ key, value }) => [key, value] as const);
  const consistency = CONSISTENCY[info.consistency_level];
  const key = schema?.fields.find((f) => f.is_primary_key);
  const spreads = schema?.fields.some((f) => f.is_partition_key) ?? false;
  return {
    description: schema?.description ?? '',
    ...(metric === undefined ? {} : { metric }),
    indexes,
    ...(info.shards_num > 0 ? { shards: info.shards_num } : {}),
    ...(consistency === undefined ? {} : { consistency }),
    properties: Object.fromEntries(properties),
    aliases: info.aliases,
    dynamic: schema?.enable_dynamic_field ?? false,
    autoId: (schema?.autoID ?? false) || (key?.autoID ?? false),
    ...(spreads ? { partitionCount: info.partition_backups.length } : { partitions }),
  };
}
