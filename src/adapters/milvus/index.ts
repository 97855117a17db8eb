import type { Schema } from 'apache-arrow';
import { isVector, specsOf, vectorBytes } from '../../batch/fields.js';
import type { MilvusEndpoint } from '../../config/types.js';
import { describeCollection, dropCollection, flush, statisticsRows } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows, deleteRows, readPoint } from '../../milvus/data.js';
import { describeIndexes, isLoaded, loadCollection, releaseCollection, waitForIndex } from '../../milvus/indexes.js';
import { openMilvus } from '../../milvus/open.js';
import { createPartition, dropPartition } from '../../milvus/partitions.js';
import { fail } from '../../util/errors.js';
import type { RetryPolicy } from '../../util/retry.js';
import type { PhaseProgress, Target, WritePlan, Writer, WriterRequest, WriteUnit } from '../types.js';
import { bulkWriter } from './bulk/writer.js';
import { countCopies } from './copies.js';
import { liteLosses } from './lite-losses.js';
import { emptyPartition, findRows, keyLiteral, nextKey, SMALLEST_QUERYABLE } from './lookup.js';
import { createFor, makeAliases, makeIndex } from './make.js';
import { planTarget, type TargetPlan } from './plan.js';
import { openMilvusReader } from './reader.js';
import { planResumed } from './resume-plan.js';
import { checkServer, FLUSH_TIMEOUT_MS, readState } from './state.js';
import { createBatchWriter } from './writer.js';

export interface MilvusTargetOptions {
  readonly endpoint: MilvusEndpoint;
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  /** Ends every wait but those for batches in flight. */
  readonly signal?: AbortSignal;
}

/** A build or a load that does not move for this long is given up. */
const STALL_MS = 600_000;

function rowBytesOf(schema: Schema): number {
  return specsOf(schema).reduce(
    (sum, s) => sum + (isVector(s.type) ? (vectorBytes(s.type, s.dim ?? 0) ?? 1024) : (s.maxLength ?? 8)),
    0,
  );
}

/**
 * Opens a Milvus server (or the embedded Milvus Lite) as a target of collections.
 * Throws NET_*, DST_AUTH and ENV_* errors of the connection. Disposing closes the connection and stops the embedded server.
 */
export async function openMilvusTarget(o: MilvusTargetOptions): Promise<Target> {
  const signal = o.signal ? { signal: o.signal } : {};
  const retry: RetryPolicy = {
    totalMs: o.retryForMs,
    onRetry: (error, waitMs) => o.log(`${error.message}; trying again in ${Math.round(waitMs)} ms`),
    ...signal,
  };
  const opened = await openMilvus(o.endpoint, { log: o.log, retry, ...signal });
  return {
    server: serverName(opened.connection),
    writer: (request) => milvusWriter(opened.connection, request, o),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

function serverName(connection: Connection): string {
  return `${connection.features.lite ? 'Milvus Lite' : 'Milvus'} ${connection.version} at ${connection.address}`;
}

/** A writer of one collection over a connection that it does not own. */
function milvusWriter(connection: Connection, o: WriterRequest, target: MilvusTargetOptions): Writer {
  const batches = createBatchWriter(connection, {
    collection: o.collection,
    parallelism: o.parallelism,
    ...(o.tuning ? { tuning: o.tuning } : {}),
    log: target.log,
  });
  const signal = target.signal ? { signal: target.signal } : {};
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

  /** Makes the indexes of a collection that this job makes; those that are there already stay. */
  async function makeIndexes(progress?: PhaseProgress): Promise<void> {
    const standing = new Set((await describeIndexes(connection, o.collection)).map((i) => i.field));
    for (const index of planned().indexes) {
      if (!standing.has(index.field)) await makeIndex(connection, o, index, target.log);
      // Milvus Lite goes on building after the call, and a stop in the middle would wait for it.
      const waits = o.parameter.load || connection.features.lite;
      if (waits) await waitForIndex(connection, o.collection, index.field, wait(progress));
    }
  }

  /** For questions in the middle of a run, when a collection that this job makes has no index yet. */
  async function requireQueryable(): Promise<void> {
    if (canQuery) return;
    await makeIndexes();
    if (!(await ensureQueryable())) {
      throw fail('DST_UNFINISHED', `"${o.collection}" has no index and so cannot be asked which rows it holds`);
    }
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

  const writer: Writer = {
    parallelism: batches.pool.size,
    rewritable: connection.features.deduplicates,
    get replacedRows() {
      return batches.upserted;
    },
    deduplicates: connection.features.deduplicates,
    finiteScalars: connection.features.finiteScalars,
    server: serverName(connection),

    async plan(source, units, { exact, resume, replace }): Promise<WritePlan> {
      checkServer(connection, source);
      schema = source;
      const { collection, parameter, metric, ids, settings } = o;
      const state = await readState(connection, o.collection, exact && o.mode === 'append');
      const mode = replace !== undefined && state.info?.identity === replace ? 'overwrite' : o.mode;
      const input = { collection, mode, parameter, metric, ids, settings, schema: source, units };
      plan = resume ? planResumed(state, input, resume) : planTarget(state, input);
      if (connection.features.lite) plan = { ...plan, warnings: [...plan.warnings, ...liteLosses(state, input, plan)] };
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
      return (await describeCollection(connection, o.collection))?.identity ?? '';
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
    tuned: () => batches.tuned,

    async commit(progress) {
      progress.phase('flush');
      await flush(connection, o.collection, FLUSH_TIMEOUT_MS);
      if (planned().indexes.length > 0) progress.phase('index');
      await makeIndexes(progress);
      if (planned().creates) await makeAliases(connection, o, target.log);
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

    async countCopies(keys, unit) {
      await requireQueryable();
      const { keyField } = planned().mapping;
      const { partition } = unit;
      const at = { collection: o.collection, keyField, ...(partition === undefined ? {} : { partition }) };
      return countCopies(connection, at, keys);
    },

    async countBetween(from, to, { partition }) {
      await requireQueryable();
      const { keyField } = planned().mapping;
      const expression = `${keyField} >= ${from < SMALLEST_QUERYABLE ? SMALLEST_QUERYABLE : from} && ${keyField} <= ${to}`;
      return countRows(connection, o.collection, { expression, ...(partition === undefined ? {} : { partition }) });
    },

    async countExactly({ partition }) {
      if (planned().canQuery && !planned().creates && (await ensureQueryable())) {
        const rows = await countRows(connection, o.collection, partition === undefined ? {} : { partition });
        return { rows, how: 'query' };
      }
      await flush(connection, o.collection, FLUSH_TIMEOUT_MS);
      return { rows: await statisticsRows(connection, o.collection, partition), how: 'statistics' };
    },

    async contents({ partition }) {
      const info = await describeCollection(connection, o.collection);
      if (!info) throw fail('DST_REFUSED', `"${o.collection}" does not exist any more`);
      const partitions = partition === undefined ? {} : { partitions: [partition] };
      return openMilvusReader({
        connection,
        info,
        ...partitions,
        at: await readPoint(connection),
        close: async () => {},
      });
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

    async [Symbol.asyncDispose]() {},
  };
  return bulkWriter(writer, connection, o, { ...target, mapping: () => planned().mapping });
}
