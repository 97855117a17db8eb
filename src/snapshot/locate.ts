import { fail } from '../util/errors.js';
import { FILES, type MetadataPlace, pathsBelow } from './layout.js';
import { LAYOUT, type ManifestLogs, type SegmentManifest, type SnapshotMetadata } from './types.js';

/** Turns the paths of a snapshot's files into keys of the store that it is in now. Throws SRC_CORRUPT for what leaves its root. */
export interface Locator {
  /** The key of a manifest; `where` says who names it. */
  manifest(path: string, where: string): string;
  /** Puts keys in place of the paths of insert and delta logs of a manifest. Nobody reads the other files, which keep theirs. */
  locate(manifest: SegmentManifest, where: string): void;
}

/**
 * @param place where the metadata file is now
 * @param now what the root is called now, for files that do not say where they were written
 */
export function locatorOf(metadata: SnapshotMetadata, place: MetadataPlace, now: string): Locator {
  const { root } = place;
  const { s3_location: location, collection_id: collection } = metadata.snapshot_info;
  const below = pathsBelow(location, now);
  const data = metadata.layout === LAYOUT.selfContained ? FILES : '';
  const dataKey = (path: string, where: string): string => {
    const rest = below(path, where);
    // Where nothing was moved, the path is the key, and no other string is made of it.
    const moved = path.length !== root.length + rest.length || !path.startsWith(root);
    if (rest.startsWith(data)) return moved ? root + rest : path;
    throw fail('SRC_CORRUPT', `${where} names ${JSON.stringify(path)}, which is not below ${FILES} of its bundle`);
  };
  // In place: a snapshot may have a million of them, and nobody else has them yet.
  const toKeys = (logs: readonly ManifestLogs[], folder: (field: bigint) => string, where: string): void => {
    for (const { field_id: field, binlogs } of logs) {
      for (const log of binlogs as readonly { log_path: string; readonly log_id: bigint }[]) {
        // The server leaves out paths that the ids say, too.
        const implied = log.log_path === '' ? `${root}${data}${folder(field)}${log.log_id}` : undefined;
        log.log_path = implied ?? dataKey(log.log_path, where);
      }
    }
  };
  return {
    manifest: (path, where) => root + below(path, where),
    locate(manifest, where) {
      const above = `${collection}/${manifest.partition_id}/${manifest.segment_id}/`;
      toKeys(manifest.binlog_files, (field) => `insert_log/${above}${field}/`, where);
      toKeys(manifest.deltalog_files, () => `delta_log/${above}`, where);
    },
  };
}
