import type { RecordBatch, Schema } from 'apache-arrow';
import { backupPrefix } from '../../backup/layout.js';
import type { LogicalPart } from '../../backup/logical.js';
import type { LogicalTarget } from '../../config/types.js';
import { type Deferred, deferred } from '../../util/deferred.js';
import { fail } from '../../util/errors.js';
import { createRanges, type RowRange, type RowRanges } from '../../util/row-ranges.js';
import type { SplitRows, WriteOptions } from '../types.js';
import { createPart, type PartFile } from './part-file.js';
import { type CollectionPlace, notedParts, notePart, partKey } from './parts.js';

export interface PartitionOptions {
  readonly place: CollectionPlace;
  /** The partition as a part of a key. */
  readonly safe: string;
  readonly schema: Schema;
  readonly compression: LogicalTarget['compression'];
  /** Bytes of values in a file, about: what a run that is cut short has to write again. */
  readonly partBytes: number;
}

interface OpenPart {
  readonly file: PartFile;
  readonly key: string;
  /** By split. */
  readonly rows: Map<string, RowRanges>;
  /** Resolved when the file is complete; never where that fails. */
  readonly complete: Deferred<void>;
}

/** Notes rows of a split. */
function addRows(to: Map<string, RowRanges>, split: string, ranges: readonly RowRange[]): void {
  const rows = to.get(split) ?? createRanges();
  for (const range of ranges) rows.add(range.from, range.to);
  to.set(split, rows);
}

/**
 * One partition on its way into files. Batches may come from several readers at a time, in any order. Disposing of it leaves no
 * file that is not complete.
 */
export class PartitionWriter implements AsyncDisposable {
  /** Rows that were given, and that an earlier run has settled. */
  rows = 0;
  readonly #o: PartitionOptions;
  readonly #parts: LogicalPart[] = [];
  /** Rows in complete files of an earlier run, by split. */
  readonly #held = new Map<string, RowRanges>();
  /** An earlier run has completed everything. */
  #whole = false;
  #current: OpenPart | undefined;
  /** Files that are not complete. */
  readonly #open = new Set<PartFile>();
  #number = 0;
  /** A file takes one batch after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** The file before the current one, which is read back while that is being written. */
  #closing: Promise<void> = Promise.resolve();

  constructor(o: PartitionOptions) {
    this.#o = o;
  }

  get parts(): readonly LogicalPart[] {
    return this.#parts;
  }

  /**
   * Takes the files over that an earlier run has completed; what is in them is not written again.
   * @param noted rows that the earlier run has settled
   * @param complete all files of the partition, where it had completed the collection
   * Throws DST_UNFINISHED when a file is gone.
   */
  async takeOver(noted: number, complete: readonly LogicalPart[] | undefined): Promise<void> {
    const { place, safe } = this.#o;
    this.#whole = complete !== undefined;
    const notes = complete ? [] : await notedParts(place, safe);
    this.#parts.push(...(complete ?? notes.map(({ part }) => part)));
    this.#number = this.#parts.length;
    for (const { rows } of notes) for (const [split, ranges] of rows) addRows(this.#held, split, ranges);
    const held = this.#parts.reduce((sum, { rows }) => sum + rows, 0);
    if (noted > held) {
      const key = partKey(place, safe, this.#number + 1);
      throw fail(
        'DST_UNFINISHED',
        `${key} in ${place.store.name}, which an earlier run of this job had completed, is gone`,
      );
    }
    this.rows = noted;
  }

  /** Resolves when the batch's memory is free, with what resolves when its rows are in a complete file. Throws STORE_*. */
  write(
    batch: RecordBatch,
    { source, digest }: Pick<WriteOptions, 'source' | 'digest'>,
  ): Promise<{ readonly durable: Promise<void> }> {
    return this.#inTurn(async () => {
      this.rows += batch.numRows;
      const missing = this.#missingOf(batch, source);
      if (missing.length === 0) return { durable: Promise.resolve() };
      this.#current ??= await this.#begin();
      const part = this.#current;
      for (const rows of missing) await part.file.append(rows, rows === batch ? digest : undefined);
      if (source) addRows(part.rows, source.split, [source]);
      if (part.file.bytes >= this.#o.partBytes) await this.#close();
      return { durable: part.complete.promise };
    });
  }

  /** Completes the last file. A partition without rows becomes a file without rows: it exists again after the restore. */
  async complete(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#number === 0) this.#current = await this.#begin();
      await this.#close();
    });
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#turn, this.#closing]);
    for (const file of this.#open) await file[Symbol.asyncDispose]();
  }

  /** What of the batch is in no complete file. */
  #missingOf(batch: RecordBatch, source: SplitRows | undefined): RecordBatch[] {
    if (this.#whole) return [];
    if (this.#held.size === 0) return [batch];
    if (!source) throw fail('INTERNAL', 'rows that say not where they come from cannot be told from rows written');
    const { split, from, to } = source;
    const missing = this.#held.get(split)?.missing(from, to) ?? [source];
    if (missing.length === 1 && missing[0]!.from === from && missing[0]!.to === to) return [batch];
    if (missing.length > 0 && batch.numRows !== to - from) {
      throw fail('INTERNAL', 'rows of a batch that lacks some cannot be told from rows written');
    }
    return missing.map((part) => batch.slice(part.from - from, part.to - from));
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    // Behind a failure nothing is written any more: a file that lacks a batch must not be completed.
    this.#turn = mine;
    mine.catch(() => {});
    return mine;
  }

  async #begin(): Promise<OpenPart> {
    const { place, safe, schema, compression } = this.#o;
    const key = partKey(place, safe, ++this.#number);
    const file = await createPart({ store: place.store, key, schema, compression });
    this.#open.add(file);
    return { file, key, rows: new Map(), complete: deferred() };
  }

  /** Begins to complete the current file, once the one before is complete. */
  async #close(): Promise<void> {
    const part = this.#current;
    if (!part) return;
    this.#current = undefined;
    const before = this.#closing;
    this.#closing = before.then(() => this.#finish(part));
    // Told by whoever waits for it next.
    this.#closing.catch(() => {});
    await before;
  }

  async #finish({ file, key, rows, complete }: OpenPart): Promise<void> {
    const { place } = this.#o;
    const facts = await file.finish();
    this.#open.delete(file);
    const part = { key: key.slice(backupPrefix(place.backup).length), ...facts };
    await notePart(place, { part, rows: new Map([...rows].map(([split, ranges]) => [split, ranges.list()])) });
    this.#parts.push(part);
    complete.resolve();
  }
}
