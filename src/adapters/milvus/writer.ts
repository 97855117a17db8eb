import type { Field, RecordBatch } from 'apache-arrow';
import { rawColumns } from '../../batch/columns.js';
import { fromArrowField } from '../../batch/fields.js';
import { type BufferPool, createBufferPool } from '../../milvus/buffer-pool.js';
import type { Connection } from '../../milvus/connection.js';
import { mutate } from '../../milvus/data.js';
import { encodeInsert } from '../../milvus/encode.js';
import { withPartition } from '../../milvus/partitions.js';
import { type InsertPart, splitInsert } from '../../milvus/split-insert.js';
import { isLimit, isTooLarge } from '../../milvus/status.js';
import { createThrottle } from '../../milvus/throttle.js';
import { createTuner, type Tuned } from '../../milvus/tuner.js';
import type { Acknowledged } from '../../milvus/tuning-window.js';
import { throwIfAborted } from '../../util/abort.js';
import { formatBytes } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { type RetryPolicy, withRetry } from '../../util/retry.js';
import type { Ack, SentBatch, WriteOptions } from '../types.js';
import { type Mapping, targetField } from './match.js';

export interface BatchWriterOptions {
  readonly collection: string;
  readonly parallelism: number;
  /** Send fewer and smaller requests where that is better, of batches of so many bytes; always whole batches where absent. */
  readonly tuning?: { readonly batchBytes: number };
  readonly log?: (message: string) => void;
}

/**
 * Sends batches as Insert requests, up to `parallelism` in flight; fewer while the server limits their rate, and fewer and smaller
 * ones where tuning finds that better.
 */
export interface BatchWriter {
  write(batch: RecordBatch, mapping: Mapping, options: WriteOptions): Promise<SentBatch>;
  readonly pool: BufferPool;
  /** Rows sent as upserts so far. */
  readonly upserted: number;
  /** Where tuning has come to; undefined without it, and before the first acknowledgement. */
  readonly tuned: Tuned | undefined;
}

/** An encoded request that can be cut. */
interface Part extends InsertPart {
  /** Fields of its columns, in their order. */
  readonly fields: readonly Field[];
}

/** Options of a part of a batch. */
interface PartOptions extends WriteOptions {
  /** When a request with its rows has met its deadline for the first time, in milliseconds of Date.now(). */
  readonly lateSince?: number;
}

/** Halves of a batch are larger than half of it by what stands around the values. */
const ROOM = 1.25;

/** An answer that was lost: the rows may or may not have been written. */
function isAmbiguous(error: unknown): error is MilvusdmError {
  return error instanceof MilvusdmError && (error.code === 'NET_UNAVAILABLE' || error.code === 'NET_DEADLINE');
}

function concatKeys(a: BigInt64Array, b: BigInt64Array): BigInt64Array {
  const keys = new BigInt64Array(a.length + b.length);
  keys.set(a);
  keys.set(b, a.length);
  return keys;
}

