import { collectionCodec, rbacCodec, schemaCodec } from '../../../../src/backup/meta.js';
import type { BackupConfig } from '../../../../src/config/types.js';
import type { BackupRun, PreparedBackup } from '../../../../src/job/backup/context.js';
import type { JobEvent } from '../../../../src/job/events.js';
import type { DescribedCollection } from '../../../../src/segments/describe.js';
import type { SegmentServer } from '../../../../src/segments/server.js';
import type { WireSegment } from '../../../../src/segments/server-messages.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

export const COLLECTION = 470596403606015148n;
export const PARTITION = 470596403606015149n;
const FIELDS = [100n, 101n, 0n, 1n];

export interface FakeServer extends SegmentServer {
  readonly store: MemoryStore;
  readonly live: WireSegment[];
  /** Called before each answer about segments; may change what there is. */
  onSegments: ((call: number) => void) | undefined;
}

/** The text of a log: what it is of, so that a wrong copy shows. */
export const contentOf = (segment: bigint, log: bigint): Uint8Array => Buffer.from(`segment ${segment} log ${log}`);

/** Adds a flushed segment with one chunk of four fields, and a delta log. Log ids begin at ten times its own. */
export function addSegment(server: FakeServer, id: bigint, partition: bigint = PARTITION): void {
  const first = id * 10n;
  for (const [at, field] of FIELDS.entries()) {
    const log = first + BigInt(at);
    server.store.objects.set(`insert_log/${COLLECTION}/${partition}/${id}/${field}/${log}`, contentOf(id, log));
  }
  server.store.objects.set(`delta_log/${COLLECTION}/${partition}/${id}/${first + 9n}`, contentOf(id, first + 9n));
  server.live.push({ segment_id: id, partition_id: partition, rows: 7, state: 4, level: 0, storage_version: 0 });
}

/** Compaction has put the segment into others: the server does not name it any more; its files stay for a while. */
export function compactAway(server: FakeServer, id: bigint, files: 'stay' | 'go'): void {
  const at = server.live.findIndex(({ segment_id }) => segment_id === id);
  server.live.splice(at, 1);
  if (files === 'stay') return;
  for (const key of [...server.store.objects.keys()]) if (key.includes(`/${id}/`)) server.store.objects.delete(key);
}

export function createFakeServer(version = 'v2.3.5'): FakeServer {
  let calls = 0;
  const server: FakeServer = {
    store: createMemoryStore("the server's store"),
    live: [],
    onSegments: undefined,
    address: '127.0.0.1:19530',
    version,
    databases: async () => [],
    collections: async () => [],
    describe: async () => undefined,
    partitions: async () => [],
    indexes: async () => [],
    loadState: async () => 'NotLoad',
    flush: async (of) => ({ of, segments: [], timestamp: 5n, sealed: 1795186530n, checkpoints: {}, checkpoint: 0n }),
    isFlushed: async () => true,
    async segments() {
      server.onSegments?.(++calls);
      return [...server.live];
    },
    rbac: async () => rbacCodec.zero,
  };
  return server;
}

export const ARTICLES: DescribedCollection = {
  of: { db: 'default', name: 'articles' },
  info: {
    ...collectionCodec.zero,
    id: 'uuid',
    collection_id: COLLECTION,
    db_name: 'default',
    collection_name: 'articles',
    schema: { ...schemaCodec.zero, name: 'articles' },
    partition_backups: [
      {
        partition_id: PARTITION,
        partition_name: '_default',
        collection_id: COLLECTION,
        segment_backups: [],
        size: 0,
        load_state: 'NotLoad',
      },
    ],
  },
};

export interface FakeRun {
  readonly run: BackupRun;
  readonly dest: MemoryStore;
  readonly warnings: string[];
  readonly events: JobEvent[];
  readonly stop: AbortController;
}

export function fakeRun(
  server: FakeServer,
  given: {
    readonly config?: Partial<BackupConfig>;
    readonly prepared?: Partial<PreparedBackup>;
    dest?: MemoryStore;
  } = {},
): FakeRun {
  const dest = given.dest ?? createMemoryStore('the store of backups');
  const warnings: string[] = [];
  const events: JobEvent[] = [];
  const stop = new AbortController();
  const config: BackupConfig = {
    task: 'BACKUP',
    endpoint: { at: { kind: 'server', address: server.address, tls: false } },
    storage: { type: 's3', bucket: 'a-bucket', root: 'files' },
    store: { type: 'local', path: '/nowhere' },
    select: ['*.*'],
    exclude: [],
    strategy: 'storage',
    kind: 'manual',
    flush: true,
    rbac: false,
    link: false,
    compression: 'zstd',
    checksum: 'auto',
    parallelism: 4,
    retryFor: 1,
    notes: [],
    secrets: [],
    ...given.config,
  };
  const prepared: PreparedBackup = {
    id: 'uuid',
    config,
    name: 'b',
    strategy: 'storage',
    server,
    source: server.store,
    dest,
    databases: [{ db_name: 'default', db_id: 0n, properties: [], ezk: '' }],
    collections: [ARTICLES],
    rbac: undefined,
    base: undefined,
    unfinished: undefined,
    warnings: [],
    async [Symbol.asyncDispose]() {},
    ...given.prepared,
  };
  const run: BackupRun = {
    prepared,
    emit: (event) => events.push(event),
    signal: stop.signal,
    started: new Date(0),
    warn: (message) => warnings.push(message),
  };
  return { run, dest, warnings, events, stop };
}
