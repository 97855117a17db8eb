import type { ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type GuardedProcess, logTail, startGuarded } from '../../../src/milvus/embedded-process.js';
import { findPython } from '../../../src/milvus/embedded-python.js';
import { isAlive, runModule, untilGone } from '../../support/processes.js';

const MODULE = new URL('../../../src/milvus/embedded-process.ts', import.meta.url).href;
/** Reports itself and a child of its own, and ends cleanly. */
const SERVER = `
import subprocess
child = subprocess.Popen(["sleep", "600"])
print("a line for the log")
status(pid=os.getpid(), child=child.pid)
ended.wait()
child.kill()
child.wait()
print("a clean end")
`;

let folder: string;
let python: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'milvusdm-process-'));
  python = await findPython();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const log = (name: string): string => join(folder, `${name}.log`);
const start = (name: string, script = SERVER): Promise<GuardedProcess> =>
  startGuarded({ python, script, args: ['first'], logFile: log(name) });
const pids = async (server: GuardedProcess): Promise<number[]> => {
  const said = (await server.status({ timeoutMs: 60_000 })) as { pid: number; child: number };
  return [said.pid, said.child];
};

test('stop ends it cleanly, prints go to the log, a second stop does no harm', async () => {
  const server = await start('stop');
  const all = await pids(server);
  expect(all[0]).toBe(server.pid);
  await server.stop();
  await server.stop();
  expect(all.filter(isAlive)).toEqual([]);
  expect(await readFile(log('stop'), 'utf8')).toBe('a line for the log\na clean end\n');
});

test('SIGTERM ends it cleanly, SIGINT does not reach it', async () => {
  const server = await start('signals');
  const all = await pids(server);
  process.kill(server.pid, 'SIGINT');
  expect(await server.status({ timeoutMs: 300 })).toBe('timeout');
  process.kill(server.pid, 'SIGTERM');
  await server.exited;
  expect(all.filter(isAlive)).toEqual([]);
  expect(logTail(log('signals'))).toContain('a clean end');
});

test('a script that dies is seen at once, with its last words', async () => {
  const server = await start('dies', 'raise ValueError("no " + sys.argv[1])');
  expect(await server.status({ timeoutMs: 60_000 })).toBeUndefined();
  await server.exited;
  expect(logTail(log('dies'))).toContain('ValueError: no first');
  await server.stop();
});

test('an aborted wait is INTERRUPTED; a missing interpreter is ENV_START', async () => {
  const server = await start('abort', 'ended.wait()');
  const stop = new AbortController();
  const waiting = server.status({ timeoutMs: 60_000, signal: stop.signal });
  stop.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await server.stop();
  const missing = startGuarded({ python: '/nowhere/python', script: '', args: [], logFile: log('missing') });
  await expect(missing).rejects.toMatchObject({
    code: 'ENV_START',
    message: expect.stringContaining('/nowhere/python'),
  });
});

/** A Node process that starts the script and then waits; and what the script said first. */
async function parentOf(script: string): Promise<{ parent: ChildProcess; said: Record<string, number> }> {
  const options = JSON.stringify({ python, script, args: [], logFile: log('parent') });
  const { child, line } = await runModule(
    join(folder, 'parent.mts'),
    `import { startGuarded } from ${JSON.stringify(MODULE)};
const server = await startGuarded(${options});
console.log(JSON.stringify(await server.status({ timeoutMs: 60000 })));
setInterval(() => {}, 1000);\n`,
  );
  return { parent: child, said: JSON.parse(line) as Record<string, number> };
}

test('kill -9 of the parent ends the server and its children', async () => {
  const { parent, said } = await parentOf(SERVER);
  parent.kill('SIGKILL');
  await Promise.all([untilGone(said.pid!, 60_000), untilGone(said.child!, 60_000)]);
});

test('a server that hangs is killed with its whole group', async () => {
  const hangs = SERVER.replace('ended.wait()', 'import time\nwhile True: time.sleep(1)');
  const { parent, said } = await parentOf(hangs);
  const began = performance.now();
  parent.kill('SIGKILL');
  await untilGone(said.pid!, 60_000);
  expect(performance.now() - began).toBeGreaterThan(8000);
  await untilGone(said.child!, 60_000);
});
