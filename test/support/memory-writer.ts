import type { RecordBatch, Schema } from 'apache-arrow';
import type { Ack, Action, ResumePoint, UnitPlan, WritePlan, Writer, WriteUnit } from '../../src/adapters/types.js';
import { keyIndex, rawColumns } from '../../src/batch/columns.js';
import { fromArrowField, isVector } from '../../src/batch/fields.js';
import { type Value, valueAt } from '../../src/batch/values.js';
import type { Mode } from '../../src/config/types.js';
import { interrupted, throwIfAborted } from '../../src/util/abort.js';
import { fail } from '../../src/util/errors.js';

export interface StoredRow {
  readonly key: bigint | string;
  readonly values: Map<string, Value>;
}

/** A collection in memory: its partitions with their rows in the order in which they were stored. */
export interface MemoryCollection {
  readonly partitions: Map<string, StoredRow[]>;
}

/** What the writer does wrong when asked to. Rows and batches are numbered from 0 over the whole run. */
export interface Misbehaviour {
  /** Acknowledge this row without storing it. */
  readonly loseRow?: number;
  /** Store this row with one bit of its first vector changed. */
  readonly flipBit?: number;
  /** Store this batch twice. */
  readonly doubleBatch?: number;
  /** Reject the ack of this batch; nothing of it is stored unless `stored`. */
  readonly failAck?: { readonly batch: number; readonly error: Error; readonly stored?: boolean };
  /** No ack of this batch or a later one comes any more, as if the process had died; some are stored nevertheless. */
  readonly die?: { readonly from: number; readonly stores: (batch: number) => boolean };
  /** Turns of the event loop that the ack of a batch waits; acks overtake each other when these differ. */
  readonly ackDelay?: (batch: number) => number;
}

/** What is left of a target when its writer is gone. */
export interface MemoryTargetState {
  collection: MemoryCollection | undefined;
  /** Changes when the collection is made anew. */
  identity: number;
}

export interface MemoryWriterOptions {
  readonly mode?: Mode;
  /** Rows that the target holds already, by partition. Without them the collection does not exist. */
  readonly existing?: Readonly<Record<string, readonly StoredRow[]>>;
  readonly autoId?: boolean;
  readonly parallelism?: number;
  /** A target that outlives the writer, for runs that are continued. */
  readonly target?: MemoryTargetState;
  /** Keep the last of several rows with one id, as Milvus Lite does. */
  readonly deduplicates?: boolean;
  /** Says that it refuses NaN and infinity in scalars, and does. */
  readonly finiteScalars?: boolean;
  /** Which of several rows with one id a lookup shows. */
  readonly shows?: 'first' | 'last';
  /** False: rows can be counted and not looked up. */
  readonly canQuery?: boolean;
  readonly warnings?: readonly string[];
  readonly misbehave?: Misbehaviour;
  /** Called at the start of every step (`plan`, `prepare`, `write 0`, `ack 0`, `commit`, ...); may throw or wait. */
  readonly before?: (step: string) => void | Promise<void>;
}

export interface MemoryWriter extends Writer {
  /** The target as it stands; undefined while there is no collection. */
  readonly collection: MemoryCollection | undefined;
  /** Steps taken so far, in order. */
  readonly steps: readonly string[];
  /** Largest number of batches that were in flight at one time. */
  readonly mostInFlight: number;
  readonly disposals: number;
}

const DEFAULT_PARTITION = '_default';
const DEAD = fail('NET_UNAVAILABLE', 'the server is gone');

function rowsIn(collection: MemoryCollection | undefined, partition?: string): StoredRow[] {
  if (!collection) return [];
  return partition === undefined
    ? [...collection.partitions.values()].flat()
    : (collection.partitions.get(partition) ?? []);
}

/** Copies the rows of a batch; keys come from `nextKey` where the batch has none. */
function rowsOf(batch: RecordBatch, nextKey: () => bigint): StoredRow[] {
  const key = keyIndex(batch.schema);
  const columns = rawColumns(batch);
  return Array.from({ length: batch.numRows }, (_, row) => {
    const values = new Map<string, Value>();
    for (const [i, column] of columns.entries()) {
      if (i === key) continue;
      values.set(column.field.name, valueAt(column, row, isVector(fromArrowField(column.field).type)));
    }
    const raw = key < 0 ? nextKey() : valueAt(columns[key]!, row, false);
    return { key: raw instanceof Uint8Array ? Buffer.from(raw).toString('utf8') : (raw as bigint), values };
  });
}

function flipFirstBit(row: StoredRow): StoredRow {
  const values = new Map(row.values);
  const [name, bytes] = [...values].find(([, value]) => value instanceof Uint8Array)!;
  const changed = (bytes as Uint8Array).slice();
  changed[0]! ^= 1;
  values.set(name, changed);
  return { ...row, values };
}

