import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeManifest, type LogicalCollection } from '../../../../src/backup/logical.js';
import { encodeSideFile, SIDE_VERSION } from '../../../../src/backup/side-file.js';
import { backupContents } from '../../../../src/job/backup/manage/contents.js';
import { backupEntries } from '../../../../src/job/backup/manage/entries.js';
import { verifyBackup } from '../../../../src/job/backup/manage/verify.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

const FILE = Buffer.from('rows');
const KEY = 'data/default/books/_default.0001.arrow';
const SUM = `crc32:${crc32(FILE).toString(16).padStart(8, '0')}`;

const BOOKS: LogicalCollection = {
  db: 'default',
  name: 'books',
  fields: [
    { name: 'id', type: 'INT64', primaryKey: true },
    { name: 'vec', type: 'FLOAT_VECTOR', dim: 4 },
  ],
  settings: { shards: 2, aliases: ['b'], indexes: [{ field: 'vec', type: 'HNSW', metric: 'IP', params: {} }] },
  partitions: [{ name: '_default', parts: [{ key: KEY, rows: 3, size: 4, sum: SUM, digest: '0'.repeat(32) }] }],
  loaded: true,
};

/** A store with one logical backup `b`. */
function storeWithBackup(): MemoryStore {
  const store = createMemoryStore();
  const side = {
    version: SIDE_VERSION,
    tool: '3',
    state: 'complete',
    strategy: 'logical',
    started: '2026-11-21T00:00:00.000Z',
    server: 'a',
    milvus_version: 'v2.3.5',
    linked: false,
    left_out: [],
    files: { [KEY]: { size: 4, sum: SUM } },
  } as const;
  const manifest = { created: 'x', milvusVersion: 'v2.3.5', databases: [], collections: [BOOKS] };
  store.objects.set('b/meta/milvusdm.json', encodeSideFile(side));
  store.objects.set('b/meta/manifest.json', encodeManifest(manifest));
  store.objects.set(`b/${KEY}`, FILE);
  return store;
}

describe('a logical backup', () => {
  it('is listed with its size', async () => {
    const found = await backupEntries(storeWithBackup());
    expect(found).toMatchObject([
      { name: 'b', state: 'complete', strategy: 'logical', bytes: 4, milvus_version: 'v2.3.5' },
    ]);
  });

  it('is shown by its manifest', async () => {
    const found = await backupContents(storeWithBackup(), 'b');
    expect(found).toMatchObject({
      strategy: 'logical',
      bytes: 4,
      databases: ['default'],
      collections: [
        {
          name: 'books',
          rows: 3,
          shards: 2,
          load_state: 'Loaded',
          fields: ['id INT64', 'vec FLOAT_VECTOR'],
          partitions: [{ name: '_default', rows: 3, bytes: 4 }],
          indexes: [{ field: 'vec', type: 'HNSW', metric: 'IP' }],
          aliases: ['b'],
        },
      ],
    });
  });

  it('is verified by its checksums', async () => {
    const store = storeWithBackup();
    const o = { full: true, onProgress: () => {} };
    expect(await verifyBackup(store, 'b', o)).toMatchObject({ status: 'whole', files: 1, checksums: 1 });
    store.objects.set(`b/${KEY}`, Buffer.from('rowz'));
    expect(await verifyBackup(store, 'b', o)).toMatchObject({ problems: [{ key: KEY, problem: 'changed' }] });
    store.objects.delete(`b/${KEY}`);
    expect(await verifyBackup(store, 'b', o)).toMatchObject({ problems: [{ key: KEY, problem: 'missing' }] });
  });

  it('without its manifest is not complete', async () => {
    const store = storeWithBackup();
    store.objects.delete('b/meta/manifest.json');
    await expect(backupContents(store, 'b')).rejects.toMatchObject({ code: 'SRC_UNFINISHED' });
    expect(await backupEntries(store)).toMatchObject([{ state: 'unfinished' }]);
  });
});
