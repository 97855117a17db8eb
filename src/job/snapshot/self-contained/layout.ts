import type { SegmentBackupInfo } from '../../../backup/types.js';
import { FILES, metadataPlace } from '../../../snapshot/layout.js';
import type { ObjectStore, StoreOptions } from '../../../store/types.js';
import type { FilesLayout } from '../../restore/folders.js';

/**
 * Where self-contained snapshots are in the store of a server: `milvusdm_snapshots/<collection>/<snapshot>/`, a bundle as
 * Milvus 3.0 exports them. Beside insert_log and delta_log, because garbage collection removes there what it does not know.
 */
const SNAPSHOTS = 'milvusdm_snapshots/';

export function collectionFolder(collection: bigint): string {
  return `${SNAPSHOTS}${collection}/`;
}

/** The root of a snapshot: what all its keys begin with. */
export function bundleOf(collection: bigint, id: bigint): string {
  return `${collectionFolder(collection)}${id}/`;
}

/** Ours, beside the files of the format: counts, which the metadata file does not have. */
export function sideKey(bundle: string): string {
  return `${bundle}milvusdm.json`;
}

/** Who creates snapshots of a collection. */
export function collectionLocks(collection: bigint): string {
  return `${collectionFolder(collection)}locks/`;
}

/** Who reads a snapshot or removes it. */
export function bundleLocks(bundle: string): string {
  return `${bundle}locks/`;
}

/** The place in a snapshot of a file that the server has under this key. */
export function fileKey(bundle: string, key: string): string {
  return `${bundle}${FILES}${key}`;
}

/** The layout of a snapshot's files for their import. */
export function bundleLayout(bundle: string): FilesLayout {
  const above = (kind: string, collection: bigint): string => `${bundle}${FILES}${kind}/${collection}/`;
  const partition: FilesLayout['partition'] = (kind, collection, id) => `${above(kind, collection)}${id}/`;
  return {
    collection: above,
    partition,
    segment: (kind, { collection_id, partition_id, segment_id }) =>
      `${partition(kind, collection_id, partition_id)}${segment_id}/`,
    files: ({ binlogs, deltalogs }: SegmentBackupInfo) =>
      [...binlogs, ...deltalogs].flatMap((group) =>
        group.binlogs.map(({ log_path: key, log_size: size }) => ({ key, size })),
      ),
  };
}

const isId = (name: string): boolean => /^\d{1,19}$/.test(name);

/** The bundles of a store, whole or not; of one collection where it is given. */
export async function* bundles(
  store: ObjectStore,
  collection: bigint | undefined,
  o: StoreOptions,
): AsyncIterable<{ readonly bundle: string; readonly metadata: string | undefined }> {
  const collections = collection === undefined ? store.folders(SNAPSHOTS, o) : [String(collection)];
  for await (const id of collections) {
    if (!isId(id)) continue;
    for await (const snapshot of store.folders(collectionFolder(BigInt(id)), o)) {
      if (!isId(snapshot)) continue;
      const bundle = bundleOf(BigInt(id), BigInt(snapshot));
      let metadata: string | undefined;
      for await (const { key } of store.list(`${bundle}snapshots/${id}/metadata/`, o)) {
        if (metadataPlace(key)) metadata = key;
      }
      yield { bundle, metadata };
    }
  }
}