function store(partition: StoredRow[], rows: readonly StoredRow[], deduplicates: boolean): void {
  for (const row of rows) {
    const at = deduplicates ? partition.findIndex((other) => other.key === row.key) : -1;
    if (at >= 0) partition.splice(at, 1);
    partition.push(row);
  }
}

interface Placed {
  readonly partition: string;
  readonly again: boolean;
}

function continuedPlan(resume: ResumePoint, identity: string): WritePlan {
  if (resume.target !== identity) throw fail('DST_UNFINISHED', 'the collection was made anew');
  return {
    creates: resume.creates,
    canQuery: true,
    actions: [],
    units: resume.units,
    warnings: [],
    autoId: false,
    needsIdStart: false,
  };
}

/** Places for so many batches in flight; `enter` waits for one. */
function createGate(size: number): { enter(): Promise<void>; leave(): void; readonly most: number } {
  const waiting: (() => void)[] = [];
  let inside = 0;
  let most = 0;
  return {
    async enter() {
      if (inside >= size) await new Promise<void>((resolve) => waiting.push(resolve));
      inside++;
      most = Math.max(most, inside);
    },
    leave() {
      inside--;
      waiting.shift()?.();
    },
    get most() {
      return most;
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

function unitPlans(collection: MemoryCollection | undefined, units: readonly WriteUnit[], mode: Mode): UnitPlan[] {
  return units.map((unit) => {
    const exists =
      collection !== undefined && (unit.partition === undefined || collection.partitions.has(unit.partition));
    return {
      ...unit,
      write: !(exists && mode === 'skip'),
      existingRows: rowsIn(collection, unit.partition).length,
      fresh: !exists || mode === 'overwrite',
    };
  });
}

function actionsOf(units: readonly UnitPlan[], exists: boolean): Action[] {
  return units.map(({ partition, write, fresh, existingRows }) => {
    const target = partition ?? 'the collection';
    if (!write) return { kind: 'skip', target, detail: `${existingRows} rows` };
    if (fresh)
      return { kind: exists && existingRows > 0 ? 'drop' : 'create', target, detail: `${existingRows} rows go` };
    return { kind: 'append', target, detail: `${existingRows} rows stay` };
  });
}

function newCollection(existing: MemoryWriterOptions['existing']): MemoryCollection | undefined {
  if (!existing) return undefined;
  const named = Object.entries(existing).map(([name, rows]): [string, StoredRow[]] => [name, [...rows]]);
  return { partitions: new Map([[DEFAULT_PARTITION, []], ...named]) };
}

/**
 * A target in memory that keeps to the contract of {@link Writer} and, like Milvus, counts copies of an id, shows one of
 * them, and takes a bounded number of batches in flight. It can be told to misbehave.
 */
export function memoryWriter(o: MemoryWriterOptions = {}): MemoryWriter {
  const planMode = o.mode ?? 'append';
  const gate = createGate(o.parallelism ?? 2);
  const steps: string[] = [];
  const wrong = o.misbehave ?? {};
  const target: MemoryTargetState = o.target ?? { collection: newCollection(o.existing), identity: 1 };
  if (o.target && o.existing && !target.collection) target.collection = newCollection(o.existing);
  let batches = 0;
  let firstRow = 0;
  let madeKeys = 1_000_000n;
  let disposals = 0;

  const step = async (name: string): Promise<void> => {
    steps.push(name);
    await o.before?.(name);
  };

  function storeBatch(rows: readonly StoredRow[], number: number, first: number, placed: Placed): void {
    const { partition, again } = placed;
    let kept = rows.map((row, i) => (wrong.flipBit === first + i ? flipFirstBit(row) : row));
    kept = kept.filter((_, i) => wrong.loseRow !== first + i);
    const rowsThere = target.collection!.partitions.get(partition);
    if (!rowsThere) throw fail('DST_REFUSED', `there is no partition ${partition}`);
    store(rowsThere, kept, again || (o.deduplicates ?? false));
    if (wrong.doubleBatch === number) store(rowsThere, kept, false);
  }

  async function acknowledge(
    rows: readonly StoredRow[],
    number: number,
    first: number,
    placed: Placed,
    signal?: AbortSignal,
  ): Promise<Ack> {
    try {
      await turns(wrong.ackDelay?.(number) ?? 1);
      await step(`ack ${number}`);
      throwIfAborted(signal);
      const { die } = wrong;
      const dead = die && number >= die.from ? { error: DEAD, stored: die.stores(number) } : undefined;
      const failing = dead ?? (wrong.failAck?.batch === number ? wrong.failAck : undefined);
      if (!failing || failing.stored) storeBatch(rows, number, first, placed);
      if (failing) throw failing.error;
      const keys = rows.map((row) => row.key).filter((key) => typeof key === 'bigint');
      return { rows: rows.length, keys: BigInt64Array.from(keys) };
    } finally {
      gate.leave();
    }
  }

  return {
    parallelism: o.parallelism ?? 2,
    rewritable: o.deduplicates ?? false,
    replacedRows: 0,
    deduplicates: o.deduplicates ?? false,
    finiteScalars: o.finiteScalars ?? false,
    server: 'memory',
    steps,
    get collection() {
      return target.collection;
    },
    get mostInFlight() {
      return gate.most;
    },
    get disposals() {
      return disposals;
    },

    async plan(_schema: Schema, wanted, { resume, replace }) {
      await step('plan');
      if (resume?.target !== undefined) {
        return { ...continuedPlan(resume, `memory ${target.identity}`), autoId: o.autoId ?? false };
      }
      const mode = replace === `memory ${target.identity}` ? 'overwrite' : planMode;
      const units = unitPlans(target.collection, wanted, mode);
      const leaving = units.filter((u) => u.fresh).reduce((sum, u) => sum + u.existingRows, 0);
      return {
        creates: target.collection === undefined || mode === 'overwrite',
        canQuery: o.canQuery ?? true,
        actions: actionsOf(units, target.collection !== undefined),
        units,
        warnings: o.warnings ?? [],
        autoId: o.autoId ?? false,
        needsIdStart: units.some((u) => u.write) && rowsIn(target.collection).length > leaving,
      };
    },

    async prepare(plan) {
      await step('prepare');
      if (plan.actions.length === 0) return `memory ${target.identity}`;
      const whole = plan.units.some((u) => u.partition === undefined && u.fresh && u.write);
      if (whole || !target.collection) {
        target.collection = { partitions: new Map([[DEFAULT_PARTITION, []]]) };
        target.identity++;
      }
      for (const unit of plan.units) {
        if (unit.partition === undefined || !unit.write) continue;
        if (unit.fresh || !target.collection.partitions.has(unit.partition))
          target.collection.partitions.set(unit.partition, []);
      }
      return `memory ${target.identity}`;
    },

    async nextId() {
      await step('nextId');
      const keys = rowsIn(target.collection).map((row) => row.key as bigint);
      return keys.length === 0 ? 0n : keys.reduce((a, b) => (a > b ? a : b)) + 1n;
    },

    async write(batch, options) {
      const number = batches++;
      const first = firstRow;
      firstRow += batch.numRows;
      await step(`write ${number}`);
      await gate.enter();
      if (options.stop?.aborted) {
        gate.leave();
        throw interrupted();
      }
      // The batch's memory is the caller's again once this function has resolved, so the rows are copied here.
      const rows = rowsOf(batch, () => madeKeys++);
      const numbers = rows.flatMap((row) => [...row.values.values()]).filter((value) => typeof value === 'number');
      if (o.finiteScalars && !numbers.every(Number.isFinite)) {
        gate.leave();
        throw fail('DST_REFUSED', 'a number is not finite');
      }
      const placed = { partition: options.partition ?? DEFAULT_PARTITION, again: options.again ?? false };
      return { ack: acknowledge(rows, number, first, placed, options.signal) };
    },

    async commit(progress) {
      await step('commit');
      progress.phase('flush');
    },

    async openForReading() {
      await step('openForReading');
      return o.canQuery ?? true;
    },

    async countRows(unit, key) {
      await step('countRows');
      const rows = rowsIn(target.collection, unit.partition);
      return key === undefined ? rows.length : rows.filter((row) => row.key === key).length;
    },

    async countCopies(keys, unit) {
      await step('countCopies');
      const wanted = new Set(keys);
      const copies = new Map<bigint | string, number>();
      for (const { key } of rowsIn(target.collection, unit.partition)) {
        if (wanted.has(key)) copies.set(key, (copies.get(key) ?? 0) + 1);
      }
      return copies;
    },

    async countBetween(from, to, unit) {
      await step('countBetween');
      return rowsIn(target.collection, unit.partition).filter(
        ({ key }) => typeof key === 'bigint' && key >= from && key <= to,
      ).length;
    },

    async countExactly(unit) {
      await step('countExactly');
      return {
        rows: rowsIn(target.collection, unit.partition).length,
        how: o.canQuery === false ? 'statistics' : 'query',
      };
    },

    async findRows(keys, unit) {
      await step('findRows');
      if (o.canQuery === false) return [];
      const wanted = new Set(keys);
      const shown = new Map<bigint | string, StoredRow>();
      for (const row of rowsIn(target.collection, unit.partition)) {
        if (wanted.has(row.key) && !(o.shows === 'first' && shown.has(row.key))) shown.set(row.key, row);
      }
      return [...shown.values()];
    },

    async settle() {
      await step('settle');
    },

    async [Symbol.asyncDispose]() {
      disposals++;
    },
  };
}
