import grpc from '@grpc/grpc-js';
import type { MilvusEndpoint } from '../config/types.js';
import { fail } from '../util/errors.js';
import { type RetryPolicy, withRetry } from '../util/retry.js';
import { WireReader } from '../util/wire.js';
import {
  type CallOptions,
  type Connection,
  callUnary,
  channelOptions,
  DDL_TIMEOUT_MS,
  waitForReady,
} from './connection.js';
import { readAnswer } from './decode.js';
import { openMilvus } from './open.js';

/** What of a connection plain calls need. Whoever opens it disposes of it. */
export interface Calls extends AsyncDisposable, Pick<Connection, 'address' | 'version' | 'retry' | 'call'> {}

export interface CallsOptions {
  readonly log: (message: string) => void;
  readonly retry: RetryPolicy;
  readonly signal?: AbortSignal;
}

function metadataOf({ token, user, password = '' }: MilvusEndpoint): grpc.Metadata {
  const metadata = new grpc.Metadata();
  const login = token ?? (user === undefined ? undefined : `${user}:${password}`);
  if (login !== undefined) metadata.set('authorization', Buffer.from(login).toString('base64'));
  return metadata;
}

/** GetVersionResponse: 1 status, 2 version. */
function versionIn(bytes: Uint8Array): string {
  const reader = new WireReader(bytes);
  let version = '';
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 2) version = reader.string();
    else reader.skip(f.type);
  }
  return version;
}

/**
 * Connects for plain calls alone. The SDK's client, which describes all of Milvus to itself whenever one is made, takes half
 * a second for that: here it is used for TLS and the embedded Milvus Lite only. Throws as {@link openMilvus}.
 */
export async function openCalls(endpoint: MilvusEndpoint, o: CallsOptions): Promise<Calls> {
  const { at } = endpoint;
  if (at.kind === 'embedded' || at.tls) {
    const opened = await openMilvus(endpoint, o);
    const { address, version, retry, call } = opened.connection;
    return { address, version, retry, call, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() };
  }
  const { address } = at;
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), channelOptions(address));
  const metadata = metadataOf(endpoint);
  const call = (method: string, request: Uint8Array, options: CallOptions): Promise<Uint8Array> =>
    callUnary(client, metadata, method, request, options, address);
  const ready = (signal: AbortSignal | undefined): Promise<void> => waitForReady(client, address, signal);
  const retry = { ...o.retry, ready };
  try {
    await ready(o.signal);
    const version = await withRetry(async () => {
      const options = { deadlineMs: DDL_TIMEOUT_MS, ...(o.signal ? { signal: o.signal } : {}) };
      return readAnswer(await call('GetVersion', new Uint8Array(), options), `version of ${address}`, versionIn);
    }, retry);
    if (version === '') throw fail('DST_REFUSED', `the server at ${address} does not tell its version`);
    return { address, version, retry, call, [Symbol.asyncDispose]: async () => client.close() };
  } catch (thrown) {
    client.close();
    throw thrown;
  }
}
