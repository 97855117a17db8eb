import type { RecordBatch, Schema } from 'apache-arrow';
import { COLLECTION_FILE, type LogicalPart } from '../../backup/logical.js';
import type { LogicalTarget } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import { fail } from '../../util/errors.js';
import { safeFileNames } from '../../util/safe-names.js';
import type { SentBatch, Target, UnitPlan, WritePlan, Writer, WriterRequest, WriteUnit } from '../types.js';
import { createPart, type PartFile } from './part-file.js';
import {
  type CollectionPlace,
  clearCollection,
  completeCollection,
  notedParts,
  notePart,
  partKey,
  placeOf,
} from './parts.js';

const DEFAULT_PARTITION = '_default';
/** Bytes of values in a file, about: what a run that is cut short has to write again. */
const PART_BYTES = 256 << 20;

/** One partition on its way into files. */
interface PartitionParts {
  readonly safe: string;
  readonly parts: LogicalPart[];
  current: PartFile | undefined;
  rows: number;
  /** Rows at the front of what is still to come that are in complete files already. */
  skip: number;
  /** Told when the file that is being written is complete. */
  waiting: (() => void)[];
}

interface Collection {
  readonly place: CollectionPlace;
  readonly schema: Schema;
  readonly compression: LogicalTarget['compression'];
  readonly partBytes: number;
  readonly resumed: boolean;
  readonly partitions: ReadonlyMap<string, PartitionParts>;
}

const named = (unit: WriteUnit): string => unit.partition ?? DEFAULT_PARTITION;

/**
 * Takes the files over that an earlier run has completed. Rows that are in them and were not noted any more come again, first of
 * all, and are left out. Throws DST_UNFINISHED when a file is gone.
 */
async function takeOver(place: CollectionPlace, partition: PartitionParts, noted: number): Promise<void> {
  partition.parts.push(...(await notedParts(place, partition.safe)));
  const held = partition.parts.reduce((sum, { rows }) => sum + rows, 0);
  if (noted > held) {
    const key = partKey(place, partition.safe, partition.parts.length + 1);
    throw fail(
      'DST_UNFINISHED',
      `${key} in ${place.store.name}, which an earlier run of this job had completed, is gone`,
    );
  }
  partition.rows = noted;
  partition.skip = held - noted;
}

async function finishPart(c: Collection, partition: PartitionParts): Promise<void> {
  const { current } = partition;
  if (!current) return;
  const facts = await current.finish();
  const whole = partKey(c.place, partition.safe, partition.parts.length + 1);
  const key = c.place.backup === '' ? whole : whole.slice(c.place.backup.length + 1);
  const part = { key, ...facts };
  await notePart(c.place, c.schema, part);
  partition.parts.push(part);
  partition.current = undefined;
  const told = partition.waiting;
  partition.waiting = [];
  for (const tell of told) tell();
}

function begin(c: Collection, partition: PartitionParts): Promise<PartFile> {
  const key = partKey(c.place, partition.safe, partition.parts.length + 1);
  return createPart({ store: c.place.store, key, schema: c.schema, compression: c.compression });
}

async function addBatch(c: Collection, partition: PartitionParts, batch: RecordBatch): Promise<void> {
  const skipped = Math.min(partition.skip, batch.numRows);
  partition.skip -= skipped;
  partition.rows += batch.numRows;
  if (skipped === batch.numRows) return;
  partition.current ??= await begin(c, partition);
  await partition.current.append(skipped === 0 ? batch : batch.slice(skipped));
  if (partition.current.bytes >= c.partBytes) await finishPart(c, partition);
}

/** A partition without rows becomes a file without rows: it exists again after the restore. */
async function completePartition(c: Collection, partition: PartitionParts): Promise<void> {
  if (partition.parts.length === 0) partition.current ??= await begin(c, partition);
  await finishPart(c, partition);
}

