import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { installEmbedded, startEmbedded } from '../../src/milvus/embedded.js';
import { PROJECT } from './environments.js';

/** Runs test/interop/lite_types.py, with the pymilvus of the embedded environment, on a folder of Milvus Lite. */
export async function onLite(folder: string, command: 'make' | 'dump', ...args: string[]): Promise<string> {
  const interpreter = await installEmbedded({ log: () => {} });
  await using server = await startEmbedded(folder, { log: () => {} });
  const script = join(PROJECT, 'test', 'interop', 'lite_types.py');
  const { stdout } = await promisify(execFile)(interpreter, [
    '-I',
    script,
    command,
    `http://${server.address}`,
    ...args,
  ]);
  return stdout;
}

/** Runs a script of test/interop in the Python of the embedded Milvus Lite, which has pyarrow; gives what it printed. */
export async function litePython(script: string, ...args: string[]): Promise<string> {
  const interpreter = await installEmbedded({ log: () => {} });
  const { stdout } = await promisify(execFile)(interpreter, ['-I', join(PROJECT, 'test', 'interop', script), ...args]);
  return stdout;
}
