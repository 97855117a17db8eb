import type { RecordBatch, Schema } from 'apache-arrow';
import type { CollectionSettings, SourceInfo } from '../batch/described.js';
import type { Value } from '../batch/values.js';
import type { CollectionParameter, MetricType, Mode, WriteChoice, WritePath } from '../config/types.js';

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
  /** Number of its first row within `source`, where it is only a part of that; 0 where absent. */
  readonly firstRow?: number;
  /** Bytes of all values as they will be batched; an estimate where there is text. */
  readonly bytes: number;
  /** Changes when the content may have changed (size, mtime, digest of the header). */
  readonly fingerprint: string;
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
  /** What became known only while reading, e.g. rows that a source counts but does not show. */
  lateWarnings?(): readonly string[];
  /** Splits that may be read at a time, and are then read faster; 1 where absent. Order between splits then means nothing. */
  readonly parallelSplits?: number;
  splits(): Promise<readonly Split[]>;
  /** Position in front of any row of a split, where that is reached without reading the rows before it. */
  cursorAt?(split: Split, row: number): Cursor;
  /** Batches of a split in a fixed order. Throws SRC_* errors. */
  read(split: Split, options: ReadOptions): AsyncIterable<ReadBatch>;
}

export type { CollectionSettings, SourceInfo };

/** One collection of a source that has many. */
export interface SourceCollection {
  readonly name: string;
  readonly settings: CollectionSettings;
  /**
   * Looks whether all of its rows can be read, as far as that costs little: existence and sizes of files. `open` then relies
   * on it. Throws SRC_* errors.
   */
  check?(): Promise<void>;
  /** Opens its rows; splits carry their partition. The caller disposes of the reader. */
  open(): Promise<Reader>;
}

/** A source of collections, already narrowed to what the selection names. The opener disposes of it. */
export interface Catalog extends AsyncDisposable {
  readonly collections: readonly SourceCollection[];
  readonly warnings: readonly string[];
}

/** One step of a plan. `drop` and `empty` lose data of the target, which `detail` counts. */
export interface Action {
  readonly kind: 'create' | 'append' | 'drop' | 'empty' | 'skip' | 'write' | 'index' | 'load' | 'copy';
  readonly target: string;
  readonly detail: string;
}

/** The part of a target that rows go to: a named partition, or the collection where none is named. */
export interface WriteUnit {
  readonly partition?: string;
  /** The mode is applied to the whole collection although a partition is named: the user named the collection only. */
  readonly whole?: boolean;
}

/** What a run does about ids, as far as a target depends on it. */
export interface IdChoice {
  /** Type of the key column of the batches; none: row numbers, or keys that the target makes. */
  readonly type: 'INT64' | 'VARCHAR' | 'none';
  /** The source itself stores ids. */
  readonly stored: boolean;
  readonly newIds: boolean;
}

/** One collection of a target, as a task asks for it. */
export interface WriterRequest {
  readonly collection: string;
  readonly mode: Mode;
  readonly parameter: CollectionParameter;
  readonly metric: MetricType;
  readonly ids: IdChoice;
  /** What the collection was in its source; {} for files. */
  readonly settings: CollectionSettings;
  readonly description: string;
  readonly parallelism: number;
  /** Requests in flight and their bytes may be fewer than `parallelism` and these where that is better; fixed where absent. */
  readonly tuning?: { readonly batchBytes: number };
  /** Which way rows are to go; by requests where absent. */
  readonly write?: WriteChoice;
  /** What tells this collection of this job, and of this part of it, from every other one: a folder's name, with "/" before a part. */
  readonly job?: string;
}

/** A place that collections are written to. The opener disposes of it, after all of its writers. */
export interface Target extends AsyncDisposable {
  readonly server: string;
  writer(request: WriterRequest): Writer;
}

export interface UnitPlan extends WriteUnit {
  readonly write: boolean;
  /** Rows it holds now, as far as the server tells without being changed. */
  readonly existingRows: number;
  /** It is made or emptied by this run, so that all its rows will be ours. */
  readonly fresh: boolean;
}

