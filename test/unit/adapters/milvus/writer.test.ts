import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Mapping } from '../../../../src/adapters/milvus/match.js';
import { createBatchWriter } from '../../../../src/adapters/milvus/writer.js';
import type { WriteOptions } from '../../../../src/adapters/types.js';
import { makeBatch } from '../../../../src/batch/columns.js';
import { grpcError } from '../../../../src/milvus/status.js';
import { schemaOf } from '../../batch/support.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';
import { type FakeCall, type FakeConnection, type FakeOptions, fakeConnection } from './fake-connection.js';
import { KEY, VECTOR } from './support.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const MAPPING: Mapping = {
  fields: new Map([['embedding', 'vec']]),
  keyField: 'pk',
  keyType: 'INT64',
  vectorField: 'vec',
  autoId: false,
};
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
