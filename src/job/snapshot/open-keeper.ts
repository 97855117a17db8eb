import { openCalls } from '../../milvus/calls.js';
import { featuresOf } from '../../milvus/features.js';
import { fail } from '../../util/errors.js';
import { nativeKeeper } from './native/keeper.js';
import type { KeeperOptions, KeeperPlace, SnapshotKeeper } from './types.js';

/** A keeper with the server that it belongs to. The opener disposes of it. */
export interface OpenKeeper extends AsyncDisposable {
  readonly keeper: SnapshotKeeper;
  readonly address: string;
  readonly version: string;
}

/**
 * Opens what keeps the snapshots of a server: itself from Milvus 3.0 on, else copies in its own storage. Throws
 * DST_UNSUPPORTED where there is neither, and what connecting throws.
 */
export async function openKeeper({ endpoint, storage }: KeeperPlace, o: KeeperOptions): Promise<OpenKeeper> {
  const { db: _, ...server } = endpoint;
  const retry = {
    totalMs: o.retryForMs,
    signal: o.signal,
    onRetry: (error: Error, waitMs: number) => o.log(`${error.message}; trying again in ${Math.round(waitMs)} ms`),
  };
  const calls = await openCalls(server, { log: o.log, retry, signal: o.signal });
  const { address, version } = calls;
  const { lite, snapshots } = featuresOf(version);
  if (snapshots) {
    const keeper = nativeKeeper(calls, { ...o, ...(storage === undefined ? {} : { storage }) });
    return { keeper, address, version, [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose]() };
  }
  await calls[Symbol.asyncDispose]();
  if (lite) throw fail('DST_UNSUPPORTED', `the server at ${address} is a Milvus Lite, which has no snapshots`);
  if (!storage) {
    throw fail(
      'DST_UNSUPPORTED',
      `the server at ${address} is Milvus ${version}, which has no snapshots of its own (Milvus 3.0 has)`,
      {
        hint: 'Name the storage of the server, source_storage (--storage): milvusdm then keeps copies of its files there, each of which takes as long and as much space as the data.',
      },
    );
  }
  const { openSelfContained } = await import('./self-contained/index.js');
  const keeper = await openSelfContained({ endpoint: server, storage }, o);
  return { keeper, address, version, [Symbol.asyncDispose]: () => keeper[Symbol.asyncDispose]() };
}
