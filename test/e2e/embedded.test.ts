import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest';
import { MILVUS_LITE_VERSION, startEmbedded } from '../../src/milvus/embedded.js';
import { sleep } from '../../src/util/abort.js';
import { runModule, untilGone } from '../support/processes.js';
import { counts, makeCollection } from '../support/python.js';

const MODULE = new URL('../../src/milvus/embedded.ts', import.meta.url).href;
const quiet = { log: () => {} };
const PLAN = {
  collection: 'kept',
  fields: [
    { name: 'id', type: 'INT64', primary: true },
    { name: 'v', type: 'FLOAT_VECTOR', dim: 8 },
  ],
} as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'milvusdm-embedded-'));
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
  vi.stubEnv('MILVUSDM_PATH', join(folder, 'state'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

test('serves a folder that it makes for its owner alone, and keeps what was written', async () => {
  const data = join(folder, 'new', 'kept');
  {
    await using server = await startEmbedded(data, quiet);
    expect(server.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(server.version).toBe(MILVUS_LITE_VERSION);
    await makeCollection({ uri: `http://${server.address}`, ...PLAN, insert: [{ rows: 3000 }] });
  }
  expect((await stat(data)).mode & 0o777).toBe(0o700);
  await using again = await startEmbedded(data, quiet);
  expect((await counts({ uri: `http://${again.address}`, collection: 'kept' })).count).toBe(3000);
});

test('a folder in use is refused by its name, and free again after the end', async () => {
  const data = join(folder, 'locked');
  {
    await using _first = await startEmbedded(data, quiet);
    await expect(startEmbedded(data, quiet)).rejects.toMatchObject({
      code: 'ENV_START',
      message: `the folder ${data} is in use by another Milvus Lite server`,
    });
  }
  await using _again = await startEmbedded(data, quiet);
});

test('a file in the place of the folder is refused', async () => {
  const data = join(folder, 'old.db');
  await writeFile(data, 'x');
  await expect(startEmbedded(data, quiet)).rejects.toMatchObject({
    code: 'ENV_START',
    message: expect.stringContaining('a file of that name exists'),
  });
});

test('a server that dies is ENV_START with the end of its log', async () => {
  const data = join(folder, 'damaged');
  {
    await using _made = await startEmbedded(data, quiet);
  }
  await rm(join(data, 'databases'), { recursive: true });
  await writeFile(join(data, 'databases'), 'a file where a folder has to be');
  await expect(startEmbedded(data, quiet)).rejects.toMatchObject({
    code: 'ENV_START',
    message: expect.stringMatching(/ended at once; its log .*milvus-lite-.*\.log ends:[\s\S]*FileExistsError/),
  });
});

test('an aborted start is INTERRUPTED and leaves no server', async () => {
  const data = join(folder, 'aborted');
  const stop = new AbortController();
  const starting = startEmbedded(data, { ...quiet, signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  await expect(starting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await using _free = await startEmbedded(data, quiet);
});

test('only the newest logs are kept', async () => {
  const logs = join(folder, 'state', 'embedded', 'logs');
  for (let i = 0; i < 30; i++) await writeFile(join(logs, `milvus-lite-2001-${i}.log`), '');
  await using server = await startEmbedded(join(folder, 'logs'), quiet);
  const left = await readdir(logs);
  expect(left).toHaveLength(20);
  expect(left.map((name) => join(logs, name))).toContain(server.logFile);
});

/** A process that starts a server on the folder and lives until it is killed. */
async function parentOf(data: string): Promise<{ parent: ChildProcess; address: string; serverPid: number }> {
  const { child, line } = await runModule(
    join(folder, 'parent.mts'),
    `import { startEmbedded } from ${JSON.stringify(MODULE)};
const server = await startEmbedded(${JSON.stringify(data)}, { log() {} });
console.log(server.address);
setInterval(() => {}, 1000);\n`,
  );
  const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  const pids = children.trim().split(' ').map(Number);
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8')));
  const serverPid = pids[names.findIndex((name) => name.includes('milvus_lite'))]!;
  return { parent: child, address: line, serverPid };
}

test('kill -9 of the parent ends the server, which keeps what was acknowledged', async () => {
  const data = join(folder, 'orphan');
  const { parent, address, serverPid } = await parentOf(data);
  await makeCollection({ uri: `http://${address}`, ...PLAN, insert: [{ rows: 3000 }] });
  parent.kill('SIGKILL');
  await untilGone(serverPid, 60_000);
  await using again = await startEmbedded(data, quiet);
  expect((await counts({ uri: `http://${again.address}`, collection: 'kept' })).count).toBe(3000);
});

test('keep-alive pings on an idle connection do not end it', async () => {
  await using server = await startEmbedded(join(folder, 'pings'), quiet);
  const client = new grpc.Client(server.address, grpc.credentials.createInsecure(), {
    'grpc.enable_http_proxy': 0,
    'grpc.keepalive_time_ms': 1000,
    'grpc.keepalive_permit_without_calls': 1,
  });
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + 60_000, (e) => (e ? reject(e) : resolve())),
  );
  const states: string[] = [];
  for (let i = 0; i < 80; i++) {
    await sleep(100);
    states.push(grpc.connectivityState[client.getChannel().getConnectivityState(false)]);
  }
  client.close();
  expect([...new Set(states)]).toEqual(['READY']);
});
