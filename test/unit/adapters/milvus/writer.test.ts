import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Mapping } from '../../../../src/adapters/milvus/match.js';
import { createBatchWriter } from '../../../../src/adapters/milvus/writer.js';
import type { WriteOptions } from '../../../../src/adapters/types.js';
import { makeBatch } from '../../../../src/batch/columns.js';
import type { CallOptions } from '../../../../src/milvus/connection.js';
import { grpcError } from '../../../../src/milvus/status.js';
import { schemaOf } from '../../batch/support.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';
import { type FakeCall, type FakeConnection, type FakeOptions, fakeConnection } from './fake-connection.js';
import { KEY, MAPPING, VECTOR } from './support.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const batch = makeBatch(schemaOf(KEY, VECTOR), 2, [BigInt64Array.of(7n, 8n), new Float32Array(8).fill(1)]);
const retry = { totalMs: 10_000 };

const lost = (code = 14): Error => grpcError({ code, details: 'gone' }, 'Insert at fake:0');
const accepted = (): Uint8Array => protoEncode('MutationResult', { IDs: { int_id: { data: [7, 8] } }, insert_cnt: 2 });
const status = (more: object): Uint8Array => protoEncode('MutationResult', { status: more });

/** A server that answers so in turn; errors are thrown. */
function server(answers: readonly (Uint8Array | Error)[], o: FakeOptions = {}): FakeConnection {
  let next = 0;
  return fakeConnection(
    () => {
      const answer = answers[Math.min(next++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    { retry, ...o },
  );
}

/** Writes the batch once and waits for the answer on the fake clock. */
async function write(
  connection: FakeConnection,
  options: Partial<WriteOptions> = {},
): Promise<{ rows: number; keys: bigint[] }> {
  const writer = createBatchWriter(connection, { collection: 'books', parallelism: 2 });
  const { ack } = await writer.write(batch, MAPPING, { repeatable: false, ...options });
  ack.catch(() => {});
  await vi.runAllTimersAsync();
  const { rows, keys } = await ack;
  return { rows, keys: [...keys] };
}

const methods = (connection: FakeConnection): string[] => connection.calls.map((call: FakeCall) => call.method);

describe('a batch', () => {
  it('is sent under the names of the target and gives the keys of the answer', async () => {
    const connection = server([accepted()]);
    expect(await write(connection, { partition: 'p' })).toStrictEqual({ rows: 2, keys: [7n, 8n] });
    const message = protoDecode('InsertRequest', connection.calls[0]!.request);
    expect(message).toMatchObject({ collection_name: 'books', partition_name: 'p', num_rows: 2 });
    expect((message.fields_data as { field_name: string }[]).map((f) => f.field_name)).toStrictEqual(['pk', 'vec']);
  });

  it('carries no key where the server makes it', async () => {
    const connection = server([accepted()]);
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 1 });
    await (await writer.write(batch, { ...MAPPING, autoId: true }, { repeatable: false })).ack;
    const message = protoDecode('InsertRequest', connection.calls[0]!.request);
    expect((message.fields_data as { field_name: string }[]).map((f) => f.field_name)).toStrictEqual(['vec']);
  });

  it('that the server refuses is not sent again', async () => {
    const connection = server([status({ code: 1100, reason: 'bad dim' })]);
    await expect(write(connection)).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('bad dim'),
    });
    expect(connection.calls).toHaveLength(1);
  });

  it('of which rows are named as failed is refused', async () => {
    const connection = server([protoEncode('MutationResult', { err_index: [1], insert_cnt: 1 })]);
    await expect(write(connection)).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('1 rows as not written'),
    });
  });

  it('that the server is too busy for is sent again, as an insert: nothing of it was written', async () => {
    const connection = server([status({ code: 8, reason: 'rate limit' }), accepted()]);
    expect(await write(connection)).toMatchObject({ rows: 2 });
    expect(methods(connection)).toStrictEqual(['Insert', 'Insert']);
  });
});

