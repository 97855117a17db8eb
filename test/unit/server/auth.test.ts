import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLoopback } from '../../../src/server/http/guard.js';
import { readTokens, tokenCheck } from '../../../src/server/http/tokens.js';
import { startServer } from '../../../src/server/serve.js';
import { type Bench, openBench, TOKEN, temporaryFolder } from './support.js';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly security?: readonly unknown[] }>>>>;
}

/** Every operation of the OpenAPI document, with something in the place of its parameters. */
async function operations(bench: Bench): Promise<{ method: 'GET'; url: string; open: boolean }[]> {
  const document = (await bench.app.inject('/docs/json')).json<Document>();
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => ({
      method: method.toUpperCase() as 'GET',
      url: path.replaceAll(/\{\w+\}/g, 'abc'),
      open: security?.length === 0,
    })),
  );
}

describe('every route', () => {
  it('but the open ones needs a token that the server knows', async () => {
    const bench = await openBench({ tokens: [TOKEN] });
    const all = await operations(bench);
    expect(all.length).toBeGreaterThan(14);
    expect(all.filter(({ open }) => open).map(({ url }) => url)).toEqual(['/healthz']);
    const wrong = ['', `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(0, -1)}`, `Basic ${TOKEN}`, TOKEN, 'Bearer '];
    const closed = [...all.filter(({ open }) => !open), { method: 'GET', url: '/metrics' } as const];
    for (const { method, url } of closed) {
      for (const authorization of wrong) {
        const answer = await bench.app.inject({ method, url, headers: { authorization } });
        expect(answer.statusCode, `${method} ${url} with "${authorization}"`).toBe(401);
        // The compatible interfaces refuse in their own envelopes.
        const { error, code } = answer.json();
        expect(error?.code ?? code, url).toBeTruthy();
        if (error) expect(error.code).toBe('SRV_AUTH');
        expect(answer.headers['www-authenticate']).toBe('Bearer');
      }
      const answer = await bench.app.inject({ method, url, headers: { authorization: `Bearer ${TOKEN}` } });
      expect(answer.statusCode, `${method} ${url} with the token`).not.toBe(401);
      // Without a Milvus behind the process that looks things up, the check of milvus-backup has nothing to tell.
      if (url !== '/api/v1/check') expect(answer.statusCode, `${method} ${url} with the token`).toBeLessThan(500);
    }
  });

  it('that does not exist tells nothing without a token', async () => {
    const { app } = await openBench({ tokens: [TOKEN] });
    expect((await app.inject('/api/v1/nothing')).statusCode).toBe(401);
    expect((await app.inject('/api/v1/../v1/jobs')).statusCode).toBe(401);
    expect((await app.inject('/elsewhere')).statusCode).toBe(404);
    expect((await app.inject('/docs/json')).statusCode).toBe(200);
  });
});

describe('a server without tokens', () => {
  type Headers = Readonly<Record<string, string>>;

  async function expectStatus(status: number, requests: readonly Headers[]): Promise<void> {
    const { app } = await openBench();
    for (const headers of requests) {
      const answer = await app.inject({ url: '/api/v1/jobs', headers });
      expect(answer.statusCode, JSON.stringify(headers)).toBe(status);
    }
  }

  it('answers to the names of this machine, and to its own page', async () => {
    const hosts = ['localhost:8118', '127.0.0.1:8118', '[::1]:8118', 'LOCALHOST', '127.0.0.1'].map((host) => ({
      host,
    }));
    const own = { host: 'localhost:8118', origin: 'http://localhost:8118', 'sec-fetch-site': 'same-origin' };
    await expectStatus(200, [...hosts, own]);
  });

  it('does not answer to foreign names, which may lead here', async () => {
    const hosts = ['evil.example:8118', '192.168.0.1', 'localhost.evil.example', '127.0.0.1.evil.example'];
    await expectStatus(
      403,
      hosts.map((host) => ({ host })),
    );
  });

  it('does not answer pages of other sites', async () => {
    const foreign: Headers[] = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost:3000' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ];
    await expectStatus(
      403,
      foreign.map((headers) => ({ host: 'localhost:8118', ...headers })),
    );
  });

  it('lets nobody else read answers', async () => {
    const { app } = await openBench();
    const answer = await app.inject({ url: '/api/v1/jobs', method: 'OPTIONS' });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('tokens', () => {
  it('are compared as a whole', () => {
    const check = tokenCheck(['one-token-of-two', 'another-of-the-two']);
    expect(['one-token-of-two', 'another-of-the-two'].map(check)).toEqual([true, true]);
    expect(['', 'one-token-of-tw', 'one-token-of-two ', 'One-token-of-two'].map(check)).toEqual(Array(4).fill(false));
  });

  it('come from a file, one a line', () => {
    const path = join(temporaryFolder(), 'tokens');
    writeFileSync(path, `# mine\n\n${TOKEN}\r\n  ${TOKEN}2  \n`);
    expect(readTokens(path)).toEqual([TOKEN, `${TOKEN}2`]);
  });

  it.each([
    ['', 'no token'],
    ['# only a comment\n', 'no token'],
    ['short\n', ':1: '],
    [`${TOKEN}\nwith a space in the middle\n`, ':2: '],
  ])('of a file with %j are refused', (text, message) => {
    const path = join(temporaryFolder(), 'tokens');
    writeFileSync(path, text);
    expect(() => readTokens(path)).toThrow(expect.objectContaining({ code: 'CFG_INVALID' }));
    expect(() => readTokens(path)).toThrow(message);
  });

  it('of a file that is not there are missed', () => {
    expect(() => readTokens('/no/such/file')).toThrow(expect.objectContaining({ code: 'CFG_FILE' }));
  });
});

describe('beyond this machine', () => {
  it.each(['0.0.0.0', '::', '192.168.1.5', 'example.org'])('%s needs tokens', async (host) => {
    const more = { port: 0, maxJobs: 1, maxJobsPerServer: 1, allowPaths: [], log() {} };
    await expect(startServer({ host, ...more })).rejects.toMatchObject({ code: 'SRV_LISTEN', exitCode: 2 });
  });

  it('is everything but loopback', () => {
    expect(['127.0.0.1', '::1', 'localhost', '127.1.2.3'].map(isLoopback)).toEqual(Array(4).fill(true));
    expect(['0.0.0.0', '::', '10.0.0.1', 'localhost.org', '127.0.0.1.org'].map(isLoopback)).toEqual(
      Array(5).fill(false),
    );
  });
});
