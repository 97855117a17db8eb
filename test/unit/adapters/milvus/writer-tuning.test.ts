import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BatchWriter, createBatchWriter } from '../../../../src/adapters/milvus/writer.js';
import type { WriteOptions } from '../../../../src/adapters/types.js';
import { makeBatch } from '../../../../src/batch/columns.js';
import { grpcError, statusError } from '../../../../src/milvus/status.js';
import { schemaOf } from '../../batch/support.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';
import { type FakeConnection, fakeConnection } from './fake-connection.js';
import { KEY, MAPPING, VECTOR } from './support.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const MIB = 2 ** 20;
const DIM = 254;
/** A batch of a MiB: 8 bytes of key, 1016 of vector. */
const ROWS = MIB / (8 + DIM * 4);
const batchOf = (first: number) =>
  makeBatch(schemaOf(KEY, { ...VECTOR, dim: DIM }), ROWS, [
    BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(first + i)),
    Float32Array.from({ length: ROWS * DIM }, (_, i) => i),
  ]);
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Sent {
  readonly method: string;
  readonly keys: readonly number[];
  readonly bytes: number;
  readonly at: number;
}

interface Server {
  readonly connection: FakeConnection;
  /** Requests that were answered. */
  readonly taken: Sent[];
  /** Requests that were in flight together, at most, since it was set to 0. */
  most: number;
}

/** A server to which a request takes so many milliseconds; `meets` throws what it answers instead. */
function serverThat(takes: (bytes: number) => number, meets: (bytes: number) => void = () => {}): Server {
  let inFlight = 0;
  const taken: Sent[] = [];
  const connection = fakeConnection(
    async ({ method, request }) => {
      const bytes = request.length;
      const { fields_data: fields } = protoDecode('InsertRequest', request) as {
        fields_data: [{ scalars: { long_data: { data: string[] } } }];
      };
      server.most = Math.max(server.most, ++inFlight);
      try {
        await after(takes(bytes));
        meets(bytes);
      } finally {
        inFlight--;
      }
      const keys = fields[0].scalars.long_data.data.map(Number);
      taken.push({ method, keys, bytes, at: Date.now() });
      return protoEncode('MutationResult', { IDs: { int_id: { data: keys } }, insert_cnt: keys.length });
    },
    { retry: { totalMs: 60_000 } },
  );
  const server: Server = { connection, taken, most: 0 };
  return server;
}

const tuning = { batchBytes: MIB };

/** Writes so many batches as fast as places come free; gives the keys that were acknowledged. */
async function writeAll(writer: BatchWriter, count: number, options: Partial<WriteOptions> = {}): Promise<number[]> {
  const acks: Promise<number[]>[] = [];
  const all = (async () => {
    for (let i = 0; i < count; i++) {
      const { ack } = await writer.write(batchOf(i * ROWS), MAPPING, { repeatable: true, ...options });
      const keys = ack.then((answer) => [...answer.keys].map(Number));
      keys.catch(() => {});
      acks.push(keys);
    }
    return (await Promise.all(acks)).flat();
  })();
  all.catch(() => {});
  await vi.runAllTimersAsync();
  return all;
}

const everyKey = (count: number): number[] => Array.from({ length: count * ROWS }, (_, i) => i);
const sorted = (keys: readonly number[]): number[] => keys.toSorted((a, b) => a - b);

