import type { RecordBatch, Schema } from 'apache-arrow';
import type { FieldSpec, MilvusType } from '../batch/fields.js';

/** Where reading of a split goes on; opaque to all but the reader that gave it. Safe to store as JSON. */
export type Cursor = string;

/** The smallest part of a source that can be read alone, e.g. one file. */
export interface Split {
  readonly id: string;
  /** What the user calls it: a path, or collection/partition. */
  readonly source: string;
  /** Partition that its rows go to, where the source names one. */
  readonly partition?: string;
  readonly rows: number;
  /** Bytes of all values as they will be batched. */
  readonly bytes: number;
  /** Changes when the content may have changed (size, mtime, digest of the header). */
  readonly fingerprint: string;
}

/** What a file or other source is, as `inspect` and `plan` show it. */
export interface SourceInfo {
  readonly path: string;
  /** e.g. "faiss", "hdf5". */
  readonly format: string;
  /** e.g. "IVFFlat (IwFl)", "HDF5 dataset embeddings". */
  readonly kind: string;
  readonly rows: number;
  readonly dim: number;
  readonly vectorType: MilvusType;
  /** Milvus name of the metric that the source itself states. */
  readonly metric?: string;
  readonly ids: 'stored' | 'none';
  readonly bytes: number;
  readonly fields: readonly FieldSpec[];
  /** Further facts, one line each (nested indexes, datasets, filters). */
  readonly details: readonly string[];
}

export interface ReadOptions {
  /** Go on behind this cursor; from the start where absent. */
  readonly after?: Cursor;
  /** Bound on the bytes of a batch's values. A single larger row still comes, alone. */
  readonly maxBytes: number;
  /** Only these fields (names of the reader's schema), so that a pass over ids alone costs little. */
  readonly columns?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface ReadBatch {
  /** Valid until the next batch is asked for: readers reuse their memory. */
  readonly batch: RecordBatch;
  /** Position behind this batch. */
  readonly cursor: Cursor;
  /** Row number, within the split, of the first row of the batch. */
  readonly firstRow: number;
}

/** A source of record batches. Opening reads headers only. The one who opens it disposes of it. */
export interface Reader extends AsyncDisposable {
  /** Fields of every batch. The key field is marked; without one the source has no ids. */
  readonly schema: Schema;
  readonly info: readonly SourceInfo[];
  /** Losses and oddities that the user should know before writing: narrowing, skipped files. */
  readonly warnings: readonly string[];
  splits(): Promise<readonly Split[]>;
  /** Batches of a split in a fixed order. Throws SRC_* errors. */
  read(split: Split, options: ReadOptions): AsyncIterable<ReadBatch>;
}

/** One step of a plan. `drop` and `empty` lose data of the target, which `detail` counts. */
export interface Action {
  readonly kind: 'create' | 'append' | 'drop' | 'empty' | 'skip' | 'index' | 'load' | 'warn';
  readonly target: string;
  readonly detail: string;
}

/** What the target said of a batch. */
export interface Ack {
  readonly rows: number;
  /** Keys that the server gave, where it gives them itself. */
  readonly keys?: BigInt64Array;
}

export interface SentBatch {
  /** Resolves when the target has acknowledged the batch; rejects with DST_* or NET_* errors. */
  readonly ack: Promise<Ack>;
}
