import type { RecordBatch } from 'apache-arrow';
import type { Connection } from '../../../milvus/connection.js';
import { interrupted, throwIfAborted } from '../../../util/abort.js';
import { formatBytes, plural } from '../../../util/bytes.js';
import { type Deferred, deferred } from '../../../util/deferred.js';
import { fail } from '../../../util/errors.js';
import type { SentBatch, SetJournal, WriteOptions } from '../../types.js';
import type { Mapping } from '../match.js';
import { createFileSet, type FileSet } from './file-set.js';
import { importSet } from './import-set.js';
import type { FieldLimits } from './limits.js';
import type { FileKind } from './set-files.js';
import { createSlots } from './slots.js';
import type { Stage } from './stage.js';

export interface LoaderOptions {
  readonly collection: string;
  readonly stage: Stage;
  readonly mapping: () => Mapping;
  readonly kind: FileKind;
  /** By the field of the target. */
  readonly limits: () => ReadonlyMap<string, FieldLimits>;
  readonly maxFileBytes: number;
  /** Sets that are filled or imported at a time. */
  readonly parallelJobs: number;
  readonly keepFiles: boolean;
  readonly log: (message: string) => void;
}

/** Gathers batches in sets of files and has the server import them. */
export interface Loader {
  write(batch: RecordBatch, options: WriteOptions): Promise<SentBatch>;
  /** No more rows are to come for the partition now: what there is of them is handed over, and not waited for. */
  close(partition: string | undefined): Promise<void>;
  /** Waits until everything handed over is in the target. Throws what failed first. */
  finish(): Promise<void>;
}

interface OpenSet {
  readonly name: string;
  readonly partition: string;
  readonly files: FileSet;
  readonly journal: SetJournal;
  readonly notes: Promise<void>[];
  readonly landed: Deferred<void>;
  readonly kill: AbortSignal | undefined;
}

const NO_KEYS = new BigInt64Array(0);

export function createLoader(connection: Connection, o: LoaderOptions): Loader {
  const slots = createSlots(o.parallelJobs);
  const open = new Map<string, OpenSet>();
  const running = new Set<Promise<void>>();
  /** What is done to the set of a partition is done in turn. */
  const turns = new Map<string, Promise<unknown>>();
  const watched = new WeakSet<AbortSignal>();
  const run = Date.now().toString(36);
  let made = 0;
  let failure: { readonly thrown: unknown } | undefined;

  function inTurn<T>(partition: string, work: () => Promise<T>): Promise<T> {
    const turn = (turns.get(partition) ?? Promise.resolve()).then(work, work);
    turns.set(
      partition,
      turn.catch(() => {}),
    );
    return turn;
  }

  async function removeFiles(set: OpenSet): Promise<void> {
    if (!o.keepFiles) await set.files.remove();
  }

  /** A set that nobody will complete: its rows are not in the target. */
  async function giveUp(set: OpenSet, thrown: unknown): Promise<void> {
    open.delete(set.partition);
    set.landed.reject(thrown);
    await removeFiles(set);
    slots.give();
  }

  function watch(stop: AbortSignal | undefined): void {
    if (!stop || watched.has(stop)) return;
    watched.add(stop);
    const onStop = (): void => {
      for (const { partition } of [...open.values()]) {
        void inTurn(partition, async () => {
          const set = open.get(partition);
          if (set) await giveUp(set, interrupted());
        });
      }
    };
    stop.addEventListener('abort', onStop, { once: true });
  }

  async function take(set: OpenSet): Promise<void> {
    const { files, name, partition, journal, kill } = set;
    try {
      await Promise.all(set.notes);
      await files.finish();
      const size = `${formatBytes(files.bytes)}, ${o.kind}`;
      o.log(`${plural(files.rows, 'row')} (${size}) are handed over as ${name}`);
      const order = {
        name,
        collection: o.collection,
        partition,
        files: files.keys.map(o.stage.view),
        rows: files.rows,
        journal,
        owns: (file: string) => o.stage.owns(name, file),
      };
      await importSet(connection, order, { log: o.log, ...(kill ? { signal: kill } : {}) });
      set.landed.resolve();
    } catch (thrown) {
      failure ??= { thrown };
      set.landed.reject(thrown);
    } finally {
      // An import that nobody waits for any more reads its files still.
      if (!kill?.aborted) await removeFiles(set);
      slots.give();
    }
  }

  /** Hands a set over; within the turn of its partition. */
  function handOver(set: OpenSet): void {
    open.delete(set.partition);
    const work = take(set);
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  /** A place for a new set. While sets of other partitions hold them all, one of those has to go. */
  async function takeSlot(stop: AbortSignal | undefined): Promise<void> {
    if (slots.free === 0) {
      const [oldest] = open.values();
      if (oldest) {
        void inTurn(oldest.partition, async () => {
          if (open.get(oldest.partition) === oldest) handOver(oldest);
        });
      }
    }
    await slots.take(stop);
  }

  async function openSet(partition: string, options: WriteOptions): Promise<OpenSet> {
    const { journal, stop, signal: kill } = options;
    if (!journal) throw fail('INTERNAL', 'a set of files was begun that nobody notes');
    await takeSlot(stop);
    if (stop?.aborted) {
      // Those who give up have gone round already.
      slots.give();
      throw interrupted();
    }
    const name = `${run}-${++made}`;
    const landed = deferred<void>();
    landed.promise.catch(() => {});
    const files = createFileSet({
      store: o.stage.store,
      folder: o.stage.folder(name),
      mapping: o.mapping(),
      kind: o.kind,
      limits: o.limits(),
      maxFileBytes: o.maxFileBytes,
    });
    const set = { name, partition, files, journal, notes: [], landed, kill };
    open.set(partition, set);
    return set;
  }

  async function add(partition: string, batch: RecordBatch, options: WriteOptions): Promise<SentBatch> {
    if (failure) throw failure.thrown;
    throwIfAborted(options.stop);
    const found = open.get(partition);
    if (found && !found.files.fits(batch)) handOver(found);
    const set = open.get(partition) ?? (await openSet(partition, options));
    const rows = batch.numRows;
    try {
      set.notes.push(options.journal!.placed(set.name));
      set.notes.at(-1)!.catch(() => {});
      await set.files.append(batch);
    } catch (thrown) {
      failure ??= { thrown };
      await giveUp(set, thrown);
      throw thrown;
    }
    // Nothing but the number of rows is kept until then: a set holds many batches.
    return { ack: set.landed.promise.then(() => ({ rows, keys: NO_KEYS })) };
  }

  const close = (partition: string): Promise<void> =>
    inTurn(partition, async () => {
      const set = open.get(partition);
      if (set) handOver(set);
    });

  return {
    write(batch, options) {
      watch(options.stop);
      const partition = options.partition ?? '';
      return inTurn(partition, () => add(partition, batch, options));
    },
    close: (partition = '') => close(partition),
    async finish() {
      for (const partition of [...open.keys()]) await close(partition);
      await Promise.all(running);
      if (failure) throw failure.thrown;
    },
  };
}