describe('a batch whose answer was lost', () => {
  it.each([14, 4])('is sent again as an upsert where that cannot double it (gRPC code %d)', async (code) => {
    const connection = server([lost(code), lost(code), accepted()]);
    expect(await write(connection, { repeatable: true })).toMatchObject({ rows: 2 });
    expect(methods(connection)).toStrictEqual(['Insert', 'Upsert', 'Upsert']);
    expect(connection.calls[1]!.request).toStrictEqual(connection.calls[0]!.request);
  });

  it('is not sent again where that could double it, and the error says so', async () => {
    const connection = server([lost(), accepted()]);
    await expect(write(connection)).rejects.toMatchObject({
      code: 'NET_UNAVAILABLE',
      message: expect.stringContaining('whether its 2 rows were written is not known'),
      hint: expect.stringContaining('doubled'),
    });
    expect(connection.calls).toHaveLength(1);
  });

  it('is inserted again where the server keeps one copy of an id', async () => {
    const connection = server([lost(), accepted()], { version: 'milvus_lite-3.2.2' });
    expect(await write(connection)).toMatchObject({ rows: 2 });
    expect(methods(connection)).toStrictEqual(['Insert', 'Insert']);
  });

  it('is given up after the time for retries', async () => {
    await expect(write(server([lost()]), { repeatable: true })).rejects.toMatchObject({
      code: 'NET_UNAVAILABLE',
      exitCode: 5,
    });
  });

  it('is given up at once when its own signal says so, but not for that of the reading', async () => {
    const controller = new AbortController();
    const connection = server([lost(), accepted()], { retry: { ...retry, signal: AbortSignal.abort() } });
    expect(await write(connection, { repeatable: true, signal: controller.signal })).toMatchObject({ rows: 2 });
    const other = server([lost()]);
    controller.abort();
    await expect(write(other, { repeatable: true, signal: controller.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
  });
});

describe('batches in flight', () => {
  it.each([
    [2, 'v2.3.5', 2],
    [100, 'v2.3.5', 16],
    [4, 'milvus_lite-3.2.2', 1],
    [0, 'v2.3.5', 1],
  ])('are %d asked for on %s: %d', async (parallelism, version, places) => {
    const answers: ((bytes: Uint8Array) => void)[] = [];
    const connection = fakeConnection(() => new Promise((resolve) => answers.push(resolve)), { version, retry });
    const writer = createBatchWriter(connection, { collection: 'books', parallelism });
    let sent = 0;
    const all = Promise.all(
      Array.from({ length: places + 1 }, async () => {
        const { ack } = await writer.write(batch, MAPPING, { repeatable: false });
        sent++;
        return ack;
      }),
    );
    await vi.runAllTimersAsync();
    expect([sent, writer.pool.size]).toStrictEqual([places, places]);
    answers.shift()!(accepted());
    await vi.runAllTimersAsync();
    expect(sent).toBe(places + 1);
    for (const answer of answers) answer(accepted());
    expect(await all).toHaveLength(places + 1);
  });

  it('share memory in turn, but for that of a request that has failed, which may be on its way still', async () => {
    const connection = server([
      accepted(),
      lost(),
      accepted(),
      accepted(),
      status({ code: 1100, reason: 'no' }),
      accepted(),
    ]);
    const used: unknown[] = [];
    const watched: FakeConnection = Object.create(connection, {
      call: {
        value: (method: string, request: Uint8Array, o: CallOptions) => {
          used.push(request.buffer);
          return connection.call(method, request, o);
        },
      },
    });
    const writer = createBatchWriter(watched, { collection: 'books', parallelism: 1 });
    for (let i = 0; i < 5; i++) {
      const { ack } = await writer.write(batch, MAPPING, { repeatable: true });
      ack.catch(() => {});
      await vi.runAllTimersAsync();
    }
    // Of the second one the first try fails and the next one succeeds; the fourth is refused.
    const [first, second, again, third, fourth, fifth] = used;
    expect([second === first, again === second, third === second, fourth === third, fifth === fourth]).toStrictEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
  });

  it('give their place back when a request fails or cannot be made', async () => {
    const connection = server([status({ code: 1100 })]);
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 1 });
    for (let i = 0; i < 3; i++) {
      const { ack } = await writer.write(batch, MAPPING, { repeatable: false });
      await expect(ack).rejects.toMatchObject({ code: 'DST_REFUSED' });
    }
    const broken = { ...MAPPING, fields: { get: () => 5 } } as unknown as Mapping;
    for (let i = 0; i < 3; i++) {
      const outcome = writer.write(batch, broken, { repeatable: false });
      await expect(outcome.then(({ ack }) => ack)).rejects.toThrow();
    }
  });
});

describe('a server that limits the rate', () => {
  const limited = (): Uint8Array => status({ code: 8, error_code: 49, reason: 'rate limit exceeded' });

  it('is told of once when it begins and once when it is over, not at every repeat', async () => {
    const log: string[] = [];
    const retries: string[] = [];
    let now = 0;
    const connection = fakeConnection(() => (now++ % 3 === 0 && now < 30 ? limited() : accepted()), {
      retry: { ...retry, onRetry: (error) => retries.push(error.message) },
    });
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 2, log: (m) => log.push(m) });
    for (let i = 0; i < 3000; i++) {
      const written = writer.write(batch, MAPPING, { repeatable: false }).then(({ ack }) => ack);
      await vi.advanceTimersByTimeAsync(50);
      if (i < 100) await vi.advanceTimersByTimeAsync(20_000);
      expect((await written).rows).toBe(2);
    }
    expect(retries).toStrictEqual([]);
    expect(log).toStrictEqual([
      'insert 2 rows into books: rate limit exceeded (Milvus code 8): slowing down until the server takes more',
      'the server takes requests at full pace again',
    ]);
  });

  it('for ever is given up after the time for retries, as the refusal that it is', async () => {
    await expect(write(server([limited()]))).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('rate limit'),
    });
  });
});

