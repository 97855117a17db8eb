import grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { callUnary, channelOptions } from '../../../src/milvus/connection.js';
import { messageOf, requestMemory, sendInPlace } from '../../../src/milvus/framing.js';

const PREFIX_BYTES = 5;
const bytes = (value: Buffer): Buffer => value;
const method = {
  path: '/milvus.proto.milvus.MilvusService/Insert',
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

let server: grpc.Server | undefined;
let client: grpc.Client | undefined;
afterEach(() => {
  client?.close();
  server?.forceShutdown();
});

/** A server that keeps what it gets, and a client of it. */
async function connected(): Promise<{ client: grpc.Client; address: string; got: Buffer[] }> {
  const got: Buffer[] = [];
  server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(
    { Insert: method },
    {
      Insert(call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) {
        got.push(call.request);
        reply(null, Buffer.of(1));
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server!.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const address = `127.0.0.1:${port}`;
  client = new grpc.Client(address, grpc.credentials.createInsecure(), channelOptions(address));
  return { client, address, got };
}

const insert = (to: grpc.Client, address: string, request: Uint8Array): Promise<Uint8Array> =>
  callUnary(to, new grpc.Metadata(), 'Insert', request, { deadlineMs: 60_000 }, address);

function filled(request: Uint8Array, seed: number): Uint8Array {
  for (let i = 0; i < request.length; i++) request[i] = (i * 31 + seed) & 255;
  return request;
}

/** Memory that arrays have asked for while `work` ran, in bytes. */
async function allocatedBy(work: () => Promise<void>): Promise<number> {
  const allocated: number[] = [];
  const { allocUnsafe } = Buffer;
  Buffer.allocUnsafe = (size) => {
    allocated.push(size);
    return allocUnsafe(size);
  };
  try {
    await work();
  } finally {
    Buffer.allocUnsafe = allocUnsafe;
  }
  return allocated.reduce((sum, n) => sum + n, 0);
}

describe('a request in memory with room before it', () => {
  it('is the message, and its prefix stands before it', () => {
    const memory = requestMemory(1000);
    expect([memory.length, memory.byteOffset]).toStrictEqual([1000, PREFIX_BYTES]);
    const message = messageOf(memory.subarray(0, 700));
    expect([message.length, message.byteOffset, message.buffer === memory.buffer]).toStrictEqual([
      700,
      PREFIX_BYTES,
      true,
    ]);
    expect([...new Uint8Array(memory.buffer, 0, PREFIX_BYTES)]).toStrictEqual([0, 0, 0, 2, 188]);
  });

  it('is known by its memory: what lies before any other request is left alone', () => {
    const other = new Uint8Array(100).fill(7);
    messageOf(other.subarray(PREFIX_BYTES));
    messageOf(requestMemory(20).subarray(10));
    expect(other.every((value) => value === 7)).toBe(true);
  });

  it('arrives as it is, several in turn from the same memory, between requests in memory of their own', async () => {
    const { client: to, address, got } = await connected();
    expect(sendInPlace(to)).toBe(true);
    const memory = requestMemory(3_000_000);
    const expected: Buffer[] = [];
    for (const length of [3_000_000, 0, 1, 70_000]) {
      for (const request of [memory.subarray(0, length), new Uint8Array(length)]) {
        expected.push(Buffer.from(filled(request, length)));
        expect([...(await insert(to, address, request))]).toStrictEqual([1]);
      }
    }
    expect(got.map((request) => request.length)).toStrictEqual(expected.map((request) => request.length));
    expect(got.every((request, i) => request.equals(expected[i]!))).toBe(true);
  });

  it('is sent whole while others are, and its memory can be written to when the answer has come', async () => {
    const { client: to, address, got } = await connected();
    sendInPlace(to);
    const rounds = 8;
    const work = async (worker: number): Promise<void> => {
      const memory = requestMemory(500_000);
      for (let round = 0; round < rounds; round++) {
        await insert(to, address, memory.subarray(0, 500_000 - round).fill(worker * rounds + round));
        memory.fill(255);
      }
    };
    await Promise.all([0, 1, 2, 3].map(work));
    expect(got.every((request) => request.every((value) => value === request[0]))).toBe(true);
    const expected = Array.from({ length: 4 * rounds }, (_, value) => [value, 500_000 - (value % rounds)]);
    expect(got.map((request) => [request[0]!, request.length]).sort((a, b) => a[0]! - b[0]!)).toStrictEqual(expected);
  });

  it('is not copied by the channel', async () => {
    const { client: to, address } = await connected();
    // The server's side copies, too, in this process: what counts is the difference.
    const memory = requestMemory(2_000_000);
    const send = (): Promise<void> => insert(to, address, memory).then(() => {});
    const copying = await allocatedBy(send);
    sendInPlace(to);
    const inPlace = await allocatedBy(send);
    expect(copying - inPlace).toBeGreaterThanOrEqual(2_000_000);
  });

  it('is sent all the same by a channel that is made otherwise', () => {
    expect(sendInPlace({ getChannel: () => ({}) } as unknown as grpc.Client)).toBe(false);
  });
});
