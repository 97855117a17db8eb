import type { Schema } from 'apache-arrow';
import { isVector, specsOf, vectorBytes } from '../../batch/fields.js';
import type { CollectionParameter, MetricType, MilvusEndpoint, Mode } from '../../config/types.js';
import {
  createCollection,
  createPartition,
  describeCollection,
  dropCollection,
  dropPartition,
  flush,
  statisticsRows,
} from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows, deleteRows } from '../../milvus/data.js';
import { supports } from '../../milvus/features.js';
import {
  createIndex,
  describeIndexes,
  isLoaded,
  loadCollection,
  releaseCollection,
  waitForIndex,
} from '../../milvus/indexes.js';
import { openMilvus } from '../../milvus/open.js';
import type { RetryPolicy } from '../../milvus/retry.js';
import { fail } from '../../util/errors.js';
import type { PhaseProgress, WritePlan, Writer, WriteUnit } from '../types.js';
import { emptyPartition, findRows, keyLiteral, nextKey } from './lookup.js';
import type { IdChoice } from './match.js';
import { planTarget, type TargetPlan, type TargetState } from './plan.js';
import { createBatchWriter } from './writer.js';

export interface MilvusTargetOptions {
  readonly endpoint: MilvusEndpoint;
  readonly collection: string;
  readonly parameter: CollectionParameter;
  readonly mode: Mode;
  readonly metric: MetricType;
  readonly ids: IdChoice;
  readonly parallelism: number;
  readonly retryForMs: number;
  readonly description: string;
  readonly log: (message: string) => void;
  /** Ends every wait but those for batches in flight. */
  readonly signal?: AbortSignal;
}

const FLUSH_TIMEOUT_MS = 600_000;
/** A build or a load that does not move for this long is given up. */
const STALL_MS = 600_000;

/** @param flushFirst rows not flushed are missing in the statistics of a collection that is not loaded */
async function readState(connection: Connection, collection: string, flushFirst: boolean): Promise<TargetState> {
  const info = await describeCollection(connection, collection);
  if (!info) return { indexes: [], rows: new Map() };
  const loaded = await isLoaded(connection, info.name);
  if (flushFirst && !loaded) await flush(connection, info.name, FLUSH_TIMEOUT_MS);
  const rows = new Map<string, number>();
  const count = (partition?: string): Promise<number> =>
    loaded
      ? countRows(connection, info.name, partition === undefined ? {} : { partition })
      : statisticsRows(connection, info.name, partition);
  rows.set('', await count());
  for (const partition of info.partitions) rows.set(partition, await count(partition));
  return { info, indexes: await describeIndexes(connection, info.name), rows };
}

/** Refuses, before anything is written, what this server cannot hold. */
function checkServer(connection: Connection, schema: Schema): void {
  for (const spec of specsOf(schema)) {
    if (supports(connection.features, spec.type)) continue;
    throw fail(
      'DST_UNSUPPORTED',
      `the server at ${connection.address} (${connection.version}) has no ${spec.type}, which "${spec.name}" needs`,
      {
        hint: connection.features.lite
          ? 'Milvus Lite holds float vectors only: point dest_uri at a Milvus server.'
          : 'Use a newer Milvus server.',
      },
    );
  }
}

function rowBytesOf(schema: Schema): number {
  return specsOf(schema).reduce(
    (sum, s) => sum + (isVector(s.type) ? (vectorBytes(s.type, s.dim ?? 0) ?? 1024) : (s.maxLength ?? 8)),
    0,
  );
}

/**
 * Opens a collection of a Milvus server (or of the embedded Milvus Lite) as a target of batches.
 * Throws NET_*, DST_AUTH and ENV_* errors of the connection. Dispose it to close the connection and the embedded server.
 */
