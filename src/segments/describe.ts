import { collectionCodec } from '../backup/meta.js';
import type { CollectionBackupInfo, PartitionBackupInfo } from '../backup/types.js';
import type { CollectionName, LoadState, PartitionName, SegmentServer } from './server.js';

/** All of a collection but its data: the partitions have no segments yet. */
export interface DescribedCollection {
  readonly of: CollectionName;
  readonly info: CollectionBackupInfo;
}

/** Loaded as a whole, partitions may differ: the server says "loaded" when those are that were asked for. */
async function partitionStates(
  server: SegmentServer,
  of: CollectionName,
  state: LoadState,
  partitions: readonly PartitionName[],
): Promise<LoadState[]> {
  if (state === 'NotLoad') return partitions.map(() => 'NotLoad');
  return await Promise.all(partitions.map(({ name }) => server.loadState(of, name)));
}

async function describeOne(
  server: SegmentServer,
  of: CollectionName,
  id: string,
): Promise<DescribedCollection | undefined> {
  const answer = await server.describe(of);
  if (!answer) return undefined;
  const [partitions, indexes, state] = await Promise.all([
    server.partitions(of),
    server.indexes(of),
    server.loadState(of),
  ]);
  const states = await partitionStates(server, of, state, partitions);
  const { status, schema, ...described } = answer;
  const info: CollectionBackupInfo = {
    ...collectionCodec.zero,
    ...described,
    id,
    db_name: of.db,
    collection_name: of.name,
    schema,
    has_index: indexes.length > 0,
    index_infos: indexes,
    load_state: state,
    partition_backups: partitions.map(
      (partition, at): PartitionBackupInfo => ({
        partition_id: partition.id,
        partition_name: partition.name,
        collection_id: answer.collection_id,
        segment_backups: [],
        size: 0,
        load_state: states[at]!,
      }),
    ),
  };
  return { of, info };
}

/**
 * Describes collections, some at a time; those that are dropped meanwhile are left out. The server names a collection by
 * the alias it was asked for, so that only names of collections may be given.
 */
export async function describeCollections(
  server: SegmentServer,
  names: readonly CollectionName[],
  id: string,
): Promise<DescribedCollection[]> {
  const AT_A_TIME = 8;
  const found: DescribedCollection[] = [];
  for (let at = 0; at < names.length; at += AT_A_TIME) {
    const some = await Promise.all(names.slice(at, at + AT_A_TIME).map((of) => describeOne(server, of, id)));
    found.push(...some.filter((one) => one !== undefined));
  }
  return found;
}
