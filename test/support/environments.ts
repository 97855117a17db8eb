import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureEnvironment } from '../../src/milvus/embedded-environment.js';

/** The folder of the project. */
export const PROJECT: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Everything that the tests download or unpack once and keep; git ignores it. */
export const CACHE: string = join(PROJECT, '.cache');

/** Exact versions, so that a run next year tests the same; markers name the last release for older Pythons. */
const INTEROP = [
  'pymilvus==2.4.15',
  'setuptools==69.5.1',
  'numpy==2.4.6; python_version >= "3.11"',
  'numpy==2.2.6; python_version < "3.11"',
  'h5py==3.16.0',
  'faiss-cpu==1.15.1',
] as const;

const FUZZ = ['schemathesis==4.32.5'] as const;

const MILVUS = ['milvus==2.3.5', 'setuptools==69.5.1'] as const;

/** The package holds the server compressed; unpacking takes longer than starting it, so it is done once. */
const UNPACK_MILVUS = 'import milvus, sys; milvus._initialize_data_files(sys.argv[1] + "/server")';

/** Interpreter of a cached environment whose name is the digest of its requirements. */
async function cached(name: string, requirements: readonly string[], prepare?: string): Promise<string> {
  const digest = createHash('sha256')
    .update(JSON.stringify([requirements, prepare]))
    .digest('hex')
    .slice(0, 10);
  const folder = join(CACHE, 'python', `${name}-${digest}`);
  return ensureEnvironment({
    folder,
    requirements,
    notice: `test set-up: installing ${requirements.join(', ')} into ${folder}, once`,
    log: (message) => process.stderr.write(`${message}\n`),
    ...(prepare === undefined ? {} : { prepare }),
  });
}

/** Python with pymilvus, numpy, h5py and faiss, for reading back and for making files. */
export function interopPython(): Promise<string> {
  return cached('interop', INTEROP);
}

/** Python with schemathesis, which makes requests of an OpenAPI document. */
export function fuzzPython(): Promise<string> {
  return cached('fuzz', FUZZ);
}

/** Python with the real Milvus 2.3.5, and the folder of its unpacked binaries. Throws where that server does not run. */
export async function milvusPython(): Promise<{ python: string; binaries: string }> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `the server tests need Milvus 2.3.5, which runs on linux x64 only (this is ${process.platform} ${process.arch}): ` +
        'set MILVUS_ADDR=host:port to a running Milvus',
    );
  }
  const python = await cached('milvus', MILVUS, UNPACK_MILVUS);
  return { python, binaries: join(dirname(dirname(python)), 'server', 'bin') };
}