function planOf(place: CollectionPlace, units: readonly WriteUnit[]): WritePlan {
  return {
    actions: units.map((unit) => ({
      kind: 'create' as const,
      target: `${place.folder}${named(unit)}`,
      detail: `Arrow files of partition ${named(unit)}`,
    })),
    units: units.map((unit): UnitPlan => ({ ...unit, write: true, existingRows: 0, fresh: true })),
    creates: true,
    canQuery: false,
    warnings: [],
    autoId: false,
    needsIdStart: false,
  };
}

function logicalWriter(place: CollectionPlace, target: LogicalTarget, request: WriterRequest): Writer {
  let planned: Collection | undefined;
  const collection = (): Collection => {
    if (!planned) throw fail('INTERNAL', 'a logical backup was written before it was planned');
    return planned;
  };
  const partitionOf = (unit: WriteUnit): PartitionParts => {
    const found = collection().partitions.get(named(unit));
    if (!found) throw fail('INTERNAL', `partition "${named(unit)}" was not planned for the backup`);
    return found;
  };
  return {
    parallelism: 1,
    verifiesItself: true,
    rewritable: true,
    replacedRows: 0,
    // Rows that lie in two files are told from each other by their place.
    sequential: true,
    deduplicates: false,
    server: place.store.name,
    async plan(schema, units, { resume }) {
      const safe = safeFileNames(units.map(named));
      const partitions = new Map<string, PartitionParts>();
      for (const unit of units) {
        const parts: PartitionParts = {
          safe: safe.get(named(unit))!,
          parts: [],
          current: undefined,
          rows: 0,
          skip: 0,
          waiting: [],
        };
        partitions.set(named(unit), parts);
        if (resume?.target !== undefined) await takeOver(place, parts, resume.rows.get(unit.partition ?? '') ?? 0);
      }
      const { compression, partBytes = PART_BYTES } = target;
      planned = { place, schema, compression, partBytes, partitions, resumed: resume?.target !== undefined };
      return planOf(place, units);
    },
    async prepare() {
      if (!collection().resumed) await clearCollection(place);
      return place.folder;
    },
    nextId: async () => 0n,
    async write(batch, options): Promise<SentBatch> {
      const partition = partitionOf(options.partition === undefined ? {} : { partition: options.partition });
      await addBatch(collection(), partition, batch);
      const durable = partition.current
        ? new Promise<void>((resolve) => partition.waiting.push(resolve))
        : Promise.resolve();
      return { ack: Promise.resolve({ rows: batch.numRows, keys: new BigInt64Array(0) }), durable };
    },
    completeUnit: (unit) => completePartition(collection(), partitionOf(unit)),
    async commit(progress) {
      progress.phase('flush');
      const c = collection();
      for (const partition of c.partitions.values()) await completePartition(c, partition);
      const parts = new Map([...c.partitions].map(([name, partition]) => [name, partition.parts] as const));
      await completeCollection(place, c.schema, request.settings, parts, COLLECTION_FILE);
    },
    // Every file is read back and compared before it counts.
    openForReading: async () => false,
    countRows: async (unit) => partitionOf(unit).rows,
    findRows: async () => [],
    countCopies: async () => new Map(),
    countBetween: async () => 0,
    countExactly: async (unit) => ({ rows: partitionOf(unit).rows, how: 'query' }),
    async settle() {},
    async [Symbol.asyncDispose]() {
      for (const partition of planned?.partitions.values() ?? []) await partition.current?.[Symbol.asyncDispose]();
    },
  };
}

/**
 * The rows of a logical backup as a target: Arrow files of partitions, about 256 MiB of values each, in the store that the
 * target names. Objects appear whole or not at all; what a part was like is noted beside it until its collection is complete.
 */
export async function openLogicalTarget(target: LogicalTarget, log: (message: string) => void): Promise<Target> {
  const store = await openStore(target.storage, { create: true, log });
  return {
    server: store.name,
    writer: (request) => logicalWriter(placeOf(store, target.name, target.db, request.collection), target, request),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}
