import type { LocalStorage, MilvusEndpoint, StorageConfig } from '../../../config/types.js';
import { openCalls } from '../../../milvus/calls.js';
import { type SegmentServer, segmentServer } from '../../../segments/server.js';
import { openStore } from '../../../store/index.js';
import { type ServerView, viewOf } from '../../../store/server-view.js';
import type { ObjectStore } from '../../../store/types.js';
import { createDisposables } from '../../../util/disposables.js';
import type { KeeperOptions, KeeperPlace } from '../types.js';

/** Where self-contained snapshots are kept: in the store of the server that they are of. */
export interface SelfContainedPlace extends KeeperPlace {
  readonly storage: StorageConfig;
}

/** A keeper's store and server. The opener disposes of it. */
export interface Keeping extends AsyncDisposable {
  readonly store: ObjectStore;
  readonly storage: StorageConfig;
  readonly endpoint: MilvusEndpoint;
  readonly o: KeeperOptions;
  /** The server's name for a key of the store. */
  readonly view: ServerView;
  /** Connects on the first call: files alone say what there is. Throws NET_*, DST_AUTH. */
  server(): Promise<SegmentServer>;
}

/** Of a local store its server may be told another path, by which the snapshot's files name each other. */
export async function openKeeping({ endpoint, storage }: SelfContainedPlace, o: KeeperOptions): Promise<Keeping> {
  const { db: _, ...at } = endpoint;
  const stack = createDisposables();
  const store = stack.use(await openStore(storage, { retryFor: o.retryForMs / 1000, log: o.log }));
  let server: Promise<SegmentServer> | undefined;
  const connect = async (): Promise<SegmentServer> => {
    const retry = { totalMs: o.retryForMs, signal: o.signal };
    const calls = stack.use(await openCalls(at, { log: o.log, retry, signal: o.signal }));
    return segmentServer(calls, o.signal);
  };
  return {
    store,
    storage,
    endpoint: at,
    o,
    view: viewOf(storage),
    async server() {
      server ??= connect();
      try {
        return await server;
      } catch (thrown) {
        server = undefined;
        throw thrown;
      }
    },
    [Symbol.asyncDispose]: () => stack[Symbol.asyncDispose](),
  };
}

/** Whether files of a store may have second names instead of copies. */
export function mayLink(storage: StorageConfig): storage is LocalStorage {
  return storage.type === 'local';
}