/** What an earlier run of the same job has left of a collection that is to be continued. */
export interface ResumePoint {
  /** As that run planned them. */
  readonly units: readonly UnitPlan[];
  /** That run made the collection, or was about to. */
  readonly creates: boolean;
  /** What `prepare` gave; undefined when the run died before or in it. */
  readonly target: string | undefined;
  /** Rows by partition ('' without one) that are settled. */
  readonly rows: ReadonlyMap<string, number>;
  /** How that run wrote; by requests where absent. */
  readonly path?: WritePath;
}

export interface PlanOptions {
  /** Count rows of the target exactly, also where that makes the server flush them first. */
  readonly exact: boolean;
  readonly resume?: ResumePoint;
  /** Overwrite, whatever the mode, if the target is still what `prepare` gave to a run that is given up. */
  readonly replace?: string;
  /** Bytes of all values that are to be written; an estimate. */
  readonly bytes?: number;
}

export interface WritePlan {
  /** `insert` where absent. */
  readonly path?: WritePath;
  /** The collection is made by this run (or was, by the run that it continues). */
  readonly creates: boolean;
  /** Rows can be counted and looked up while the run is under way. */
  readonly canQuery: boolean;
  readonly actions: readonly Action[];
  readonly units: readonly UnitPlan[];
  readonly warnings: readonly string[];
  /** The server gives the keys: no key column is needed. */
  readonly autoId: boolean;
  /** The target holds rows that stay, so row numbers as ids need a start. */
  readonly needsIdStart: boolean;
}

/** What the target said of a batch. */
export interface Ack {
  readonly rows: number;
  /** Keys of the rows in their order, as the server names them. */
  readonly keys: BigInt64Array;
}

export interface SentBatch {
  /** Resolves when the target has acknowledged the batch; rejects with DST_* or NET_* errors. */
  readonly ack: Promise<Ack>;
  /** Resolves when the rows outlive the death of this process; with the ack where absent. May stay open for ever after a failure. */
  readonly durable?: Promise<void>;
  /** Milliseconds for which the writer has worked on the batch before it was sent, as opposed to waiting for a place. */
  readonly encodeMs?: number;
}

/** Notes of a target that gathers rows in sets of files, which a server goes on to take in when this process has died. */
export interface SetJournal {
  /** The batch goes into this set, which is handed over only after this has resolved. */
  placed(set: string): Promise<void>;
  /** The server takes it in, by these tasks. */
  started(set: string, tasks: readonly bigint[]): Promise<void>;
}

/** What has become of a set: in the target, not in it, or forgotten by the server. */
export type SetFate = 'landed' | 'missing' | 'unknown';

/** Rows of a split, from `from` up to but without `to`. */
export interface SplitRows {
  readonly split: string;
  readonly from: number;
  readonly to: number;
}