describe('a batch that is too large', () => {
  const rows = 7;
  const large = makeBatch(schemaOf(KEY, VECTOR), rows, [
    BigInt64Array.from({ length: rows }, (_, i) => BigInt(i) * 1_000_000_000n),
    Float32Array.from({ length: rows * 4 }, (_, i) => i),
  ]);
  interface Sent {
    readonly keys: number[];
    readonly vectors: number[];
  }
  /** Takes requests of at most so many rows, and names the keys that it got, a thousand apart for every request. */
  function narrow(most: number, refusal: () => Uint8Array): { connection: FakeConnection; taken: Sent[] } {
    const taken: Sent[] = [];
    const connection = fakeConnection(
      ({ request }) => {
        const message = protoDecode('InsertRequest', request) as {
          num_rows: number;
          fields_data: [
            { scalars: { long_data: { data: string[] } } },
            { vectors: { float_vector: { data: number[] } } },
          ];
        };
        if (message.num_rows > most) return refusal();
        const [key, vector] = message.fields_data;
        const keys = key.scalars.long_data.data.map((k) => Number(k) / 1_000_000_000);
        taken.push({ keys, vectors: vector.vectors.float_vector.data });
        return protoEncode('MutationResult', { IDs: { int_id: { data: keys } }, insert_cnt: keys.length });
      },
      { retry },
    );
    return { connection, taken };
  }
  const refusals: [string, () => Uint8Array][] = [
    [
      'by the transport',
      () => {
        throw grpcError({ code: 8, details: 'received message larger than max' }, 'Insert at fake:0');
      },
    ],
    ['by Milvus', () => status({ code: 1102, reason: 'insert request size exceeds maxInsertSize' })],
  ];

  it.each(refusals)('(%s) is sent in halves, the keys in the order of the rows', async (_, refusal) => {
    const log: string[] = [];
    const { connection, taken } = narrow(2, refusal);
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 1, log: (m) => log.push(m) });
    const { ack } = await writer.write(large, MAPPING, { repeatable: false, partition: 'p' });
    const { rows: sent, keys } = await ack;
    expect([sent, [...keys]]).toStrictEqual([rows, [0n, 1n, 2n, 3n, 4n, 5n, 6n]]);
    expect(taken.map((t) => t.keys)).toStrictEqual([[0], [1, 2], [3, 4], [5, 6]]);
    expect(taken.flatMap((t) => t.vectors)).toStrictEqual(Array.from({ length: rows * 4 }, (__, i) => i));
    const partitions = connection.calls.map((c) => protoDecode('InsertRequest', c.request).partition_name);
    expect(new Set(partitions)).toStrictEqual(new Set(['p']));
    expect(log).toStrictEqual([expect.stringMatching(/takes no request of \d.* B: .*batch_bytes/)]);
  });

  it('is cut beforehand once the server has refused one of its size', async () => {
    const { connection, taken } = narrow(2, refusals[1]![1]);
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 1 });
    for (let i = 0; i < 3; i++) await (await writer.write(large, MAPPING, { repeatable: false })).ack;
    // 7 rows and 3 were refused; from then on nothing as large as 3 rows was sent.
    expect([connection.calls.length - taken.length, taken.length]).toStrictEqual([2, 12]);
  });

  it('with a single row is refused, with what the server said and what helps', async () => {
    const { connection } = narrow(0, refusals[0]![1]);
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 1 });
    const { ack } = await writer.write(large, MAPPING, { repeatable: false });
    await expect(ack).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringMatching(/one row is too large.* B.*larger than max/),
      hint: expect.stringContaining('serverMaxRecvSize'),
    });
    expect(connection.calls).toHaveLength(3);
  });

  it('of which the second half fails fails as a whole, and gives its place back', async () => {
    let calls = 0;
    const connection = fakeConnection(
      () => (++calls === 1 ? status({ code: 1102 }) : calls === 2 ? accepted() : status({ code: 1100, reason: 'no' })),
      { retry },
    );
    const writer = createBatchWriter(connection, { collection: 'books', parallelism: 1 });
    for (let i = 0; i < 2; i++) {
      const { ack } = await writer.write(large, MAPPING, { repeatable: false });
      await expect(ack).rejects.toMatchObject({ code: 'DST_REFUSED' });
    }
  });
});
