import type { CollectionBackupInfo } from '../../backup/types.js';
import type { RestoreConfig } from '../../config/types.js';
import { checked } from '../../milvus/checked.js';
import type { Connection } from '../../milvus/connection.js';
import { isLoaded, loadCollection } from '../../milvus/indexes.js';
import { sleep } from '../../util/abort.js';
import { fail } from '../../util/errors.js';

const STALL_MS = 10 * 60_000;
const LOADED = 'Loaded';

/** What is to be loaded in the end: everything, some partitions by name, or nothing. */
export type LoadWish = 'all' | 'nothing' | readonly string[];

export function loadWish(info: CollectionBackupInfo, load: RestoreConfig['load']): LoadWish {
  if (load !== 'restore') return load ? 'all' : 'nothing';
  const loaded = info.partition_backups.filter((partition) => partition.load_state === LOADED);
  const some = loaded.length > 0 && loaded.length < info.partition_backups.length;
  // milvus-backup 0.5 writes no usable state of partitions where the collection as a whole is loaded.
  if (info.load_state === LOADED) return some && loaded.length > 0 ? loaded.map((p) => p.partition_name) : 'all';
  return some ? loaded.map((p) => p.partition_name) : 'nothing';
}

async function partitionsLoaded(
  connection: Connection,
  collection: string,
  names: readonly string[],
): Promise<boolean> {
  const answer = (await checked(connection.retry, `load state of ${collection}`, () =>
    connection.sdk.getLoadState({ collection_name: collection, partition_names: [...names] }),
  )) as unknown as { state: string };
  return answer.state === 'LoadStateLoaded';
}

/** Loads what is wished for and waits. Throws NET_DEADLINE when it stands still. */
export async function load(
  connection: Connection,
  collection: string,
  wish: LoadWish,
  signal: AbortSignal,
): Promise<void> {
  if (wish === 'nothing') return;
  if (wish === 'all') {
    if (!(await isLoaded(connection, collection)))
      await loadCollection(connection, collection, { signal, stallMs: STALL_MS });
    return;
  }
  const names = { collection_name: collection, partition_names: [...wish] };
  await checked(connection.retry, `load partitions of ${collection}`, () => connection.sdk.loadPartitions(names));
  const end = Date.now() + STALL_MS;
  for (let wait = 50; !(await partitionsLoaded(connection, collection, wish)); wait = Math.min(wait * 1.5, 1000)) {
    if (Date.now() > end) {
      throw fail('NET_DEADLINE', `partitions of ${collection} are not loaded after ${STALL_MS / 60_000} minutes`);
    }
    await sleep(wait, signal);
  }
}
