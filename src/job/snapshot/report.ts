import type { SnapshotAction } from '../../config/types.js';
import type { RestoreStatus, SnapshotDetails, SnapshotInfo, SnapshotKind, SnapshotShape } from './types.js';

/** A snapshot as reports show it. Numbers that nobody knows are null. */
export interface SnapshotEntry {
  readonly db: string;
  readonly collection: string;
  readonly name: string;
  readonly description: string;
  readonly partitions: readonly string[];
  /** UTC, ISO 8601. */
  readonly created: string | null;
  readonly location: string;
  /** Of its segments; deleted rows count. */
  readonly rows: number | null;
  readonly bytes: number | null;
  readonly segments: number | null;
  readonly pins: number | null;
}

export interface DescribedSnapshot extends SnapshotEntry {
  readonly shape: SnapshotShape | null;
}

/** A restore as reports show it. */
export interface RestoreEntry {
  readonly job_id: string;
  readonly snapshot: string;
  readonly db: string;
  readonly collection: string;
  readonly state: RestoreStatus['state'];
  /** 0 to 100. */
  readonly progress: number;
  readonly reason: string;
  /** UTC, ISO 8601. */
  readonly started: string | null;
  readonly time_cost_ms: number;
}

/** A snapshot that was dropped by `prune`, or would be. */
export interface PrunedSnapshot extends SnapshotEntry {
  readonly dropped: boolean;
  /** Bytes of storage that this frees; null where nobody can tell. */
  readonly frees: number | null;
}

export interface KeptSnapshot {
  readonly db: string;
  readonly collection: string;
  readonly name: string;
  readonly why: string;
}

/** What a SNAPSHOT has done or found; which parts are there depends on the action. */
export interface SnapshotReport {
  readonly action: SnapshotAction;
  readonly keeper: SnapshotKind;
  readonly server: string;
  /** What users should know about snapshots of this kind. */
  readonly notes: readonly string[];
  readonly snapshot?: DescribedSnapshot | SnapshotEntry;
  readonly snapshots?: readonly SnapshotEntry[];
  readonly job?: RestoreEntry;
  readonly jobs?: readonly RestoreEntry[];
  readonly pruned?: readonly PrunedSnapshot[];
  readonly kept?: readonly KeptSnapshot[];
}

function timeText(ms: number): string | null {
  return ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString() : null;
}

export function entryOf(info: SnapshotInfo): SnapshotEntry {
  const { db, collection, name, description, partitions, location } = info;
  return {
    db,
    collection,
    name,
    description,
    partitions,
    created: timeText(info.created),
    location,
    rows: info.rows === undefined ? null : Number(info.rows),
    bytes: info.bytes ?? null,
    segments: info.segments ?? null,
    pins: info.pins ?? null,
  };
}

export function describedEntry(details: SnapshotDetails): DescribedSnapshot {
  return { ...entryOf(details), shape: details.shape ?? null };
}

export function restoreEntry(status: RestoreStatus): RestoreEntry {
  const { jobId, snapshot, to, state, progress, reason, timeCost } = status;
  return {
    job_id: jobId,
    snapshot,
    db: to.db,
    collection: to.collection,
    state,
    progress,
    reason,
    started: timeText(status.started),
    time_cost_ms: timeCost,
  };
}
