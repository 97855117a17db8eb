import type { RecordBatch } from 'apache-arrow';
import { rawColumns } from '../../batch/columns.js';
import { fromArrowField } from '../../batch/fields.js';
import { type BufferPool, createBufferPool } from '../../milvus/buffer-pool.js';
import type { Connection } from '../../milvus/connection.js';
import { mutate } from '../../milvus/data.js';
import { encodeInsert } from '../../milvus/encode.js';
import { withRetry } from '../../milvus/retry.js';
import { throwIfAborted } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { Ack, SentBatch, WriteOptions } from '../types.js';
import { type Mapping, targetField } from './match.js';

export interface BatchWriterOptions {
  readonly collection: string;
  readonly parallelism: number;
}

/** Sends batches as Insert requests, up to `parallelism` in flight. */
export interface BatchWriter {
  write(batch: RecordBatch, mapping: Mapping, options: WriteOptions): Promise<SentBatch>;
  readonly pool: BufferPool;
  /** Rows sent as upserts so far. */
  readonly upserted: number;
}

/** An answer that was lost: the rows may or may not have been written. */
function isAmbiguous(error: unknown): error is MilvusdmError {
  return error instanceof MilvusdmError && (error.code === 'NET_UNAVAILABLE' || error.code === 'NET_DEADLINE');
}

export function createBatchWriter(connection: Connection, o: BatchWriterOptions): BatchWriter {
  const pool = createBufferPool(Math.max(1, Math.min(o.parallelism, connection.features.maxInFlight)));
  let upserted = 0;

  async function send(request: Uint8Array, rows: number, options: WriteOptions): Promise<Ack> {
    const what = `insert ${rows} rows into ${o.collection}`;
    let method: 'Insert' | 'Upsert' = options.again && !connection.features.deduplicates ? 'Upsert' : 'Insert';
    const attempt = async (): Promise<Ack> => {
      try {
        if (method === 'Upsert') upserted += rows;
        const answer = await mutate(connection, method, request, what, options.signal);
        return { rows, keys: answer.keys };
      } catch (thrown) {
        if (!isAmbiguous(thrown)) throw thrown;
        if (!options.repeatable && !connection.features.deduplicates) throw notRepeatable(thrown, rows);
        if (!connection.features.deduplicates) method = 'Upsert';
        throw thrown;
      }
    };
    // Batches in flight outlive the signal that ends the reading: only their own may give them up.
    const { signal: _, ...policy } = connection.retry;
    return withRetry(attempt, { ...policy, ...(options.signal ? { signal: options.signal } : {}) });
  }

  return {
    pool,
    get upserted() {
      return upserted;
    },
    async write(batch, mapping, options) {
      const lease = await pool.take();
      let request: Uint8Array;
      try {
        throwIfAborted(options.stop);
        const columns = rawColumns(batch).flatMap((column) => {
          const name = targetField(mapping, fromArrowField(column.field));
          return name === undefined ? [] : [{ column, name }];
        });
        const message = { collection: o.collection, partition: options.partition ?? '', rows: batch.numRows, columns };
        request = encodeInsert(message, (bytes) => lease.acquire(bytes));
      } catch (thrown) {
        lease.release();
        throw thrown;
      }
      const ack = send(request, batch.numRows, options);
      // Behind those who wait for the ack, so that they can stop the next batch before it gets this place.
      const release = (): void => queueMicrotask(() => lease.release());
      ack.then(release, release);
      return { ack };
    },
  };
}

function notRepeatable(error: MilvusdmError, rows: number): MilvusdmError {
  return fail(error.code, `${error.message}; whether its ${rows} rows were written is not known`, {
    cause: error.cause,
    hint: 'Sent again at once they could be doubled; a later run asks the target first.',
  });
}
