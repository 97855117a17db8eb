import grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { openCalls } from '../../../src/milvus/calls.js';

/** A gRPC server that knows one call and keeps what it was asked with. */
async function serve(answer: (call: grpc.ServerUnaryCall<Buffer, Buffer>) => Buffer | grpc.ServiceError) {
  const server = new grpc.Server();
  const asked: grpc.Metadata[] = [];
  const path = '/milvus.proto.milvus.MilvusService/GetVersion';
  const bytes = (value: Buffer): Buffer => value;
  const method = {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  server.addService(
    { GetVersion: method },
    {
      GetVersion(call: grpc.ServerUnaryCall<Buffer, Buffer>, reply: grpc.sendUnaryData<Buffer>) {
        asked.push(call.metadata);
        const given = answer(call);
        if (given instanceof Error) reply(given);
        else reply(null, given);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, asked, server };
}

const version = (text: string): Buffer => Buffer.concat([Buffer.of(0x0a, 0, 0x12, text.length), Buffer.from(text)]);
const o = { log: () => {}, retry: { totalMs: 0 } };
let server: grpc.Server | undefined;
afterEach(() => server?.forceShutdown());

describe('a connection for plain calls', () => {
  it.each([
    [{}, undefined],
    [{ user: 'root', password: 'Milvus' }, 'root:Milvus'],
    [{ token: 'key' }, 'key'],
  ])('with %j logs in as %s', async (login, expected) => {
    const milvus = await serve(() => version('v2.3.5'));
    ({ server } = milvus);
    await using calls = await openCalls({ at: { kind: 'server', address: milvus.address, tls: false }, ...login }, o);
    expect(calls).toMatchObject({ address: milvus.address, version: 'v2.3.5' });
    const [given] = milvus.asked[0]!.get('authorization');
    expect(given && Buffer.from(String(given), 'base64').toString()).toBe(expected);
  });

  it('says who was refused', async () => {
    const refused = Object.assign(new Error('no'), {
      code: grpc.status.UNAUTHENTICATED,
      details: 'auth check failure',
    });
    const milvus = await serve(() => refused as grpc.ServiceError);
    ({ server } = milvus);
    const opening = openCalls({ at: { kind: 'server', address: milvus.address, tls: false } }, o);
    await expect(opening).rejects.toMatchObject({ code: 'DST_AUTH' });
  });

  it('needs a version', async () => {
    const milvus = await serve(() => version(''));
    ({ server } = milvus);
    const opening = openCalls({ at: { kind: 'server', address: milvus.address, tls: false } }, o);
    await expect(opening).rejects.toMatchObject({ code: 'DST_REFUSED' });
  });
});
