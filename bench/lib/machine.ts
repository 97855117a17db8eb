import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PROJECT } from '../../test/support/environments.js';
import { measureOk } from './process.js';

export interface Machine {
  readonly cores: number;
  readonly memoryGiB: number;
  readonly versions: Readonly<Record<string, string>>;
}

function packageVersion(name: string): string {
  const text = readFileSync(join(PROJECT, 'node_modules', name, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

const PYTHON_VERSIONS = `
import importlib.metadata as m, json, platform
print(json.dumps({"python": platform.python_version(), **{n: m.version(n) for n in ("pymilvus", "numpy", "h5py", "faiss-cpu")}}))
`;

/** What the numbers depend on; nothing that names a machine. */
export async function describeMachine(python: string): Promise<Machine> {
  const { stdout } = await measureOk(python, ['-I', '-c', PYTHON_VERSIONS]);
  return {
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    versions: {
      node: process.version,
      '@zilliz/milvus2-sdk-node': packageVersion('@zilliz/milvus2-sdk-node'),
      '@grpc/grpc-js': packageVersion('@grpc/grpc-js'),
      h5wasm: packageVersion('h5wasm'),
      ...(JSON.parse(stdout) as Record<string, string>),
    },
  };
}

/** Load of the last minute: a number of runnable tasks, to be compared with the cores. */
export function load(): number {
  return Math.round(loadavg()[0]! * 100) / 100;
}

const WATCHED_MS = 1000;
const IDLE_SHARE = 0.85;
const IDLE_TIMES = 3;

/** Milliseconds of all cores so far, and those of them that were idle. */
function coreTime(): { readonly all: number; readonly idle: number } {
  const times = cpus().map((core) => core.times);
  const idle = times.reduce((sum, t) => sum + t.idle, 0);
  return { idle, all: times.reduce((sum, t) => sum + t.user + t.nice + t.sys + t.irq, idle) };
}

/**
 * Waits until the cores have been idle for three seconds: a server goes on with what it was given long after it was dropped, and
 * that would fall on whoever is measured next. On a machine that does other work, no longer than `mostMs`.
 */
export async function untilIdle(mostMs: number): Promise<void> {
  const end = performance.now() + mostMs;
  for (let idleTimes = 0; idleTimes < IDLE_TIMES && performance.now() < end; ) {
    const before = coreTime();
    await sleep(WATCHED_MS);
    const after = coreTime();
    idleTimes = (after.idle - before.idle) / (after.all - before.all) >= IDLE_SHARE ? idleTimes + 1 : 0;
  }
}