describe('a batch writer that tunes', () => {
  it('sends whole batches, as many as it may, to a server that answers soon', async () => {
    const server = serverThat(() => 50);
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 4, tuning });
    expect(await writeAll(writer, 12)).toStrictEqual(everyKey(12));
    expect([server.most, server.taken.length]).toStrictEqual([4, 12]);
    expect(writer.tuned).toStrictEqual({ inFlight: 4, bytes: MIB, ackMs: 50 });
  });

  it('sends fewer and then smaller requests to one that takes long; the acknowledgement of a batch is of all of its rows', async () => {
    const log: string[] = [];
    const server = serverThat((bytes) => (bytes / MIB) * 9000);
    const writer = createBatchWriter(server.connection, {
      collection: 'books',
      parallelism: 1,
      tuning,
      log: (m) => log.push(m),
    });
    expect(await writeAll(writer, 12)).toStrictEqual(everyKey(12));
    expect(sorted(server.taken.flatMap((t) => t.keys))).toStrictEqual(everyKey(12));
    expect(server.taken[0]!.bytes).toBeGreaterThan(0.9 * MIB);
    expect(server.taken.at(-1)!.bytes).toBeLessThan(0.6 * MIB);
    expect(writer.tuned!.bytes).toBeLessThan(MIB);
    expect(log.length).toBeLessThanOrEqual(2);
  });

  it('never cuts a batch whose rows are counted', async () => {
    const server = serverThat((bytes) => (bytes / MIB) * 9000);
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 1, tuning });
    await writeAll(writer, 12, { atOnce: true, repeatable: false });
    expect(server.taken).toHaveLength(12);
    expect(writer.tuned!.bytes).toBeLessThan(MIB);
  });

  it('sends whole batches always where that is asked for', async () => {
    const server = serverThat((bytes) => (bytes / MIB) * 9000);
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 4 });
    await writeAll(writer, 12);
    expect([server.most, server.taken.length, writer.tuned]).toStrictEqual([4, 12, undefined]);
  });
});

describe('a request that meets its deadline', () => {
  const lost = (): never => {
    throw grpcError({ code: 4, details: 'deadline' }, 'Insert at fake:0');
  };
  const largest = (most: number) => (bytes: number) => void (bytes > most && lost());
  const takes = (most: number) => (bytes: number) => (bytes > most ? 60_000 : 100);

  it('is sent again in smaller ones that replace what may be there of it', async () => {
    const server = serverThat(takes(0.3 * MIB), largest(0.3 * MIB));
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 4, tuning });
    expect(await writeAll(writer, 8)).toStrictEqual(everyKey(8));
    expect(sorted(server.taken.flatMap((t) => t.keys))).toStrictEqual(everyKey(8));
    const again = server.taken.filter((t) => t.keys.some((key) => key < 4 * ROWS));
    expect(new Set(again.map((t) => t.method))).toStrictEqual(new Set(['Upsert']));
    expect(writer.upserted).toBeGreaterThanOrEqual(4 * ROWS);
    expect(server.taken.every((t) => t.bytes <= 0.3 * MIB)).toBe(true);
  });

  it('ends the run where sending it again could double its rows', async () => {
    const server = serverThat(takes(0), largest(0));
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 1, tuning });
    await expect(writeAll(writer, 1, { repeatable: false })).rejects.toMatchObject({ code: 'NET_DEADLINE' });
    expect(server.connection.calls).toHaveLength(1);
  });

  it('is given up after the time for retries, however small it has become', async () => {
    const server = serverThat(takes(0), largest(0));
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 1, tuning });
    const begun = Date.now();
    let ended = 0;
    const { ack } = await writer.write(batchOf(0), MAPPING, { repeatable: true });
    const outcome = expect(ack).rejects.toMatchObject({ code: 'NET_DEADLINE', exitCode: 5 });
    const end = ack.catch(() => {
      ended = Date.now() - begun;
    });
    await vi.runAllTimersAsync();
    await Promise.all([outcome, end]);
    expect(ended).toBeLessThanOrEqual(240_000);
  });
});

describe('a limit of the rate', () => {
  it('tells the tuner nothing', async () => {
    const status = { code: 8, legacyCode: 49, reason: 'rate limit', retriable: true };
    let calls = 0;
    const server = serverThat(
      () => 6000,
      () => {
        if (calls++ % 2 === 0) throw statusError(status, 'insert');
      },
    );
    const writer = createBatchWriter(server.connection, { collection: 'books', parallelism: 2, tuning });
    expect(await writeAll(writer, 6)).toStrictEqual(everyKey(6));
    expect(server.taken).toHaveLength(6);
    expect(writer.tuned).toBe(undefined);
  });
});
