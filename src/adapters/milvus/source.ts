import { choose } from '../../config/selection.js';
import type { MilvusSource } from '../../config/types.js';
import { type CollectionInfo, describeCollection, listAliases, listCollections } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { readPoint } from '../../milvus/data.js';
import { describeIndexes, type IndexState, isLoaded, loadCollection, releaseCollection } from '../../milvus/indexes.js';
import { openMilvus } from '../../milvus/open.js';
import { fail } from '../../util/errors.js';
import type { RetryPolicy } from '../../util/retry.js';
import type { Catalog, CollectionSettings, Reader, SourceCollection } from '../types.js';
import { isRead } from './read-fields.js';
import { openMilvusReader } from './reader.js';

export interface MilvusSourceOptions {
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
}

/** A load that does not move for this long is given up. */
const STALL_MS = 600_000;
/** Parameters of an index that say what it is, not how it is built. */
const NOT_BUILD_PARAMS: ReadonlySet<string> = new Set(['index_type', 'metric_type', 'params']);

/** Build parameters of an index: Milvus gives them as pairs, or as JSON under `params`. */
function buildParams(index: IndexState): Record<string, string | number> {
  const own = Object.entries(index.params).filter(([key]) => !NOT_BUILD_PARAMS.has(key));
  const { params } = index.params;
  const nested = typeof params === 'string' && params.startsWith('{') ? (JSON.parse(params) as object) : {};
  return { ...Object.fromEntries(own), ...nested };
}

function hasPartitionKey(info: CollectionInfo): boolean {
  return info.fields.some((f) => f.partitionKey);
}

function settingsOf(
  info: CollectionInfo,
  all: readonly IndexState[],
  partitions: readonly string[],
  wanted: readonly string[] | undefined,
): CollectionSettings {
  const read = new Set(info.fields.filter((f) => isRead(f, wanted)).map((f) => f.name));
  const indexes = all.filter((i) => read.has(i.field));
  const metric = indexes.find((i) => i.metric)?.metric;
  return {
    description: info.description,
    ...(metric ? { metric } : {}),
    indexes: indexes.map((i) => ({ field: i.field, type: i.type, metric: i.metric, params: buildParams(i) })),
    shards: info.shards,
    consistency: info.consistency,
    properties: info.properties,
    aliases: info.aliases,
    dynamic: info.dynamic,
    autoId: info.fields.some((f) => f.primaryKey && f.autoId),
    ...(hasPartitionKey(info) ? { partitionCount: info.partitions.length } : { partitions }),
  };
}

/** Loads a collection that is not loaded; gives what puts it back. */
async function ensureLoaded(
  connection: Connection,
  info: CollectionInfo,
  o: MilvusSourceOptions,
): Promise<() => Promise<void>> {
  if (await isLoaded(connection, info.name)) return async () => {};
  const vectors = info.fields.filter((f) => f.type.endsWith('_VECTOR')).map((f) => f.name);
  const indexed = new Set((await describeIndexes(connection, info.name)).map((i) => i.field));
  const bare = vectors.filter((name) => !indexed.has(name));
  if (bare.length > 0) {
    throw fail(
      'SRC_UNREADABLE',
      `collection "${info.name}" is not loaded, and without an index on ${bare.join(', ')} it cannot be`,
      { hint: 'Create an index on it in the source (FLAT will do), then run again.' },
    );
  }
  o.log(`"${info.name}" is loaded for reading and released again`);
  await loadCollection(connection, info.name, { stallMs: STALL_MS, ...(o.signal ? { signal: o.signal } : {}) });
  return () => releaseCollection(connection, info.name);
}

/**
 * The collections of a running Milvus (or of a Milvus Lite folder) that the selection names. Opening one loads it if need be;
 * disposing of its reader puts that back. Throws NOTHING_MATCHED, NET_*, DST_AUTH and ENV_* errors.
 */
export async function openMilvusCatalog(source: MilvusSource, o: MilvusSourceOptions): Promise<Catalog> {
  const retry: RetryPolicy = {
    totalMs: o.retryForMs,
    onRetry: (error, waitMs) => o.log(`${error.message}; trying again in ${Math.round(waitMs)} ms`),
    ...(o.signal ? { signal: o.signal } : {}),
  };
  const opened = await openMilvus(source.endpoint, { log: o.log, retry, ...(o.signal ? { signal: o.signal } : {}) });
  const { connection } = opened;
  try {
    const infos = new Map<string, CollectionInfo>();
    for (const name of await listCollections(connection)) {
      const info = await describeCollection(connection, name);
      if (!info) continue;
      const { lite } = connection.features;
      infos.set(info.name, lite ? { ...info, aliases: await listAliases(connection, info.name) } : info);
    }
    const { chosen, warnings } = choose([...infos.values()], source.select, source.exclude);
    const at = await readPoint(connection);
    const collections: SourceCollection[] = [];
    for (const { name, partitions } of chosen) {
      const info = infos.get(name)!;
      const settings = settingsOf(info, await describeIndexes(connection, name), partitions, source.outputFields);
      const open = async (): Promise<Reader> => {
        const close = await ensureLoaded(connection, info, o);
        return openMilvusReader({
          connection,
          info,
          at,
          close,
          ...(hasPartitionKey(info) ? {} : { partitions }),
          ...(source.filter === undefined ? {} : { filter: source.filter }),
          ...(source.outputFields === undefined ? {} : { outputFields: source.outputFields }),
        });
      };
      collections.push({ name, settings, open });
    }
    return { collections, warnings, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  } catch (thrown) {
    await opened[Symbol.asyncDispose]();
    throw thrown;
  }
}
