import grpc from '@grpc/grpc-js';
import type { MilvusEndpoint } from '../config/types.js';
import { interrupted } from '../util/abort.js';
import { fail } from '../util/errors.js';
import type { RetryPolicy } from '../util/retry.js';
import { type Features, featuresOf } from './features.js';
import { messageOf, sendInPlace } from './framing.js';
import { forgetAnswers, receiveInPlace } from './receiving.js';
import { logger, MilvusClient } from './sdk.js';
import { GRPC, grpcError } from './status.js';

// The SDK's logger writes to stdout, which belongs to the report.
logger.silent = true;

const SERVICE = '/milvus.proto.milvus.MilvusService/';
const CONNECT_TIMEOUT_MS = 10_000;
/** Deadline of calls that change or read metadata. */
export const DDL_TIMEOUT_MS = 60_000;

const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.keepalive_permit_without_calls': 1,
  // What the server may send before it hears of us: with the default of 64 KiB a page of 8 MiB needs 128 round trips.
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
  'grpc.enable_retries': 0,
  'grpc.use_local_subchannel_pool': 1,
} as const;

/** The SDK client with the parts that our own calls share with it. */
class Sdk extends MilvusClient {
  sharedCredentials(): grpc.ChannelCredentials {
    return this.creds;
  }
  sharedMetadata(): Map<string, string> {
    return this.metadata;
  }
}

export interface CallOptions {
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/** A connection to one Milvus server and database. Whoever opens it disposes of it. */
export interface Connection extends AsyncDisposable {
  /** host:port, for messages. */
  readonly address: string;
  readonly sdk: MilvusClient;
  readonly version: string;
  readonly features: Features;
  /** How calls that may be repeated are repeated. */
  readonly retry: RetryPolicy;
  /**
   * One call of MilvusService with the bytes of the request; gives the bytes of the answer, uncompressed.
   * The request's memory is free again when the answer has come. After a failure it may be on its way still and must never be
   * written to again. Throws what {@link grpcError} makes of a failure.
   */
  call(method: string, request: Uint8Array, options: CallOptions): Promise<Uint8Array>;
}

/** grpc-js would send even loopback traffic through a proxy of the environment. */
export function channelOptions(address: string): Record<string, string | number> {
  const loopback = /^(127\.|localhost:|\[::1\])/.test(address);
  return { ...CHANNEL_OPTIONS, ...(loopback ? { 'grpc.enable_http_proxy': 0 } : {}) };
}

function sdkFor(endpoint: MilvusEndpoint, address: string, tls: boolean): Sdk {
  const { tls: t } = endpoint;
  return new Sdk({
    address: tls ? `https://${address}` : address,
    ssl: tls,
    ...(endpoint.token ? { token: endpoint.token } : {}),
    ...(endpoint.user ? { username: endpoint.user, password: endpoint.password ?? '' } : {}),
    ...(endpoint.db ? { database: endpoint.db } : {}),
    ...(t
      ? {
          tls: {
            ...(t.ca ? { rootCertPath: t.ca } : {}),
            ...(t.cert ? { certChainPath: t.cert } : {}),
            ...(t.key ? { privateKeyPath: t.key } : {}),
            ...(t.serverName ? { serverName: t.serverName } : {}),
            ...(t.skipVerify ? { skipCertCheck: true } : {}),
          },
        }
      : {}),
    maxRetries: 0,
    timeout: DDL_TIMEOUT_MS,
    telemetry: { enabled: false },
    channelOptions: channelOptions(address),
    __SKIP_CONNECT__: true,
  });
}

/** Waits until the server can be reached. Throws NET_UNAVAILABLE after 10 s, and INTERRUPTED. */
export async function waitForReady(client: grpc.Client, address: string, signal?: AbortSignal): Promise<void> {
  if (client.getChannel().getConnectivityState(true) === grpc.connectivityState.READY) return;
  await new Promise<void>((resolve, reject) => {
    const abort = (): void => reject(interrupted());
    signal?.addEventListener('abort', abort, { once: true });
    client.waitForReady(Date.now() + CONNECT_TIMEOUT_MS, (error) => {
      signal?.removeEventListener('abort', abort);
      if (!error) return resolve();
      reject(
        fail('NET_UNAVAILABLE', `no Milvus answers at ${address} (waited ${CONNECT_TIMEOUT_MS / 1000} s)`, {
          cause: error,
          retry: 'yes',
        }),
      );
    });
  });
}

function metadataFrom(entries: Map<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, value] of entries) metadata.set(key, value);
  return metadata;
}