export interface WriteOptions {
  readonly partition?: string;
  /** Where the rows of the batch come from; fewer rows than these where some were left out. */
  readonly source?: SplitRows;
  /** Content digest of the batch, where it was taken already. */
  readonly digest?: string;
  /** For writers with `settleSets`. */
  readonly journal?: SetJournal;
  /** The unit is fresh and no id occurs twice: a batch whose answer was lost may be sent again as an upsert. */
  readonly repeatable: boolean;
  /** Some of the rows may be there already, sent by a run that died; they are replaced. Only where `repeatable`. */
  readonly again?: boolean;
  /** Rows are counted to tell whether they have arrived, so they are not to be cut into several requests without need. */
  readonly atOnce?: boolean;
  /** Once it is aborted no request is begun any more: `write` rejects, and what is in flight goes on. */
  readonly stop?: AbortSignal;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

/** Rows of the target, one entry per row found, in no order. Values as in the batches. */
export interface TargetRow {
  readonly key: bigint | string;
  /** Value per field of the batch schema, by name: bytes of vectors and text, numbers of scalars. */
  readonly values: ReadonlyMap<string, Value>;
}

export type Phase =
  | 'connect'
  | 'plan'
  | 'preflight'
  | 'prepare'
  | 'write'
  | 'copy'
  | 'flush'
  | 'index'
  | 'load'
  | 'verify';

export interface PhaseProgress {
  phase(phase: Phase): void;
  progress(done: number, total: number): void;
}

/** Requests in flight and the bytes of each, at most, as tuning has them, and the median time to the last acknowledgements. */
export interface TunedRequests {
  readonly inFlight: number;
  readonly bytes: number;
  readonly ackMs: number;
}

/** Rows of a unit, and how they were counted: two numbers can be compared when both were counted the same way. */
export interface UnitCount {
  readonly rows: number;
  readonly how: 'query' | 'statistics';
}

/**
 * A target of record batches. `plan` reads only; `prepare` creates, drops and empties; `write` may be called again as soon
 * as it has resolved, which is when the batch's memory is free; `commit` makes all durable. The opener disposes of it.
 */
export interface Writer extends AsyncDisposable {
  /** Requests that it takes in flight at a time. */
  readonly parallelism: number;
  /** It reads back and compares everything that it has written, in `commit`. */
  readonly verifiesItself?: boolean;
  /** What was not acknowledged does not exist, or writing it again replaces it. */
  readonly rewritable: boolean;
  /** Rows that were sent over themselves; a count from statistics may hold them twice until the server compacts. */
  readonly replacedRows: number;
  /** Batches must come in the order of the source. */
  readonly sequential?: boolean;
  /** It keeps only the last of several rows with one id. */
  readonly deduplicates: boolean;
  /** How long rows that it has may be left out of a count, in milliseconds. */
  readonly countPatienceMs?: number | undefined;
  /** It refuses NaN and infinity in FLOAT and DOUBLE fields, not in vectors alone. */
  readonly finiteScalars?: boolean;
  readonly server: string;
  /** Throws DST_UNFINISHED when what is to be continued is not as it was left. */
  plan(schema: Schema, units: readonly WriteUnit[], o: PlanOptions): Promise<WritePlan>;
  /** Gives the target's own name for what is written to; it changes when somebody makes that anew. */
  prepare(plan: WritePlan): Promise<string>;
  /** Largest int64 key of the target plus one; 0 where it has no rows. */
  nextId(): Promise<bigint>;
  write(batch: RecordBatch, options: WriteOptions): Promise<SentBatch>;
  /** How it sends requests by now, where it tunes that. */
  tuned?(): TunedRequests | undefined;
  /** All rows of the unit have been given. */
  completeUnit?(unit: WriteUnit): Promise<void>;
  /** What has become of sets of a run that died, given with their tasks. Waits for those that the server is still at. */
  settleSets?(sets: ReadonlyMap<string, readonly bigint[]>): Promise<ReadonlyMap<string, SetFate>>;
  commit(progress: PhaseProgress): Promise<void>;
  /** Rows of a unit as the target counts them now, exactly where it can be queried; only those with `key` where given. */
  countRows(unit: WriteUnit, key?: bigint | string): Promise<number>;
  /** Looks rows up by key. Empty when `canQuery` is false. */
  findRows(keys: readonly (bigint | string)[], unit: WriteUnit): Promise<TargetRow[]>;
  /** Rows that the unit has of each key, copies counted; keys without rows are left out. Needs a plan with `canQuery`. */
  countCopies(keys: readonly (bigint | string)[], unit: WriteUnit): Promise<Map<bigint | string, number>>;
  /** Rows with int64 keys in [from, to]. Needs a plan with `canQuery`. */
  countBetween(from: bigint, to: bigint, unit: WriteUnit): Promise<number>;
  /** Rows of the unit, exactly, whatever that takes. */
  countExactly(unit: WriteUnit): Promise<UnitCount>;
  /** All rows of a unit as queries show them now, after `openForReading` has said that they do. Read by one caller, who disposes of it. */
  contents?(unit: WriteUnit): Promise<Reader>;
  /** Makes the target ready for countRows and findRows; says whether rows can be looked up. */
  openForReading(progress: PhaseProgress): Promise<boolean>;
  /** Puts the state of loading back, or loads where the user asked for it. */
  settle(progress: PhaseProgress): Promise<void>;
}