export function createBatchWriter(connection: Connection, o: BatchWriterOptions): BatchWriter {
  const pool = createBufferPool(Math.max(1, Math.min(o.parallelism, connection.features.maxInFlight)));
  let upserted = 0;
  const log = o.log ?? (() => {});
  const most = { inFlight: pool.size, bytes: o.tuning?.batchBytes ?? Number.POSITIVE_INFINITY };
  const tuner = o.tuning && createTuner({ most, log });
  const throttle = createThrottle({ most: pool.size, bound: () => tuner?.setting.inFlight ?? pool.size, log });
  /** Length of the smallest request that the server found too large. */
  let tooLarge = Number.POSITIVE_INFINITY;
  /** Requests that have failed once: they may be on their way still, and other rows in their memory would arrive in their name. */
  const doubtful = new WeakSet<Uint8Array>();

  /** Whether a request is sent as it is. */
  function fits({ request, rows }: Part, { atOnce }: WriteOptions): boolean {
    if (rows === 1) return true;
    if (request.length >= tooLarge) return false;
    const bytes = tuner?.setting.bytes ?? most.bytes;
    return atOnce || bytes === most.bytes || request.length <= bytes * ROOM;
  }

  /** Tells the tuner of a request, and has as many batches ready as it wants: one more than are in flight, unless they are cut. */
  function tell(request: Omit<Acknowledged, 'now'>, failure?: unknown): void {
    if (!tuner) return;
    const now = performance.now();
    if (failure instanceof MilvusdmError && failure.code === 'NET_DEADLINE') tuner.late({ began: request.began, now });
    else if (failure || throttle.limited) tuner.disturbed(now);
    else tuner.acknowledged({ ...request, now });
    const { inFlight, bytes: each } = tuner.setting;
    pool.resize(each < most.bytes ? inFlight : inFlight + 1);
  }

  // Batches in flight outlive the signal that ends the reading: only their own may give them up.
  function policyFor({ signal }: WriteOptions): RetryPolicy {
    const { signal: _, onRetry, ...policy } = connection.retry;
    return {
      ...policy,
      lastSuccess: () => throttle.lastAccepted,
      // The throttle tells of limits, once.
      onRetry: (error, waitMs) => isLimit(error) || onRetry?.(error, waitMs),
      ...(signal ? { signal } : {}),
    };
  }

  /** Sends a request until it is acknowledged. undefined: it has met its deadline, and is to be sent again in smaller ones. */
  async function sendWhole(part: Part, options: PartOptions): Promise<Ack | undefined> {
    const { request, rows } = part;
    let late = false;
    const decided = performance.now();
    const what = `insert ${rows} rows into ${o.collection}`;
    let method: 'Insert' | 'Upsert' = options.again && !connection.features.deduplicates ? 'Upsert' : 'Insert';
    const attempt = async (): Promise<Ack> => {
      const timed = { began: performance.now(), decided, bytes: request.length };
      try {
        if (method === 'Upsert') upserted += rows;
        const answer = await withPartition(connection, { collection: o.collection, partition: options.partition }, () =>
          mutate(connection, method, request, what, options.signal),
        );
        tell(timed);
        return { rows, keys: answer.keys };
      } catch (thrown) {
        doubtful.add(request);
        tell(timed, thrown);
        if (!isAmbiguous(thrown)) throw thrown;
        if (!options.repeatable && !connection.features.deduplicates) throw notRepeatable(thrown, rows);
        if (!connection.features.deduplicates) method = 'Upsert';
        late = thrown.code === 'NET_DEADLINE' && !fits(part, options) && !givenUp(options);
        throw late ? fail(thrown.code, thrown.message, { cause: thrown, retry: 'no' }) : thrown;
      }
    };
    try {
      return await withRetry(() => throttle.run(attempt, options.signal), policyFor(options));
    } catch (thrown) {
      if (late) return undefined;
      throw thrown;
    }
  }

  /** The time for retries is over, as smaller requests than this one have had no answer either. */
  function givenUp({ lateSince }: PartOptions): boolean {
    if (lateSince === undefined) return false;
    return Date.now() - Math.max(lateSince, throttle.lastAccepted) >= connection.retry.totalMs;
  }

  /**
   * Sends a request, in halves where the server finds it too large, tuning wants smaller ones or it has met its deadline; the
   * second only after the first, so that keys keep their order.
   */
  async function send(part: Part, given: PartOptions): Promise<Ack> {
    let options = given;
    if (fits(part, options)) {
      try {
        const ack = await sendWhole(part, options);
        if (ack) return ack;
        // Its rows may be there.
        options = { ...options, again: true, lateSince: options.lateSince ?? Date.now() };
      } catch (thrown) {
        if (!(thrown instanceof MilvusdmError) || !isTooLarge(thrown)) throw thrown;
        noteTooLarge(part, thrown);
      }
    }
    const { fields } = part;
    const [first, second] = splitInsert(part.request, fields);
    const front = await send({ ...first(), fields }, options);
    throwIfAborted(options.signal);
    const back = await send({ ...second(), fields }, options);
    return { rows: part.rows, keys: concatKeys(front.keys, back.keys) };
  }

  function noteTooLarge({ request, rows }: Part, thrown: MilvusdmError): void {
    const size = formatBytes(request.length);
    if (rows === 1) {
      throw fail(
        'DST_REFUSED',
        `one row is too large for this server, alone in a request of ${size}: ${thrown.message}`,
        {
          cause: thrown.cause,
          hint: 'Raise proxy.grpc.serverMaxRecvSize (or quotaAndLimits.limits.maxInsertSize) of the server.',
        },
      );
    }
    if (tooLarge === Number.POSITIVE_INFINITY) {
      log(
        `the server takes no request of ${size}: batches are sent in halves; a smaller batch_bytes saves the cutting`,
      );
    }
    tooLarge = Math.min(tooLarge, request.length);
  }

  return {
    pool,
    get upserted() {
      return upserted;
    },
    get tuned() {
      return tuner?.tuned;
    },
    async write(batch, mapping, options) {
      const lease = await pool.take();
      const begun = performance.now();
      const fields: Field[] = [];
      let request: Uint8Array;
      try {
        throwIfAborted(options.stop);
        const columns = rawColumns(batch).flatMap((column) => {
          const name = targetField(mapping, fromArrowField(column.field));
          if (name === undefined) return [];
          fields.push(column.field);
          return [{ column, name }];
        });
        const message = { collection: o.collection, partition: options.partition ?? '', rows: batch.numRows, columns };
        request = encodeInsert(message, (bytes) => lease.acquire(bytes));
      } catch (thrown) {
        lease.release();
        throw thrown;
      }
      const encodeMs = performance.now() - begun;
      const ack = send({ request, rows: batch.numRows, fields }, options);
      // Behind those who wait for the ack, so that they can stop the next batch before it gets this place.
      const release = (): void => queueMicrotask(() => lease.release(doubtful.has(request)));
      ack.then(release, release);
      return { ack, encodeMs };
    },
  };
}

function notRepeatable(error: MilvusdmError, rows: number): MilvusdmError {
  return fail(error.code, `${error.message}; whether its ${rows} rows were written is not known`, {
    cause: error.cause,
    hint: 'Sent again at once they could be doubled; a later run asks the target first.',
  });
}