/** Opens a connection. Throws NET_UNAVAILABLE after 10 s without an answer, DST_AUTH when the credentials are refused. */
export async function connect(
  endpoint: MilvusEndpoint,
  address: string,
  tls: boolean,
  retry: RetryPolicy,
): Promise<Connection> {
  let sdk: Sdk;
  try {
    sdk = sdkFor(endpoint, address, tls);
  } catch (cause) {
    throw fail('CFG_CONFLICT', `the connection to ${address} cannot be set up: ${(cause as Error).message}`, { cause });
  }
  const options = {
    ...channelOptions(address),
    ...(endpoint.tls?.serverName ? { 'grpc.ssl_target_name_override': endpoint.tls.serverName } : {}),
  };
  const client = new grpc.Client(address, sdk.sharedCredentials(), options);
  sendInPlace(client);
  receiveInPlace();
  const close = async (): Promise<void> => {
    client.close();
    forgetAnswers();
    await sdk.closeConnection();
  };
  try {
    await waitForReady(client, address);
    // The SDK's own greeting gives the session identifier that later calls carry.
    await Promise.resolve(sdk.connect('milvusdm'));
    await sdk.connectPromise;
    const version = await serverVersion(sdk, address);
    if (endpoint.db) await requireDatabase(sdk, address, endpoint.db);
    const metadata = metadataFrom(sdk.sharedMetadata());
    return {
      address,
      sdk,
      version,
      features: featuresOf(version),
      retry: { ...retry, ready: (signal) => waitForReady(client, address, signal) },
      call: (method, request, o) => callUnary(client, metadata, method, request, o, address),
      [Symbol.asyncDispose]: close,
    };
  } catch (thrown) {
    await close();
    throw isConnectRefusal(thrown) ? grpcError(thrown, `connect to ${address}`) : thrown;
  }
}

function isConnectRefusal(thrown: unknown): boolean {
  return typeof (thrown as { code?: unknown }).code === 'number' && !(thrown as { hint?: unknown }).hint;
}

async function serverVersion(sdk: MilvusClient, address: string): Promise<string> {
  const answer = (await sdk.getVersion()) as { version?: string; status?: { reason?: string; code?: number } };
  if (answer.version) return answer.version;
  throw fail(
    'DST_REFUSED',
    `the server at ${address} does not tell its version: ${answer.status?.reason || 'no reason given'}`,
  );
}

/** Milvus code of a database that is not there. */
const NO_DATABASE = 800;

/** Asked for by name, a collection of a database that is not there is only "not found", as if it could be made. */
async function requireDatabase(sdk: MilvusClient, address: string, db: string): Promise<void> {
  const answer = (await sdk.showCollections().catch(() => undefined)) as { status?: { code?: number } } | undefined;
  if (answer?.status?.code !== NO_DATABASE) return;
  throw fail('DST_REFUSED', `the server at ${address} has no database "${db}"`, {
    hint: 'Create the database first, or name one that exists.',
  });
}

/** One call with the bytes of its request. Throws what {@link grpcError} makes of a failure. */
export function callUnary(
  client: grpc.Client,
  metadata: grpc.Metadata,
  method: string,
  request: Uint8Array,
  options: CallOptions,
  address: string,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest<Buffer, Buffer>(
      SERVICE + method,
      (bytes) => bytes,
      (bytes) => bytes,
      messageOf(request),
      metadata,
      { deadline: Date.now() + options.deadlineMs },
      (error, answer) => {
        options.signal?.removeEventListener('abort', cancel);
        if (error) reject(grpcError({ code: error.code, details: error.details }, `${method} at ${address}`));
        else if (answer) resolve(answer);
        else reject(grpcError({ code: GRPC.unavailable, details: 'empty answer' }, `${method} at ${address}`));
      },
    );
    const cancel = (): void => call.cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
  });
}
