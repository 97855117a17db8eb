import { describe, expect, it } from 'vitest';
import type { LogicalManifest } from '../../../../src/backup/logical.js';
import type { RestoreConfig } from '../../../../src/config/types.js';
import { planLogicalRestore } from '../../../../src/job/restore/logical.js';

const part = { key: 'data/a/b/c.0001.arrow', rows: 10, size: 100, sum: 'crc32:0', digest: '0'.repeat(32) };

function collection(db: string, name: string, loaded = false): LogicalManifest['collections'][number] {
  return { db, name, fields: [], settings: {}, partitions: [{ name: '_default', parts: [part, part] }], loaded };
}

const MANIFEST: LogicalManifest = {
  created: 'x',
  milvusVersion: 'v2.3.5',
  collections: [collection('default', 'books', true), collection('default', 'films'), collection('shop', 'books')],
};

function config(more: Partial<RestoreConfig> = {}): RestoreConfig {
  return {
    task: 'RESTORE',
    endpoint: { at: { kind: 'server', address: 'milvus:19530', tls: false } },
    store: { type: 'local', path: '/backups' },
    name: 'b',
    select: ['*.*'],
    exclude: [],
    rename: { map: {} },
    mode: 'skip',
    index: 'restore',
    load: 'restore',
    metaOnly: false,
    verify: 'sample',
    parallelism: 16,
    retryFor: 60,
    notes: [],
    secrets: [],
    ...more,
  };
}

describe('the plan of restoring a logical backup', () => {
  it('names every collection with its rows', () => {
    const plan = planLogicalRestore(config(), 'id', MANIFEST);
    expect(plan).toMatchObject({ task: 'RESTORE', server: 'milvus:19530', rows: 60, bytes: 600 });
    expect([...plan.collections].sort()).toStrictEqual(['books', 'films', 'shop.books']);
  });

  it('takes what is selected, under other names', () => {
    const plan = planLogicalRestore(
      config({ select: ['default.*'], exclude: ['default.films'], rename: { map: {}, suffix: '_2' } }),
      'id',
      MANIFEST,
    );
    expect(plan.actions).toMatchObject([
      { kind: 'create', target: 'books_2', detail: expect.stringContaining('20 rows of default.books') },
    ]);
  });

  it('refuses what matches nothing, and the shape without the rows', () => {
    const plan = (more: Partial<RestoreConfig>) => () => planLogicalRestore(config(more), 'id', MANIFEST);
    expect(plan({ select: ['default.cars'] })).toThrow(expect.objectContaining({ code: 'NOTHING_MATCHED' }));
    expect(plan({ metaOnly: true })).toThrow(expect.objectContaining({ code: 'CFG_CONFLICT' }));
  });
});
