import { locked, token } from '../session.js';

const BASE = './api/v1';

/** One mistake of a task, with its place in the text; line and column count from 1. */
export interface Issue {
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

/** What the server says when it refuses, or why it cannot be reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  readonly issues: readonly Issue[];

  constructor(status: number, o: { code: string; message: string; hint?: string; issues?: readonly Issue[] }) {
    super(o.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = o.code;
    this.hint = o.hint ?? '';
    this.issues = o.issues ?? [];
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

interface Refusal {
  readonly error?: { code?: string; message?: string; hint?: string; issues?: readonly Issue[] };
  readonly issues?: readonly Issue[];
}

async function refused(response: Response): Promise<ApiError> {
  const text = await response.text();
  let body: Refusal = {};
  try {
    body = JSON.parse(text) as Refusal;
  } catch {
    // A proxy between us and the server answers in its own words.
  }
  const issues = body.error?.issues ?? body.issues ?? [];
  const message = body.error?.message ?? `the server answered ${response.status} ${response.statusText}`;
  return new ApiError(response.status, {
    code: body.error?.code ?? `HTTP_${response.status}`,
    message,
    hint: body.error?.hint ?? '',
    issues,
  });
}

/** A response that is a success. Throws ApiError; 401 locks the page. */
export async function request(
  method: Method,
  path: string,
  o: { body?: unknown; signal?: AbortSignal; accept?: string } = {},
): Promise<Response> {
  const headers: Record<string, string> = { accept: o.accept ?? 'application/json' };
  const key = token.get();
  if (key) headers.authorization = `Bearer ${key}`;
  if (o.body !== undefined) headers['content-type'] = 'application/json';
  const init: RequestInit = { method, headers, cache: 'no-store' };
  if (o.body !== undefined) init.body = JSON.stringify(o.body);
  if (o.signal) init.signal = o.signal;
  let response: Response;
  try {
    response = await fetch(BASE + path, init);
  } catch (cause) {
    if (o.signal?.aborted) throw cause;
    throw new ApiError(0, {
      code: 'UNREACHABLE',
      message: 'the server does not answer',
      hint: 'Look whether milvusdm serve still runs.',
    });
  }
  if (response.ok) return response;
  if (response.status === 401) locked.set(true);
  throw await refused(response);
}

/** The JSON document that a route answers; undefined where it answers nothing. Throws as {@link request}. */
export async function call<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const options = { ...(body === undefined ? {} : { body }), ...(signal ? { signal } : {}) };
  const text = await (await request(method, path, options)).text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The path of a route from parts that may hold any character. */
export function path(...parts: readonly string[]): string {
  return `/${parts.map(encodeURIComponent).join('/')}`;
}

export function asApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ApiError(0, { code: 'PAGE', message });
}
