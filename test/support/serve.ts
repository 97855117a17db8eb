import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { JobView } from '../../src/server/http/views.js';
import { sleep } from '../../src/util/abort.js';
import { type CliResult, startCli } from './cli.js';

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}

/** A real `milvusdm serve`, built and on a free port. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly stateFolder: string;
  /** What it wrote to stderr so far. */
  stderr(): string;
  /** A request below `/api/v1`. */
  ask<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
  /** A request to any path; its answer, which must be a success. */
  call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  /** Submits a task that must be taken in; gives the job's id. */
  submit(task: object, more?: object): Promise<string>;
  job(id: string): Promise<JobView>;
  /** Waits until a job is in one of these states. Throws with its log when that takes too long. */
  until(id: string, states: readonly string[], limitMs?: number): Promise<JobView>;
  /** Waits for anything else about a job. */
  when(id: string, holds: (job: JobView) => boolean, limitMs?: number): Promise<JobView>;
  kill(signal: NodeJS.Signals): Promise<CliResult>;
}

export interface ServeOptions {
  readonly stateFolder?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly token?: string;
  /** Killed after this long. */
  readonly timeoutMs?: number;
}

async function readUrl(stdout: NodeJS.ReadableStream, failed: Promise<CliResult>): Promise<string> {
  const line = new Promise<string>((resolve) => {
    let text = '';
    stdout.on('data', (chunk: Buffer) => {
      text += chunk;
      const [, url] = /"url":"([^"]+)"/.exec(text) ?? [];
      if (url !== undefined) resolve(url);
    });
  });
  const ended = failed.then((result) => {
    throw new Error(`milvusdm serve ended with ${result.code}: ${result.stdout}${result.stderr}`);
  });
  return await Promise.race([line, ended]);
}

/** Starts a server and waits until it listens. */
export async function startServe(o: ServeOptions = {}): Promise<TestServer> {
  const stateFolder = o.stateFolder ?? (await mkdtemp(join(inject('runFolder'), 'serve-')));
  const cli = await startCli(['serve', '--port', '0', '--json', ...(o.args ?? [])], {
    stateFolder,
    timeoutMs: o.timeoutMs ?? 800_000,
    ...(o.env ? { env: o.env } : {}),
  });
  const url = await readUrl(cli.child.stdout!, cli.result);
  const login: Record<string, string> = o.token === undefined ? {} : { authorization: `Bearer ${o.token}` };
  const request = async <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const json: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    const payload = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await fetch(`${url}${path}`, { method, headers: { ...login, ...json }, ...payload });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    return { status: answer.status, body: (isJson ? JSON.parse(text) : text) as T };
  };
  const ask = <T>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
    request(method, `/api/v1${path}`, body);
  const job = async (id: string): Promise<JobView> => (await ask<JobView>('GET', `/jobs/${id}`)).body;
  const when = async (id: string, holds: (job: JobView) => boolean, limitMs = 300_000): Promise<JobView> => {
    for (const end = Date.now() + limitMs; ; ) {
      const now = await job(id);
      if (holds(now)) return now;
      if (Date.now() > end) {
        const log = (await ask<string>('GET', `/jobs/${id}/log`)).body;
        throw new Error(`waited ${limitMs} ms in vain: ${JSON.stringify(now)}\n${log}`);
      }
      await sleep(50);
    }
  };
  return {
    url,
    pid: cli.child.pid!,
    stateFolder,
    stderr: cli.stderr,
    ask,
    async call<T>(method: string, path: string, body?: unknown) {
      const answer = await request<T>(method, path, body);
      if (answer.status < 400) return answer.body;
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    },
    job,
    when,
    until: (id, states, limitMs) => when(id, ({ state }) => states.includes(state), limitMs),
    async submit(task, more = {}) {
      const { status, body } = await ask<JobView>('POST', '/jobs', { task, ...more });
      if (status !== 202) throw new Error(`not taken in, ${status}: ${JSON.stringify(body)}`);
      return body.id;
    },
    async kill(signal) {
      cli.child.kill(signal);
      return await cli.result;
    },
    async [Symbol.asyncDispose]() {
      cli.child.kill('SIGKILL');
      await cli.result;
    },
  };
}
