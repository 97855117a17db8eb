import { readFileSync } from 'node:fs';
import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import https from 'node:https';
import type { S3Endpoint, S3Storage } from '../../config/types.js';
import { interrupted } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { withRetry } from '../../util/retry.js';
import type { OpenStoreOptions } from '../index.js';
import { addressOf, endpointOf } from './address.js';
import { type Answer, errorOf, failureOf } from './answers.js';
import { credentialsOf } from './credentials.js';
import { type Credentials, queryText, sha256, sign } from './sign.js';
import { textOf } from './xml.js';

/** A server that says nothing for so long is taken for gone. */
const SILENCE_MS = 120_000;
const CONNECTIONS = 64;
const DEFAULT_REGION = 'us-east-1';
const DEFAULT_RETRY_S = 60;
/** What a connection ends with that no second attempt will mend. */
const FINAL = /^(ENOTFOUND|EPROTO|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HPE_)/;

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Whole key; the bucket itself where absent. */
  readonly key?: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** A status that is an answer, too, besides those from 200 to 299. */
  readonly also?: number;
  /** 200 may have an error as its body: copies and the end of multipart uploads. */
  readonly lateErrors?: boolean;
}

function agentOf(config: S3Storage, secure: boolean): http.Agent {
  const common = { keepAlive: true, maxSockets: CONNECTIONS };
  if (!secure) return new http.Agent(common);
  const { ca, cert, key, serverName, skipVerify } = config.tls ?? {};
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw fail('CFG_FILE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  return new https.Agent({
    ...common,
    ...(ca === undefined ? {} : { ca: read(ca) }),
    ...(cert === undefined ? {} : { cert: read(cert) }),
    ...(key === undefined ? {} : { key: read(key) }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(skipVerify ? { rejectUnauthorized: false } : {}),
  });
}

async function bodyOf(message: IncomingMessage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of message) pieces.push(piece as Uint8Array);
  return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
}

/**
 * Signed requests to one bucket over Node's own HTTP. Passing failures (the network, 5xx, throttling) are tried again
 * until `retryFor` is over; others are thrown at once.
 */
export class S3Client {
  readonly bucket: string;
  readonly #config: S3Storage;
  readonly #o: OpenStoreOptions;
  readonly #agent: http.Agent;
  readonly #credentials: () => Promise<Credentials>;
  #region: string;

  constructor(config: S3Storage, o: OpenStoreOptions) {
    const env = o.env ?? process.env;
    this.bucket = config.bucket;
    this.#config = config;
    this.#o = o;
    this.#region = config.region ?? (env.AWS_REGION || env.AWS_DEFAULT_REGION || DEFAULT_REGION);
    this.#agent = agentOf(config, this.#place.tls);
    this.#credentials = credentialsOf(config, env, this.#region);
  }

  get #place(): S3Endpoint {
    return endpointOf(this.#config, this.#region);
  }

  /** host:port, for messages and to tell whether two stores are at one server. */
  get at(): string {
    const { host, port } = this.#place;
    return `${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get accessKey(): string | undefined {
    return this.#config.accessKey;
  }

  /** Sends a request and reads its answer whole. */
  async send(request: S3Request): Promise<Answer> {
    return await this.#retried(request, async () => {
      const message = await this.#exchange(request);
      const body = await bodyOf(message).catch((thrown: Error) => {
        throw this.#broken(request, thrown);
      });
      const answer: Answer = { status: message.statusCode ?? 0, headers: message.headers, body };
      this.#check(request, answer);
      return answer;
    });
  }

  /** Sends a GET and hands over its answer unread; the caller reads it to its end or destroys it. */
  async open(request: S3Request): Promise<IncomingMessage> {
    return await this.#retried(request, async () => {
      const message = await this.#exchange(request);
      if (message.statusCode !== 200 && message.statusCode !== 206) {
        const body = await bodyOf(message);
        this.#check(request, { status: message.statusCode ?? 0, headers: message.headers, body });
      }
      return message;
    });
  }

  async #retried<T>(request: S3Request, attempt: () => Promise<T>): Promise<T> {
    const { signal } = request;
    return await withRetry(attempt, {
      totalMs: (this.#o.retryFor ?? DEFAULT_RETRY_S) * 1000,
      ...(signal ? { signal } : {}),
      onRetry: (error, waitMs) => this.#o.log?.(`${error.message}; once more in ${(waitMs / 1000).toFixed(1)} s`),
    });
  }

  #what({ method, key, query }: S3Request): string {
    const subject = key === undefined ? `the bucket ${this.bucket}` : `${key} in bucket ${this.bucket}`;
    const kind = query && Object.keys(query).find((name) => query[name] === '');
    return `${method}${kind ? ` (${kind})` : ''} ${subject} at ${this.at}`;
  }

  /** The error of a connection that failed or broke. */
  #broken(request: S3Request, thrown: Error & { code?: string }): MilvusdmError {
    if (thrown instanceof MilvusdmError) return thrown;
    if (request.signal?.aborted) return interrupted();
    const message = `${this.#what(request)}: ${thrown.message || thrown.code}`;
    const final = FINAL.test(thrown.code ?? '');
    return fail('STORE_UNAVAILABLE', message, { cause: thrown, retry: final ? 'no' : 'yes' });
  }

  #check(request: S3Request, answer: Answer): void {
    const { status, headers } = answer;
    const late = request.lateErrors && textOf(Buffer.from(answer.body).toString(), 'Error') !== undefined;
    if (((status >= 200 && status < 300) || status === request.also) && !late) return;
    const failure = failureOf(late ? { ...answer, status: 500 } : answer);
    const region = headers['x-amz-bucket-region'] ?? textOf(Buffer.from(answer.body).toString(), 'Region');
    if (status >= 300 && status <= 400 && typeof region === 'string' && region !== '' && region !== this.#region) {
      this.#region = region;
      const message = `${this.#what(request)}: the bucket is in region ${region}`;
      throw fail('STORE_UNAVAILABLE', message, { retry: 'after', retryAfterMs: 1 });
    }
    throw errorOf(failure, this.#what(request), this.bucket);
  }

  async #exchange(request: S3Request): Promise<IncomingMessage> {
    const { method, key, query = {}, body } = request;
    const { host, hostHeader, port, tls, path } = addressOf(this.#config, this.#region, key);
    const headers: Record<string, string> = { host: hostHeader, ...request.headers };
    if (body || method !== 'GET') headers['content-length'] = String(body?.length ?? 0);
    // Over TLS the bytes are protected on their way; hashing them would only cost time.
    const payloadHash = tls && body ? 'UNSIGNED-PAYLOAD' : sha256(body ?? '');
    const signed = sign(
      { method, path, query, headers, payloadHash },
      await this.#credentials(),
      this.#region,
      new Date(),
    );
    const text = queryText(query);
    const options: RequestOptions = {
      host,
      port,
      method,
      path: text === '' ? path : `${path}?${text}`,
      headers: signed,
      agent: this.#agent,
      ...(request.signal ? { signal: request.signal } : {}),
    };
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = (tls ? https : http).request(options, resolve);
      sent.setTimeout(SILENCE_MS, () => sent.destroy(new Error(`no answer for ${SILENCE_MS / 1000} s`)));
      sent.on('error', (thrown) => reject(this.#broken(request, thrown)));
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
