import type { Schema } from 'apache-arrow';
import { COLLECTION_FILE } from '../../backup/logical.js';
import type { LogicalTarget } from '../../config/types.js';
import { openStore } from '../../store/index.js';
import { fail } from '../../util/errors.js';
import { safeFileNames } from '../../util/safe-names.js';
import type { SentBatch, Target, UnitPlan, WritePlan, Writer, WriterRequest, WriteUnit } from '../types.js';
import { PartitionWriter } from './partition-writer.js';
import { type CollectionPlace, clearCollection, completeCollection, completedParts, placeOf } from './parts.js';

const DEFAULT_PARTITION = '_default';
/** Bytes of values in a file, about: what a run that is cut short has to write again. */
const PART_BYTES = 128 << 20;

interface Collection {
  readonly schema: Schema;
  readonly resumed: boolean;
  readonly partitions: ReadonlyMap<string, PartitionWriter>;
}

const named = (unit: WriteUnit): string => unit.partition ?? DEFAULT_PARTITION;

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
  const partitionOf = (unit: WriteUnit): PartitionWriter => {
    const found = collection().partitions.get(named(unit));
    if (!found) throw fail('INTERNAL', `partition "${named(unit)}" was not planned for the backup`);
    return found;
  };
  return {
    parallelism: 1,
    verifiesItself: true,
    rewritable: true,
    replacedRows: 0,
    deduplicates: false,
    server: place.store.name,
    async plan(schema, units, { resume }) {
      const { compression, partBytes = PART_BYTES } = target;
      const safe = safeFileNames(units.map(named));
      const resumed = resume?.target !== undefined;
      const complete = resumed ? await completedParts(place, COLLECTION_FILE) : undefined;
      const partitions = new Map<string, PartitionWriter>();
      for (const unit of units) {
        const name = named(unit);
        const partition = new PartitionWriter({ place, safe: safe.get(name)!, schema, compression, partBytes });
        partitions.set(name, partition);
        if (resumed) await partition.takeOver(resume.rows.get(unit.partition ?? '') ?? 0, complete?.get(name));
      }
      planned = { schema, partitions, resumed };
      return planOf(place, units);
    },
    async prepare() {
      if (!collection().resumed) await clearCollection(place);
      return place.folder;
    },
    nextId: async () => 0n,
    async write(batch, options): Promise<SentBatch> {
      const { partition } = options;
      const { durable } = await partitionOf(partition === undefined ? {} : { partition }).write(batch, options);
      return { ack: Promise.resolve({ rows: batch.numRows, keys: new BigInt64Array(0) }), durable };
    },
    completeUnit: (unit) => partitionOf(unit).complete(),
    async commit(progress) {
      progress.phase('flush');
      const c = collection();
      for (const partition of c.partitions.values()) await partition.complete();
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
      for (const partition of planned?.partitions.values() ?? []) await partition[Symbol.asyncDispose]();
    },
  };
}

/**
 * The rows of a logical backup as a target: Arrow files of partitions, about 128 MiB of values each, in the store that the
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
