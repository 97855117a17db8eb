import { createRequire } from 'node:module';
import grpc from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { callUnary, channelOptions } from '../../../src/milvus/connection.js';
import { forgetAnswers, giveBack, MessageReader, receiveInPlace } from '../../../src/milvus/receiving.js';

interface Decoder {
  write(piece: Buffer): Buffer[];
}

// That of grpc-js, before it is replaced.
const { StreamDecoder: Original } = createRequire(import.meta.url)('@grpc/grpc-js/build/src/stream-decoder.js') as {
  StreamDecoder: new (longest: number) => Decoder;
};

const MIB = 1 << 20;
const bytes = (value: Buffer): Buffer => value;

afterEach(forgetAnswers);

function framed(body: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** One message of so many bytes, as it comes from a reader. */
function received(length: number, value = 0): Buffer {
  const [message] = new MessageReader(-1).write(framed(Buffer.alloc(length, value)));
  return message!;
}

describe('messages in pieces', () => {
  it('are those that grpc-js makes, wherever the pieces end', () => {
    const message = fc.record({
      body: fc.oneof(
        fc.uint8Array({ maxLength: 50 }),
        fc.constantFrom(300_000, 700_000).map((n) => Buffer.alloc(n, n)),
      ),
      flag: fc.constantFrom(0, 1),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 200_000 })), (all, cuts) => {
        const stream = Buffer.concat(all.map(({ body, flag }) => framed(body, flag)));
        const [ours, theirs] = [new MessageReader(-1), new Original(-1)];
        const [found, expected]: [Buffer[], Buffer[]] = [[], []];
        for (let at = 0, i = 0; at < stream.length; i++) {
          const end = at + (cuts[i] ?? 65_536);
          found.push(...ours.write(stream.subarray(at, end)));
          expected.push(...theirs.write(stream.subarray(at, end)));
          // Only whole messages are given, and as soon as they are.
          expect(found.length).toBe(expected.length);
          at = end;
        }
        expect(found.length).toBe(all.length);
        expect(found.every((one, i) => one.equals(expected[i]!))).toBe(true);
        for (const one of found.slice(1)) giveBack(one);
      }),
      { numRuns: 60 },
    );
  });

  it('are refused in the words of grpc-js where one is too long', () => {
    const long = framed(Buffer.alloc(11)).subarray(0, 5);
    const said = (decoder: Decoder): string => {
      try {
        return `${decoder.write(long).length}`;
      } catch (thrown) {
        return (thrown as Error).message;
      }
    };
    expect(said(new MessageReader(10))).toBe(said(new Original(10)));
    expect(said(new MessageReader(10))).toContain('11 vs 10');
    expect(said(new MessageReader(11))).toBe('0');
  });
});

describe('memory of messages', () => {
  it('is used again once it has been given back, and not before', () => {
    const first = received(4 * MIB, 1);
    const second = received(4 * MIB, 2);
    expect(second.buffer).not.toBe(first.buffer);
    giveBack(first);
    const third = received(4 * MIB - 100, 3);
    expect(third.buffer).toBe(first.buffer);
    expect(third.equals(framed(Buffer.alloc(4 * MIB - 100, 3)))).toBe(true);
    expect(second.subarray(5).every((value) => value === 2)).toBe(true);
  });

  it('is given back by any view of it, and once', () => {
    const first = received(MIB);
    giveBack(first.subarray(5, 100));
    giveBack(first);
    const [second, third] = [received(MIB), received(MIB)];
    expect(second.buffer).toBe(first.buffer);
    expect(third.buffer).not.toBe(first.buffer);
  });

  it('is not taken where it comes from elsewhere, is short, or too short for the next message', () => {
    const foreign = Buffer.allocUnsafeSlow(8 * MIB);
    const short = received(1000);
    const small = received(MIB);
    for (const one of [foreign, short, small]) giveBack(one);
    const next = received(6 * MIB);
    for (const one of [foreign, short, small]) expect(next.buffer).not.toBe(one.buffer);
  });

  it('is kept up to a limit, and let go at the end', () => {
    const all = Array.from({ length: 12 }, () => received(8 * MIB - 5));
    const buffers = new Set(all.map(({ buffer }) => buffer));
    for (const one of all) giveBack(one);
    const again = Array.from({ length: 12 }, () => received(8 * MIB - 5));
    expect(again.filter(({ buffer }) => buffers.has(buffer)).length).toBe(5);
    for (const one of again) giveBack(one);
    forgetAnswers();
    expect(again.map(({ buffer }) => buffer)).not.toContain(received(8 * MIB - 5).buffer);
  });
});

describe('a channel', () => {
  let server: grpc.Server | undefined;
  let client: grpc.Client | undefined;
  afterEach(() => {
    client?.close();
    server?.forceShutdown();
  });

  /** A client of a server whose answers are as long as the request says, and full of its last byte. */
  async function connected(): Promise<(length: number, value: number) => Promise<Uint8Array>> {
    server = new grpc.Server();
    const path = '/milvus.proto.milvus.MilvusService/Query';
    const codecs = {
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    server.addService(
      { Query: { path, requestStream: false, responseStream: false, ...codecs } },
      {
        Query({ request }: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) {
          reply(null, Buffer.alloc(request.readUInt32LE(0), request[4]));
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server!.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const address = `127.0.0.1:${port}`;
    const to = new grpc.Client(address, grpc.credentials.createInsecure(), channelOptions(address));
    client = to;
    return (length, value) => {
      const request = Buffer.alloc(5, value);
      request.writeUInt32LE(length);
      return callUnary(to, new grpc.Metadata(), 'Query', request, { deadlineMs: 60_000 }, address);
    };
  }

  it('of the release in use puts its answers there', async () => {
    expect([receiveInPlace(), receiveInPlace()]).toStrictEqual([true, true]);
    const ask = await connected();
    const first = await ask(3 * MIB, 1);
    giveBack(first);
    const second = await ask(3 * MIB, 2);
    expect(second.buffer).toBe(first.buffer);
    expect(second.length).toBe(3 * MIB);
    expect(second.every((value) => value === 2)).toBe(true);
  });

  it('keeps answers apart that arrive at the same time', async () => {
    receiveInPlace();
    const ask = await connected();
    const work = async (worker: number): Promise<void> => {
      for (let round = 0; round < 6; round++) {
        const [length, value] = [600_000 + 40_000 * worker + round, worker * 6 + round + 1];
        const answer = await ask(length, value);
        expect([answer.length, answer.every((found) => found === value)]).toStrictEqual([length, true]);
        // What is read behind this would be seen as rows of another answer.
        answer.fill(0);
        giveBack(answer);
      }
    };
    await Promise.all([0, 1, 2, 3].map(work));
  });
});
