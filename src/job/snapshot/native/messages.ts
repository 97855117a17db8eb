import { OK } from '../../../milvus/decode.js';
import { type Answer, status } from '../../../segments/server-messages.js';
import {
  count,
  int32,
  int64,
  message,
  repeated,
  text,
  uint64,
  type WireMessage,
} from '../../../segments/wire-messages.js';

// Numbers of fields: milvus.proto of Milvus 3.0 (milvus-proto, master, 2026-08). Create and Drop answer a bare common.Status.

export interface NamesAnswer extends Answer {
  readonly names: readonly string[];
}

/** ListSnapshotsResponse. */
export const SNAPSHOTS: WireMessage<NamesAnswer> = {
  zero: { status: OK, names: [] },
  fields: { 1: ['status', status], 2: ['names', repeated(text)] },
};

export interface SnapshotAnswer extends Answer {
  readonly name: string;
  readonly description: string;
  readonly collection: string;
  readonly partitions: readonly string[];
  readonly createTs: bigint;
  readonly location: string;
}

/** DescribeSnapshotResponse. */
export const SNAPSHOT: WireMessage<SnapshotAnswer> = {
  zero: { status: OK, name: '', description: '', collection: '', partitions: [], createTs: 0n, location: '' },
  fields: {
    1: ['status', status],
    2: ['name', text],
    3: ['description', text],
    4: ['collection', text],
    5: ['partitions', repeated(text)],
    6: ['createTs', int64],
    7: ['location', text],
  },
};

export interface RestoreAnswer extends Answer {
  readonly jobId: bigint;
}

/** RestoreSnapshotResponse. */
export const RESTORE: WireMessage<RestoreAnswer> = {
  zero: { status: OK, jobId: 0n },
  fields: { 1: ['status', status], 2: ['jobId', int64] },
};

export interface WireJob {
  readonly jobId: bigint;
  readonly snapshot: string;
  readonly db: string;
  readonly collection: string;
  /** RestoreSnapshotState: none, pending, executing, completed, failed. */
  readonly state: number;
  readonly progress: number;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly started: bigint;
  /** Milliseconds; 0 before the end. */
  readonly timeCost: number;
}

const job: WireMessage<WireJob> = {
  zero: {
    jobId: 0n,
    snapshot: '',
    db: '',
    collection: '',
    state: 0,
    progress: 0,
    reason: '',
    started: 0n,
    timeCost: 0,
  },
  fields: {
    1: ['jobId', int64],
    2: ['snapshot', text],
    3: ['db', text],
    4: ['collection', text],
    5: ['state', int32],
    6: ['progress', int32],
    7: ['reason', text],
    8: ['started', uint64],
    9: ['timeCost', count],
  },
};

export interface JobAnswer extends Answer {
  readonly info: WireJob | null;
}

/** GetRestoreSnapshotStateResponse. */
export const JOB: WireMessage<JobAnswer> = {
  zero: { status: OK, info: null },
  fields: { 1: ['status', status], 2: ['info', message(job)] },
};

export interface JobsAnswer extends Answer {
  readonly jobs: readonly WireJob[];
}

/** ListRestoreSnapshotJobsResponse. */
export const JOBS: WireMessage<JobsAnswer> = {
  zero: { status: OK, jobs: [] },
  fields: { 1: ['status', status], 2: ['jobs', repeated(message(job))] },
};
