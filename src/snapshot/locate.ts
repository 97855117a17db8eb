import { fail } from '../util/errors.js';
import { FILES, type MetadataPlace, pathsBelow } from './layout.js';
import { LAYOUT, type ManifestLogs, type SegmentManifest, type SnapshotMetadata } from './types.js';

/** Turns the paths of a snapshot's files into keys of the store that it is in now. Throws SRC_CORRUPT for what leaves its root. */
export interface Locator {
  /** The key of a manifest; `where` says who names it. */
  manifest(path: string, where: string): string;
  /** The manifest with keys in place of the paths of insert and delta logs. Nobody reads the other files, which keep theirs. */
  segment(manifest: SegmentManifest, where: string): SegmentManifest;
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
    if (rest.startsWith(data)) return root + rest;
    throw fail('SRC_CORRUPT', `${where} names ${JSON.stringify(path)}, which is not below ${FILES} of its bundle`);
  };
  const keyed = (logs: readonly ManifestLogs[], folder: (field: bigint) => string, where: string): ManifestLogs[] =>
    logs.map((group) => ({
      ...group,
      binlogs: group.binlogs.map((log) => {
        // The server leaves out paths that the ids say, too.
        const path = log.log_path === '' ? `${root}${data}${folder(group.field_id)}${log.log_id}` : undefined;
        return { ...log, log_path: path ?? dataKey(log.log_path, where) };
      }),
    }));
  return {
    manifest: (path, where) => root + below(path, where),
    segment(manifest, where) {
      const above = `${collection}/${manifest.partition_id}/${manifest.segment_id}/`;
      return {
        ...manifest,
        binlog_files: keyed(manifest.binlog_files, (field) => `insert_log/${above}${field}/`, where),
        deltalog_files: keyed(manifest.deltalog_files, () => `delta_log/${above}`, where),
      };
    },
  };
}
