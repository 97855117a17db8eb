import type { CodeEntry } from './error-codes.js';
import { EXIT } from './exit-codes.js';

export type SnapshotErrorCode =
  | 'SNAPSHOT_NOT_FOUND'
  | 'SNAPSHOT_EXISTS'
  | 'SNAPSHOT_PINNED'
  | 'SNAPSHOT_TARGET_EXISTS'
  | 'SNAPSHOT_STORAGE'
  | 'SNAPSHOT_JOB_NOT_FOUND'
  | 'SNAPSHOT_RESTORE_FAILED';

/** Errors of snapshots; the remedies are those of Milvus' guide where it has one. */
export const SNAPSHOT_ERROR_CODES: Readonly<Record<SnapshotErrorCode, CodeEntry>> = {
  SNAPSHOT_NOT_FOUND: {
    exit: EXIT.target,
    when: 'There is no snapshot of this name.',
    hint: 'Verify the name with `milvusdm snapshot list`, and check whether the snapshot, or its collection, was dropped.',
  },
  SNAPSHOT_EXISTS: {
    exit: EXIT.target,
    when: 'The collection has a snapshot of this name already.',
    hint: 'Choose another name, e.g. with the date in it, or drop the old one with `milvusdm snapshot drop`.',
  },
  SNAPSHOT_PINNED: {
    exit: EXIT.target,
    when: 'A snapshot cannot be dropped, because somebody has pinned it or is restoring it.',
    hint: 'Wait until the restore is over (`milvusdm snapshot jobs`), or have the pin removed by who made it.',
  },
  SNAPSHOT_TARGET_EXISTS: {
    exit: EXIT.target,
    when: 'The collection that a snapshot is to be restored to exists already.',
    hint: 'Use a different name for the restored collection (--to, dest_collection_name).',
  },
  SNAPSHOT_STORAGE: {
    exit: EXIT.target,
    when: 'The server has no space for a snapshot or for what is to be restored from one.',
    hint: 'Free up storage space, e.g. with `milvusdm snapshot prune`, or increase the limits of the server.',
  },
  SNAPSHOT_JOB_NOT_FOUND: {
    exit: EXIT.target,
    when: 'There is no restore of a snapshot with this job id.',
    hint: 'Verify that the job id is correct with `milvusdm snapshot jobs`; the job may have expired or been cleaned up.',
  },
  SNAPSHOT_RESTORE_FAILED: {
    exit: EXIT.target,
    when: 'The server began to restore a snapshot and failed.',
    hint: 'The reason in the message says what to mend; then drop what there is of the restored collection and restore again.',
  },
};
