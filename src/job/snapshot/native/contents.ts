import type { StorageConfig } from '../../../config/types.js';
import { snapshotCollection } from '../../../snapshot/collection.js';
import { openSnapshot, readSnapshotFile } from '../../../snapshot/open.js';
import { openStore } from '../../../store/index.js';
import { toMilvusdmError } from '../../../util/errors.js';
import { shapeOf } from '../shape.js';
import type { KeeperOptions, SnapshotDetails, SnapshotInfo } from '../types.js';

export interface NativeOptions extends KeeperOptions {
  /** Where the server keeps its data, and so the metadata of its snapshots. */
  readonly storage?: StorageConfig;
}

/** The key of a metadata file in the store of its server, whatever stands before it in the location that the server tells. */
export function keyOf(location: string): string | undefined {
  return /(?:^|\/)(snapshots\/[0-9]{1,19}\/metadata\/[^/]+\.json)$/.exec(location)?.[1];
}

/**
 * What the snapshot's own metadata says of it; undefined without the storage. What cannot be read is told of, and is no
 * failure: the server itself needs none of it from us.
 */
export async function contentsOf(
  info: SnapshotInfo,
  { storage, signal, log, warn, retryForMs }: NativeOptions,
): Promise<Pick<SnapshotDetails, 'rows' | 'bytes' | 'segments' | 'pins' | 'shape'> | undefined> {
  const key = keyOf(info.location);
  if (!storage || key === undefined) return undefined;
  try {
    await using store = await openStore(storage, { retryFor: retryForMs / 1000, log });
    const opened = await openSnapshot(store, await readSnapshotFile(store, key, { signal }), { signal });
    const collection = snapshotCollection(opened);
    return {
      rows: opened.segments.reduce((sum, { num_of_rows }) => sum + num_of_rows, 0n),
      bytes: collection.size,
      segments: opened.segments.length,
      shape: { ...shapeOf(collection), source: 'snapshot' },
    };
  } catch (thrown) {
    const { code, message } = toMilvusdmError(thrown);
    if (code === 'INTERRUPTED' || code === 'INTERNAL') throw thrown;
    warn(`the metadata of snapshot "${info.name}" cannot be read, so that its size is not known: ${message}`);
    return undefined;
  }
}
