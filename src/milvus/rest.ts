import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type { MilvusEndpoint } from '../config/types.js';
import { interrupted, throwIfAborted } from '../util/abort.js';
import { fail, type MilvusdmError } from '../util/errors.js';
import { type RetryPolicy, withRetry } from '../util/retry.js';
import { OK } from './decode.js';
import { GRPC, grpcError, statusError } from './status.js';

const ANSWER_MS = 60_000;
/** Code of an answer that is fine; Milvus 2.4 before 2.4.5 says what HTTP says. */
const FINE = new Set([0, 200]);

export interface RestOptions {
  readonly retry?: RetryPolicy;
  /** For requests that take long by themselves: told to the server, too. */
  readonly timeoutS?: number;
}

/** The HTTP interface (v2) of a server, which answers at the port of gRPC unless proxy.http.port says otherwise. Nothing stays open. */
export interface RestServer {
  /**
   * Posts a JSON text and gives that of the answer's `data`, read by `parse`. Throws DST_UNSUPPORTED where the server has no such
   * path, or no HTTP at all, and DST_* and NET_* as other calls do.
   */
  post(path: string, body: string, parse: (text: string) => unknown, o?: RestOptions): Promise<unknown>;
}

function agentOf({ at, tls }: MilvusEndpoint): https.AgentOptions | undefined {
  if (at.kind !== 'server' || !at.tls) return undefined;
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw fail('CFG_FILE', `${path} cannot be read: ${(cause as Error).message}`, { cause });
    }
  };
  return {
    ...(tls?.ca === undefined ? {} : { ca: read(tls.ca) }),
    ...(tls?.cert === undefined ? {} : { cert: read(tls.cert) }),
    ...(tls?.key === undefined ? {} : { key: read(tls.key) }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    ...(tls?.skipVerify ? { rejectUnauthorized: false } : {}),
  };
}

interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

/** One request. What goes wrong on the way is thrown as Node says it. */
function send(url: URL, o: http.RequestOptions & https.AgentOptions, body: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? https : http).request(url, { ...o, agent: false }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(pieces).toString('utf8') }));
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    request.on('error', reject);
    request.end(body);
  });
}

/** A failure on the way, told apart as those of gRPC are. */
function brokenError(cause: Error & { code?: string }, what: string, signal: AbortSignal | undefined): MilvusdmError {
  if (signal?.aborted) return interrupted();
  const { code = '', message } = cause;
  // Whatever answers there does not speak HTTP.
  const grpc = code.startsWith('HPE_') ? GRPC.unimplemented : GRPC.unavailable;
  return grpcError({ code: code === 'ETIMEDOUT' ? GRPC.deadlineExceeded : grpc, details: message }, what);
}

const HTTP_CODES: Readonly<Record<number, number>> = {
  401: GRPC.unauthenticated,
  403: GRPC.permissionDenied,
  404: GRPC.unimplemented,
  405: GRPC.unimplemented,
  408: GRPC.deadlineExceeded,
  502: GRPC.unavailable,
  503: GRPC.unavailable,
  504: GRPC.unavailable,
};

function dataOf({ status, text }: HttpAnswer, what: string, parse: (text: string) => unknown): unknown {
  const details = `HTTP status ${status}`;
  if (status !== 200) throw grpcError({ code: HTTP_CODES[status] ?? -1, details }, what);
  let answer: { code?: unknown; message?: unknown; data?: unknown } | null;
  try {
    answer = parse(text) as typeof answer;
  } catch {
    throw grpcError({ code: GRPC.unimplemented, details: 'the answer is no JSON' }, what);
  }
  const code = typeof answer === 'object' && answer !== null ? answer.code : undefined;
  if (typeof code !== 'number') throw grpcError({ code: GRPC.unimplemented, details: 'not an answer of Milvus' }, what);
  if (!FINE.has(code)) throw statusError({ ...OK, code, reason: String(answer?.message ?? '') }, what);
  return answer?.data ?? {};
}

/** Sends nothing yet. Throws CFG_FILE for a certificate that cannot be read. */
export function openRest(endpoint: MilvusEndpoint, defaults: RetryPolicy): RestServer {
  const { at, token, user, password = '' } = endpoint;
  if (at.kind !== 'server') throw fail('INTERNAL', 'Milvus Lite has no HTTP interface');
  const login = token ?? (user === undefined ? undefined : `${user}:${password}`);
  const agent = agentOf(endpoint);
  const base = `${at.tls ? 'https' : 'http'}://${at.address}`;
  return {
    async post(path, body, parse, o = {}) {
      const policy = o.retry ?? defaults;
      const what = `${path} at ${at.address}`;
      const headers = {
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(body),
        ...(login === undefined ? {} : { Authorization: `Bearer ${login}` }),
        ...(o.timeoutS === undefined ? {} : { 'Request-Timeout': String(o.timeoutS) }),
      };
      const timeout = o.timeoutS === undefined ? ANSWER_MS : o.timeoutS * 1000;
      const { signal } = policy;
      return await withRetry(async () => {
        throwIfAborted(signal);
        const options = { method: 'POST', headers, timeout, ...agent, ...(signal ? { signal } : {}) };
        const answer = await send(new URL(path, base), options, body).catch((thrown: Error) => {
          throw brokenError(thrown, what, signal);
        });
        return dataOf(answer, what, parse);
      }, policy);
    },
  };
}
