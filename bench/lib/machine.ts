import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
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
