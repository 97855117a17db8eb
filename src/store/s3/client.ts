import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { S3Client as Aws, type S3ClientConfig, S3ServiceException } from '@aws-sdk/client-s3';
import type { S3Storage } from '../../config/types.js';
import { interrupted } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { withRetry } from '../../util/retry.js';
import type { OpenStoreOptions } from '../types.js';
import { brokenError, refusalError } from './errors.js';

/** A server that says nothing for so long is taken for gone. */
const SILENCE_MS = 120_000;
const CONNECTIONS = 64;
const DEFAULT_REGION = 'us-east-1';
const DEFAULT_RETRY_S = 60;
/** Hosts whose buckets stand in the host name; everywhere else a path is what works. */
const VIRTUAL_HOSTS = /(^|\.)(amazonaws\.com(\.cn)?|aliyuncs\.com|myqcloud\.com|myhuaweicloud\.com)$/;

// The library would print at its first use on Node 20 that later versions of it need Node 22; this one is pinned.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

/** What the library throws. */
interface Failure extends Error {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly statusCode?: number };
}

export type Signal = { readonly signal?: AbortSignal | undefined };

function agentsOf(config: S3Storage): { httpAgent: http.Agent; httpsAgent: https.Agent } {
  const common = { keepAlive: true, maxSockets: CONNECTIONS };
  const { ca, cert, key, serverName, skipVerify } = config.tls ?? {};
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw fail('CFG_FILE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  const httpsAgent = new https.Agent({
    ...common,
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(skipVerify ? { rejectUnauthorized: false } : {}),
  });
  return { httpAgent: new http.Agent(common), httpsAgent };
}

/** Whether the bucket stands in the host name. No certificate covers a bucket with dots in front of a host. */
export function isVirtualHosted({ bucket, endpoint, virtualHost }: S3Storage): boolean {
  if (virtualHost !== undefined) return virtualHost;
  return (endpoint === undefined || VIRTUAL_HOSTS.test(endpoint.host)) && !bucket.includes('.');
}

function hostAndPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** The settings of AWS's client for a store. Throws CFG_FILE for a certificate that cannot be read. */
export function clientSettings(config: S3Storage, env: NodeJS.ProcessEnv): S3ClientConfig {
  const { accessKey: accessKeyId, secretKey: secretAccessKey, sessionToken, endpoint } = config;
  return {
    region: config.region ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || DEFAULT_REGION),
    followRegionRedirects: true,
    forcePathStyle: !isVirtualHosted(config),
    // Retries are made in one place, ours, which says them.
    maxAttempts: 1,
    // Other servers than AWS's do not know the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { ...agentsOf(config), requestTimeout: SILENCE_MS, throwOnRequestTimeout: true },
    ...(endpoint ? { endpoint: `${endpoint.tls ? 'https' : 'http'}://${hostAndPort(endpoint)}` } : {}),
    ...(accessKeyId !== undefined && secretAccessKey !== undefined
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }
      : {}),
  };
}

/**
 * One bucket through AWS's own client. Passing failures (the network, 5xx, throttling) are tried again until `retryFor`
 * is over; others are thrown at once.
 */
export class Bucket {
  readonly name: string;
  /** host:port, for messages and to tell whether two stores are at one server. */
  readonly at: string;
  readonly accessKey: string | undefined;
  readonly #aws: Aws;
  readonly #o: OpenStoreOptions;

  constructor(config: S3Storage, o: OpenStoreOptions) {
    const settings = clientSettings(config, o.env ?? process.env);
    this.name = config.bucket;
    this.at = config.endpoint ? hostAndPort(config.endpoint) : `S3 in ${settings.region}`;
    this.accessKey = config.accessKey;
    this.#aws = new Aws(settings);
    this.#o = o;
  }

  /**
   * Makes a request, again where its failure passes; failures of `request` beyond the library's call count as its own.
   * `verb` and `key` (whole) are for messages. Throws STORE_*, INTERRUPTED.
   */
  async send<T>(
    verb: string,
    key: string | undefined,
    request: (aws: Aws, o: { abortSignal?: AbortSignal }) => Promise<T>,
    { signal }: Signal = {},
  ): Promise<T> {
    const { retryFor = DEFAULT_RETRY_S, log } = this.#o;
    const attempt = async (): Promise<T> => {
      try {
        return await request(this.#aws, signal ? { abortSignal: signal } : {});
      } catch (thrown) {
        if (thrown instanceof MilvusdmError) throw thrown;
        if (signal?.aborted) throw interrupted();
        throw this.#error(thrown as Failure, this.#what(verb, key));
      }
    };
    return await withRetry(attempt, {
      totalMs: retryFor * 1000,
      ...(signal ? { signal } : {}),
      onRetry: (error, waitMs) => log?.(`${error.message}; once more in ${(waitMs / 1000).toFixed(1)} s`),
    });
  }

  #what(verb: string, key: string | undefined): string {
    const subject = key === undefined ? `the bucket ${this.name}` : `${key} in bucket ${this.name}`;
    return `${verb} ${subject} at ${this.at}`;
  }

  #error(cause: Failure, what: string): MilvusdmError {
    if (cause.name === 'CredentialsProviderError') {
      const hint = 'Set access_key and secret_key, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.';
      return fail('STORE_AUTH', `there are no S3 credentials: ${cause.message}`, { hint, cause });
    }
    const status = cause.$metadata?.httpStatusCode ?? cause.$response?.statusCode;
    if (status === undefined) return brokenError(cause, what);
    const code = cause instanceof S3ServiceException && !cause.name.startsWith('Unknown') ? cause.name : '';
    const message = code === '' ? '' : cause.message;
    // Behind status 200 there may still be an error: of a copy, and at the end of an upload in parts.
    return refusalError({ status: status < 300 ? 500 : status, code, message }, what, this.name, cause);
  }

  close(): void {
    this.#aws.destroy();
  }
}
