import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeFullMeta } from '../../src/backup/decode.js';
import { logKey } from '../../src/backup/layout.js';
import type { CollectionBackupInfo, FieldBinlogInfo, SegmentBackupInfo } from '../../src/backup/types.js';
import { draftFiles, type SnapshotFiles } from '../../src/snapshot/from-collection.js';
import { encodeManifest } from '../../src/snapshot/manifest.js';
import { encodeMetadata } from '../../src/snapshot/metadata.js';
import { PROJECT } from './environments.js';

/** What milvus-backup v0.5.16 made of a Milvus 2.3.5. */
export const SAMPLE = join(PROJECT, 'fixtures/milvus-backup/sample');

/** A collection of the sample. */
export function sampleCollection(name: string): CollectionBackupInfo {
  const where = join(SAMPLE, 'meta/full_meta.json');
  const info = decodeFullMeta({ where, bytes: readFileSync(where) });
  return info.collection_backups.find((one) => one.collection_name === name)!;
}

export interface SnapshotOfSample {
  /** Where it says that it was written; the folder itself where absent. */
  readonly root?: string;
  /** Changes what is written: metadata and manifests. */
  readonly change?: (files: SnapshotFiles) => SnapshotFiles;
}

/** Writes the files of a snapshot below a folder. */
export function writeSnapshot(folder: string, { key, metadata, manifests }: SnapshotFiles): string {
  const put = (name: string, bytes: Uint8Array): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  };
  for (const one of manifests) put(one.key, encodeManifest(one.manifest, metadata.format_version));
  put(key, encodeMetadata(metadata));
  return join(folder, key);
}

/** A self-contained snapshot of a collection of the sample, in a folder; gives the path of its metadata file. */
export function snapshotOfSample(folder: string, name: string, o: SnapshotOfSample = {}): string {
  const info = sampleCollection(name);
  const root = o.root ?? `${folder}/`;
  const moved = (segment: SegmentBackupInfo, groups: readonly FieldBinlogInfo[], insert: boolean): FieldBinlogInfo[] =>
    groups.map((group) => ({
      ...group,
      binlogs: group.binlogs.map((log) => {
        const field = insert ? group.fieldID : undefined;
        const kind = insert ? 'insert_log' : 'delta_log';
        const above = `${segment.collection_id}/${segment.partition_id}/${segment.segment_id}`;
        const log_path = `files/${kind}/${above}/${insert ? `${field}/` : ''}${log.log_id}`;
        mkdirSync(dirname(join(folder, log_path)), { recursive: true });
        cpSync(join(SAMPLE, logKey('', segment, field, log.log_id)), join(folder, log_path));
        return { ...log, log_path };
      }),
    }));
  const segments = (all: readonly SegmentBackupInfo[]): SegmentBackupInfo[] =>
    all.map((one) => ({ ...one, binlogs: moved(one, one.binlogs, true), deltalogs: moved(one, one.deltalogs, false) }));
  const copied = {
    ...info,
    partition_backups: info.partition_backups.map((one) => ({
      ...one,
      segment_backups: segments(one.segment_backups),
    })),
  };
  const view = (key: string): string => root + key;
  const draft = draftFiles({
    id: 77n,
    name: 'nightly',
    description: '',
    created: 1n << 60n,
    info: copied,
    root: '',
    view,
  });
  return writeSnapshot(folder, o.change?.(draft) ?? draft);
}
