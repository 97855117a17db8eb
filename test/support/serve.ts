import { once } from 'node:events';
import { type CliOptions, type RunningCli, startCli } from './cli.js';

/** A `milvusdm serve` of one test file. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly running: RunningCli;
  /** A request to it with a token, if there is one; the JSON of the answer. Throws where the status is no success. */
  call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
}

/** Starts the built server at a free port. Throws with what it has said when it does not listen. */
export async function startServe(
  args: readonly string[] = [],
  o: CliOptions & { readonly token?: string } = {},
): Promise<TestServer> {
  const running = await startCli(['serve', '--port', '0', '--json', ...args], o);
  const first = await Promise.race([
    once(running.child.stdout!, 'data').then(([chunk]) => String(chunk)),
    running.result.then(({ stdout, stderr }) => `${stdout}${stderr}`),
  ]);
  const found = /"url":"(http:[^"]+)"/.exec(first);
  if (!found) throw new Error(`the server did not start: ${first}${running.stderr()}`);
  const url = found[1]!;
  return {
    url,
    running,
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(o.token === undefined ? {} : { authorization: `Bearer ${o.token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
      return (text === '' ? undefined : JSON.parse(text)) as T;
    },
    async [Symbol.asyncDispose]() {
      running.child.kill('SIGTERM');
      await running.result;
    },
  };
}
