import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, inject, vi } from 'vitest';
import type { Target } from '../../src/adapters/types.js';
import type { MilvusAddress } from '../../src/config/types.js';
import { openTarget } from '../../src/registry.js';
import { dropCollections, unique } from '../e2e/support.js';
import { type MemoryWriter, memoryWriter } from '../support/memory-writer.js';
import { type Place, writerSuite } from './writer-suite.js';

beforeAll(() => {
  vi.stubEnv('MILVUSDM_EMBEDDED_PATH', inject('embeddedPath'));
  vi.stubEnv('MILVUSDM_PATH', inject('runFolder'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await dropCollections();
});

async function place(at: MilvusAddress): Promise<Place> {
  const collection = unique('contract');
  const choice = { dest: { at }, collections: [collection], started: new Date() };
  const target: Target = await openTarget(choice, { retryForMs: 10_000, log: () => {} });
  return {
    writer: (mode, keys = 'INT64') =>
      target.writer({
        collection,
        mode,
        parameter: { idField: 'id', vectorField: 'embedding', load: false },
        metric: 'L2',
        ids: { type: keys, stored: true, newIds: false },
        settings: {},
        description: 'contract',
        parallelism: 3,
      }),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}

writerSuite('Milvus 2.3.5', () => place({ kind: 'server', address: inject('milvusAddress'), tls: false }));

writerSuite('Milvus Lite', async () =>
  place({ kind: 'embedded', folder: await mkdtemp(join(inject('runFolder'), 'lite-')) }),
);

/** Each writer goes on from what the one before has left. */
async function memoryPlace(deduplicates: boolean): Promise<Place> {
  let last: MemoryWriter | undefined;
  return {
    writer(mode) {
      const left = last?.collection;
      const existing = left ? { existing: Object.fromEntries(left.partitions) } : {};
      last = memoryWriter({ mode, ...existing, deduplicates, misbehave: { ackDelay: (batch) => 5 - batch } });
      return last;
    },
    async [Symbol.asyncDispose]() {},
  };
}

writerSuite('memory', () => memoryPlace(false));
writerSuite('memory that deduplicates', () => memoryPlace(true));