export async function openMilvusWriter(o: MilvusTargetOptions): Promise<Writer> {
  const signal = o.signal ? { signal: o.signal } : {};
  const retry: RetryPolicy = {
    totalMs: o.retryForMs,
    onRetry: (error, waitMs) => o.log(`${error.message}; trying again in ${Math.round(waitMs)} ms`),
    ...signal,
  };
  const opened = await openMilvus(o.endpoint, { log: o.log, retry, ...signal });
  const { connection } = opened;
  const batches = createBatchWriter(connection, { collection: o.collection, parallelism: o.parallelism });
  const wait = (progress?: PhaseProgress) => ({
    stallMs: STALL_MS,
    ...signal,
    ...(progress ? { onProgress: (done: number, total: number) => progress.progress(done, total) } : {}),
  });
  let plan: TargetPlan | undefined;
  let schema: Schema | undefined;
  let loadedBefore = false;
  let canQuery = false;

  const planned = (): TargetPlan => {
    if (!plan) throw fail('INTERNAL', 'the writer was used before it was planned');
    return plan;
  };

  async function hasVectorIndex(): Promise<boolean> {
    const field = planned().mapping.vectorField;
    return (await describeIndexes(connection, o.collection)).some((i) => i.field === field);
  }

  /** Loads the collection if that can be done; says whether queries reach it. */
  async function ensureQueryable(progress?: PhaseProgress): Promise<boolean> {
    if (canQuery) return true;
    loadedBefore = await isLoaded(connection, o.collection);
    if (!loadedBefore && !(await hasVectorIndex())) return false;
    if (!loadedBefore) {
      progress?.phase('load');
      await loadCollection(connection, o.collection, wait(progress));
    }
    canQuery = true;
    return true;
  }

  async function emptyDefault(partition: string): Promise<void> {
    const { keyField, keyType } = planned().mapping;
    if (!(await ensureQueryable())) {
      throw fail(
        'DST_REFUSED',
        `partition "${partition}" of "${o.collection}" cannot be emptied: the collection has no index and so cannot be loaded`,
        {
          hint: 'Create an index on it, or overwrite the whole collection (no dest_partition_name).',
        },
      );
    }
    const key = { name: keyField, text: keyType === 'VARCHAR' };
    await emptyPartition(connection, o.collection, partition, key, (expression) =>
      deleteRows(connection, o.collection, partition, expression),
    );
  }

  return {
    parallelism: batches.pool.size,
    deduplicates: connection.features.deduplicates,
    server: `${connection.features.lite ? 'Milvus Lite' : 'Milvus'} ${connection.version} at ${connection.address}`,

    async plan(source, units, exact): Promise<WritePlan> {
      checkServer(connection, source);
      schema = source;
      const { collection, mode, parameter, metric, ids } = o;
      const state = await readState(connection, o.collection, exact && mode === 'append');
      plan = planTarget(state, { collection, mode, parameter, metric, ids, schema: source, units });
      return plan;
    },

    async prepare() {
      const p = planned();
      const info = p.drop ? await describeCollection(connection, o.collection) : undefined;
      if (info) await dropCollection(connection, info);
      if (p.create) await createFor(connection, o, p, schema!);
      for (const partition of p.emptyPartitions) await emptyDefault(partition);
      for (const partition of p.dropPartitions) await dropPartition(connection, o.collection, partition);
      for (const partition of p.createPartitions) await createPartition(connection, o.collection, partition);
    },

    async nextId() {
      const { keyField } = planned().mapping;
      if (!(await ensureQueryable())) {
        throw fail(
          'DST_IDS',
          `the largest id of "${o.collection}" cannot be found: it has no index and so cannot be loaded`,
          {
            hint: 'Give a number: id_start: N.',
          },
        );
      }
      return nextKey(connection, o.collection, keyField);
    },

    write: (batch, options) => batches.write(batch, planned().mapping, options),

    async commit(progress) {
      progress.phase('flush');
      await flush(connection, o.collection, FLUSH_TIMEOUT_MS);
      const { index } = planned();
      if (!index) return;
      progress.phase('index');
      await createIndex(connection, o.collection, index);
      // Milvus Lite goes on building after the call, and a stop in the middle would wait for it.
      if (o.parameter.load || connection.features.lite)
        await waitForIndex(connection, o.collection, index.field, wait(progress));
    },

    openForReading: ensureQueryable,

    countRows(unit: WriteUnit, key) {
      if (!canQuery) return statisticsRows(connection, o.collection, unit.partition);
      return countRows(connection, o.collection, {
        ...(unit.partition === undefined ? {} : { partition: unit.partition }),
        ...(key === undefined ? {} : { expression: `${planned().mapping.keyField} in [${keyLiteral(key)}]` }),
      });
    },

    async findRows(keys, unit) {
      if (!canQuery) return [];
      const { mapping } = planned();
      const fields = specsOf(schema!)
        .filter((s) => !s.primaryKey)
        .map((s) => ({ source: s.name, target: mapping.fields.get(s.name)!, type: s.type }));
      const lookup = {
        collection: o.collection,
        keyField: mapping.keyField,
        fields,
        rowBytes: rowBytesOf(schema!),
        ...unit,
      };
      return findRows(connection, lookup, keys);
    },

    async settle(progress) {
      if (o.parameter.load) {
        if (!(await isLoaded(connection, o.collection))) {
          progress.phase('load');
          await loadCollection(connection, o.collection, wait(progress));
        }
      } else if (canQuery && !loadedBefore) {
        await releaseCollection(connection, o.collection);
        canQuery = false;
      }
    },

    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

async function createFor(
  connection: Connection,
  o: MilvusTargetOptions,
  plan: TargetPlan,
  schema: Schema,
): Promise<void> {
  const rest = specsOf(schema).filter((s) => !s.primaryKey);
  const sourceKey = specsOf(schema).find((s) => s.primaryKey);
  const key =
    plan.mapping.keyType === 'VARCHAR' && sourceKey
      ? { ...sourceKey, name: plan.mapping.keyField }
      : { name: plan.mapping.keyField, type: 'INT64' as const, primaryKey: true };
  await createCollection(connection, {
    name: o.collection,
    description: o.description,
    autoId: plan.autoId,
    fields: [key, ...rest],
    ...(o.parameter.shards === undefined ? {} : { shards: o.parameter.shards }),
  });
}
