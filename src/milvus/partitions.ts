import { randomBytes } from 'node:crypto';
import { MilvusdmError } from '../util/errors.js';
import { checked } from './checked.js';
import type { Connection } from './connection.js';
import { isPartitionNotFound } from './status.js';

export async function createPartition(connection: Connection, collection: string, partition: string): Promise<void> {
  await checked(
    connection.retry,
    `create partition ${collection}/${partition}`,
    () => connection.sdk.createPartition({ collection_name: collection, partition_name: partition }),
    { repeatable: false },
  );
}

/** Drops a partition; the server wants it released first. */
export async function dropPartition(connection: Connection, collection: string, partition: string): Promise<void> {
  const what = `drop partition ${collection}/${partition}`;
  const names = { collection_name: collection, partition_name: partition };
  // Releasing what is not loaded is an error to some servers and none to others.
  const { retry, sdk } = connection;
  await checked(
    retry,
    what,
    () => sdk.releasePartitions({ collection_name: collection, partition_names: [partition] }),
    { allow: () => true },
  );
  await checked(retry, what, () => sdk.dropPartition(names), { repeatable: false });
}

/** Each mending is undone only by another client that makes a partition at the same moment. */
const MOST_MENDINGS = 5;

/**
 * Runs a call that names a partition. While several clients make partitions of one collection, the proxy of Milvus 2.3.5 may
 * keep a list that lacks one of them, and refuses calls that name it until something about the collection changes (measured;
 * the coordinator does know it, and waiting or asking does not help). So where the coordinator has the partition, an alias
 * comes and goes, which makes the proxy ask for the list again, and the call is repeated. Throws what the call throws.
 */
export async function withPartition<T>(
  connection: Connection,
  place: { readonly collection: string; readonly partition: string | undefined },
  call: () => Promise<T>,
): Promise<T> {
  const { collection, partition } = place;
  for (let mendings = 0; ; mendings++) {
    try {
      return await call();
    } catch (thrown) {
      const unknown = thrown instanceof MilvusdmError && isPartitionNotFound(thrown);
      if (partition === undefined || !unknown || mendings === MOST_MENDINGS) throw thrown;
      if (!(await isThere(connection, collection, partition))) throw thrown;
      await forgetPartitions(connection, collection);
    }
  }
}

async function isThere({ retry, sdk }: Connection, collection: string, partition: string): Promise<boolean> {
  const what = `look for partition ${collection}/${partition}`;
  const names = { collection_name: collection, partition_name: partition };
  return (await checked(retry, what, () => sdk.hasPartition(names))).value === true;
}

/** Makes the proxy forget the partitions that it knows of a collection. */
async function forgetPartitions({ retry, sdk }: Connection, collection: string): Promise<void> {
  const alias = `milvusdm_${randomBytes(8).toString('hex')}`;
  const what = `refresh the partitions of ${collection}`;
  await checked(retry, what, () => sdk.createAlias({ collection_name: collection, alias }));
  await checked(retry, what, () => sdk.dropAlias({ alias }));
}
