import { collectionCodec, fieldCodec, schemaCodec } from '../../../../../src/backup/meta.js';
import type { Keeping } from '../../../../../src/job/snapshot/self-contained/keeping.js';
import type { CreateSnapshot } from '../../../../../src/job/snapshot/types.js';
import type { SegmentServer } from '../../../../../src/segments/server.js';
import type { WireSegment } from '../../../../../src/segments/server-messages.js';
import { viewOf } from '../../../../../src/store/server-view.js';
import { createMemoryStore, type MemoryStore } from '../../../../support/memory-store.js';

export const COLLECTION = 45n;
export const PARTITION = 2n;

/** A server before 3.0 with one collection, whose segments may be changed. */
export interface OldServer {
  readonly store: MemoryStore;
  readonly segments: WireSegment[];
  readonly calls: string[];
  readonly server: SegmentServer;
}

export function segmentOf(segment_id: bigint, more: Partial<WireSegment> = {}): WireSegment {
  return { segment_id, partition_id: PARTITION, rows: 10, state: 4, level: 0, storage_version: 0, ...more };
}

/** Puts the files of a segment into the server's store: two fields, and deletes where wanted. */
export function putSegment(store: MemoryStore, { segment_id, partition_id }: WireSegment, deletes = false): void {
  const put = (key: string, text: string): unknown => store.objects.set(key, Buffer.from(text));
  const above = `${COLLECTION}/${partition_id}/${segment_id}`;
  put(`insert_log/${above}/100/${segment_id}1`, 'keys');
  put(`insert_log/${above}/101/${segment_id}2`, 'vectors');
  if (deletes) put(`delta_log/${above}/${segment_id}3`, 'del');
}

export function oldServer(...segments: WireSegment[]): OldServer {
  const store = createMemoryStore();
  for (const one of segments) putSegment(store, one, true);
  const calls: string[] = [];
  const fields = [
    { ...fieldCodec.zero, fieldID: 100n, name: 'id', is_primary_key: true, data_type: 5 },
    { ...fieldCodec.zero, fieldID: 101n, name: 'v', data_type: 101, type_params: [{ key: 'dim', value: '2' }] },
  ];
  const server: SegmentServer = {
    address: 'old:19530',
    version: 'v2.3.5',
    databases: async () => [],
    collections: async (db) => [{ db, name: 'articles' }],
    async describe({ name }) {
      if (name !== 'articles') return undefined;
      const status = { code: 0, legacyCode: 0, reason: '', retriable: false, detail: '' };
      return {
        ...collectionCodec.zero,
        status,
        schema: { ...schemaCodec.zero, name, fields, enable_dynamic_field: true },
        collection_id: COLLECTION,
        shards_num: 1,
        virtual_channel_names: ['channel'],
      } as unknown as Awaited<ReturnType<SegmentServer['describe']>>;
    },
    partitions: async () => [{ id: PARTITION, name: '_default' }],
    indexes: async () => [],
    loadState: async () => 'NotLoad',
    async flush(of) {
      calls.push('flush');
      return { of, segments: [], timestamp: 0n, sealed: 0n, checkpoints: {}, checkpoint: 0n };
    },
    isFlushed: async () => true,
    segments: async () => [...segments],
    rbac: async () => {
      throw new Error('nobody asks');
    },
  };
  return { store, segments, calls, server };
}

/** A keeper's inside with a store in memory. */
export function keepingOf(old: OldServer, messages: string[] = []): Keeping {
  const storage = { type: 's3', bucket: 'a-bucket', root: 'files' } as const;
  const say = (message: string): unknown => messages.push(message);
  return {
    store: old.store,
    storage,
    endpoint: { at: { kind: 'server', address: 'old:19530', tls: false } },
    o: { log: say, warn: say, signal: new AbortController().signal, retryForMs: 0 },
    view: viewOf(storage),
    server: async () => old.server,
    async [Symbol.asyncDispose]() {},
  };
}

export const NIGHTLY: CreateSnapshot = {
  db: 'default',
  collection: 'articles',
  name: 'nightly',
  description: 'every night',
  flush: true,
};

export const keysBelow = (store: MemoryStore, prefix: string): string[] =>
  [...store.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
