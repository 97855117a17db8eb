import { describe, expect, it, vi } from 'vitest';
import type { LogicalManifest } from '../../../../src/backup/logical.js';
import type { RestoreConfig } from '../../../../src/config/types.js';
import type { PlanReport } from '../../../../src/job/report.js';
import { planLogicalRestore } from '../../../../src/job/restore/logical.js';

const part = { key: 'data/a/b/c.0001.arrow', rows: 10, size: 100, sum: 'crc32:0', digest: '0'.repeat(32) };

function collection(db: string, name: string, loaded = false): LogicalManifest['collections'][number] {
  return { db, name, fields: [], settings: {}, partitions: [{ name: '_default', parts: [part, part] }], loaded };
}

const MANIFEST: LogicalManifest = {
  created: 'x',
  milvusVersion: 'v2.3.5',
  databases: [],
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
    rbac: false,
    passwords: {},
    verify: 'sample',
    parallelism: 16,
    retryFor: 60,
    notes: [],
    secrets: [],
    ...more,
  };
}

/** A server that has the default database alone. */
vi.mock('../../../../src/job/restore/databases.js', () => ({
  openDatabases: async () => ({ has: (db: string) => db === 'default', async [Symbol.asyncDispose]() {} }),
}));

function planOf(more: Partial<RestoreConfig>): Promise<PlanReport> {
  const o = { emit: () => {}, signal: new AbortController().signal };
  return planLogicalRestore(config(more), 'id', MANIFEST, o);
}

describe('the plan of restoring a logical backup', () => {
  it('names every collection with its rows, and databases that are missing', async () => {
    const plan = await planOf({});
    expect(plan).toMatchObject({ task: 'RESTORE', server: 'milvus:19530', rows: 60, bytes: 600 });
    expect([...plan.collections].sort()).toStrictEqual(['books', 'films', 'shop.books']);
    expect(plan.actions[0]).toStrictEqual({ kind: 'create', target: 'shop', detail: 'database' });
  });

  it('takes what is selected, under other names', async () => {
    const plan = await planOf({
      select: ['default.*'],
      exclude: ['default.films'],
      rename: { map: {}, suffix: '_2' },
    });
    expect(plan.actions).toMatchObject([
      { kind: 'create', target: 'books_2', detail: expect.stringContaining('20 rows of default.books') },
    ]);
  });

  it('leaves the rows out where only the shape is wanted', async () => {
    const plan = await planOf({ metaOnly: true, select: ['default.books'] });
    expect(plan).toMatchObject({ rows: 0, bytes: 0, collections: ['books'] });
    expect(plan.actions).toMatchObject([{ detail: expect.stringContaining('without rows') }]);
  });

  it('refuses to import where no store of the target is named', async () => {
    const refused = { code: 'CFG_CONFLICT', message: expect.stringContaining('dest_storage') };
    await expect(planOf({ way: 'import' })).rejects.toMatchObject(refused);
    expect(await planOf({ way: 'insert' })).toMatchObject({ rows: 60 });
  });

  it('refuses what matches nothing, and users of a backup without any', async () => {
    await expect(planOf({ select: ['default.cars'] })).rejects.toMatchObject({ code: 'NOTHING_MATCHED' });
    await expect(planOf({ rbac: true })).rejects.toMatchObject({ code: 'CFG_CONFLICT' });
  });
});
