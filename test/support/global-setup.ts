import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { installEmbedded } from '../../src/milvus/embedded.js';
import { CACHE, interopPython } from './environments.js';
import { type MilvusServer, startMilvus } from './milvus-server.js';
import { minioProgram } from './minio.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** host:port of the real Milvus that all server suites share. */
    milvusAddress: string;
    /** Folder of its local storage; '' where nobody knows it (with MILVUS_ADDR, unless MILVUS_STORAGE says it). */
    milvusStorage: string;
    /** Python with pymilvus, numpy, h5py and faiss. */
    interopPython: string;
    /** `MILVUSDM_EMBEDDED_PATH` of the run: Milvus Lite is installed there. */
    embeddedPath: string;
    /** Folder of the run, removed at its end. */
    runFolder: string;
  }
}

/**
 * For the suites that need servers: the Python environments (made once, kept in `.cache/`), one real Milvus with fresh data
 * for the whole run (or the one at `$MILVUS_ADDR`), and Milvus Lite installed. Whatever is missing fails the run.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const embeddedPath = join(CACHE, 'embedded');
  process.env.MILVUSDM_EMBEDDED_PATH = embeddedPath;
  const log = (message: string): void => {
    process.stderr.write(`${message}\n`);
  };
  // Goes on beside the first tests; those that need it wait for it, and say why where it cannot be built.
  const building = new AbortController();
  const built = minioProgram(building.signal).catch(() => {});
  const python = await interopPython();
  await installEmbedded({ log });
  const given = process.env.MILVUS_ADDR;
  const server: MilvusServer | undefined = given ? undefined : await startMilvus();
  const runFolder = await mkdtemp(join(tmpdir(), 'milvusdm-run-'));
  log(`test set-up: Milvus at ${given || server?.address}${given ? ' (MILVUS_ADDR)' : ''}`);
  project.provide('milvusAddress', given || server!.address);
  project.provide('milvusStorage', server?.storage ?? process.env.MILVUS_STORAGE ?? '');
  project.provide('interopPython', python);
  project.provide('embeddedPath', embeddedPath);
  project.provide('runFolder', runFolder);
  return async () => {
    building.abort();
    await built;
    await server?.[Symbol.asyncDispose]();
    await rm(runFolder, { recursive: true, force: true });
  };
}
