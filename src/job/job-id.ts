import { createHash } from 'node:crypto';
import type { MilvusEndpoint, SourceConfig, StorageConfig, TaskConfig } from '../config/types.js';

/** Where a Milvus is, without what leads into it. */
export function placeOf({ at, db }: MilvusEndpoint): string[] {
  return [at.kind === 'server' ? at.address : at.folder, db ?? 'default'];
}

/** The same bucket or folder, whoever asks for it. */
export function storePlace(storage: StorageConfig): unknown[] {
  if (storage.type === 'local') return [storage.path];
  const { endpoint, bucket, root } = storage;
  return [endpoint?.host ?? 'aws', endpoint?.port ?? 443, bucket, root];
}

/** What a source is and where, without the credentials and certificates that lead to it. */
export function locatorOf(source: SourceConfig): object {
  if (source.adapter === 'milvus') return { ...source, endpoint: placeOf(source.endpoint) };
  if (source.adapter === 'backup' || source.adapter === 'snapshot') {
    return { ...source, storage: storePlace(source.storage) };
  }
  if (source.adapter === 'segments') {
    return { ...source, endpoint: placeOf(source.endpoint), storage: storePlace(source.storage) };
  }
  if (source.adapter !== 'legacy' || !source.mysql) return source;
  const { host, port, database } = source.mysql;
  return { ...source, mysql: [host, port, database] };
}

/** JSON has no BigInt. */
export function exact(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}

/** Twelve hexadecimal digits of everything that decides what is written: not secrets, tuning or the state of the target. */
export function jobId(config: TaskConfig): string {
  const o = config.options;
  const key = {
    task: config.task,
    source: locatorOf(config.source),
    dest: placeOf(config.dest),
    target: [config.collection, config.partition ?? null, config.mode],
    archive: config.archive ?? null,
    ...(config.logical ? { logical: { ...config.logical, storage: storePlace(config.logical.storage) } } : {}),
    mapping: [config.collectionMap ?? null, config.partitionMap ?? null, config.merge ?? null],
    transforms: config.transforms ?? [],
    parameter: config.parameter,
    ids: [
      String(o.idStart),
      String(o.idOffset),
      o.newIds,
      o.onDuplicateId,
      o.onBadRow,
      o.limit ?? null,
      o.idOffsets ?? null,
    ],
  };
  return createHash('sha256').update(JSON.stringify(key, exact)).digest('hex').slice(0, 12);
}
