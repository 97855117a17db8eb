import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backupFiles, logKey, metaKey, segmentFolder } from '../../../src/backup/layout.js';
import { listBackups, openBackup, probeBackup } from '../../../src/backup/open.js';
import { encodeSideFile, type SideFile } from '../../../src/backup/side-file.js';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.js';

const FOLDER = join(import.meta.dirname, '../../../fixtures/milvus-backup');

function storeWithSample(name = 'sample'): MemoryStore {
  const store = createMemoryStore();
  for (const entry of readdirSync(join(FOLDER, 'sample'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    store.objects.set(path.replace(`${FOLDER}/sample`, name), readFileSync(path));
  }
  return store;
}

const SIDE: SideFile = {
  version: 1,
  tool: '1.0.0',
  state: 'running',
  strategy: 'storage',
  started: '2026-11-21T17:00:00.000Z',
  server: '127.0.0.1:19530',
  milvus_version: 'v2.3.5',
  linked: false,
  left_out: [],
  files: { 'binlogs/x': { size: 3, sum: 'crc32:00000000' } },
};

describe('a backup in a store', () => {
  it('is opened, and its files are where its meta files say', async () => {
    const store = storeWithSample();
    const { info, side } = await openBackup(store, 'sample');
    expect(side).toBeUndefined();
    const named = [...backupFiles('sample', info)].map(({ key, size }) => [key, size] as const);
    const there = [...store.objects].filter(([key]) => key.includes('/binlogs/'));
    expect(new Map(named)).toStrictEqual(new Map(there.map(([key, bytes]) => [key, bytes.length])));
    expect(named).toHaveLength(there.length);
    expect(named.reduce((sum, [, size]) => sum + size, 0)).toBe(info.size);
  });

  it('is opened by the name of its folder', async () => {
    const store = storeWithSample('moved');
    const { name, info } = await openBackup(store, 'moved');
    expect([name, info.name]).toStrictEqual(['moved', 'sample']);
    expect([...backupFiles(name, info)].every(({ key }) => store.objects.has(key))).toBe(true);
  });

  it('is opened without full_meta.json, as old ones have none', async () => {
    const store = storeWithSample();
    const { info } = await openBackup(store, 'sample');
    store.objects.delete('sample/meta/full_meta.json');
    expect((await openBackup(store, 'sample')).info.collection_backups).toStrictEqual(info.collection_backups);
  });

  it('is not there', async () => {
    await expect(openBackup(storeWithSample(), 'other')).rejects.toMatchObject({
      code: 'SRC_NOT_FOUND',
      message: 'there is no backup "other" in memory',
    });
  });

  it.each(['backup', 'collection', 'partition', 'segment'] as const)(
    'is unfinished without full and %s',
    async (level) => {
      const store = storeWithSample();
      store.objects.delete('sample/meta/full_meta.json');
      store.objects.delete(metaKey('sample', level));
      await expect(openBackup(store, 'sample')).rejects.toMatchObject({ code: 'SRC_UNFINISHED' });
    },
  );

  it('of ours is unfinished without its commit mark, though the level files are there', async () => {
    const store = storeWithSample();
    store.objects.set(metaKey('sample', 'side'), encodeSideFile({ ...SIDE, state: 'complete' }));
    expect(await probeBackup(store, 'sample')).toMatchObject({ state: 'complete', side: { state: 'complete' } });
    store.objects.delete('sample/meta/full_meta.json');
    await expect(openBackup(store, 'sample')).rejects.toMatchObject({
      code: 'SRC_UNFINISHED',
      message: expect.stringContaining('begun at 2026-11-21T17:00:00.000Z, was never completed'),
    });
  });

  it('of which only files are there is unfinished', async () => {
    const store = createMemoryStore();
    store.objects.set('half/binlogs/insert_log/1/2/3/3/100/4', new Uint8Array(1));
    expect(await probeBackup(store, 'half')).toMatchObject({ state: 'unfinished' });
    expect(await probeBackup(store, 'hal')).toMatchObject({ state: 'missing' });
  });

  it('that is logical is told from the others', async () => {
    const store = createMemoryStore();
    store.objects.set(metaKey('l', 'side'), encodeSideFile({ ...SIDE, strategy: 'logical' }));
    expect(await probeBackup(store, 'l')).toMatchObject({ state: 'unfinished', strategy: 'logical' });
    store.objects.set(metaKey('l', 'manifest'), Buffer.from('{}'));
    expect(await probeBackup(store, 'l')).toMatchObject({ state: 'complete', strategy: 'logical' });
    await expect(openBackup(store, 'l')).rejects.toMatchObject({ code: 'SRC_UNSUPPORTED' });
  });

  it.each([
    ['{"version":2}', 'SRC_UNSUPPORTED'],
    ['{"version":1,"state":"half"}', 'SRC_CORRUPT'],
    ['{', 'SRC_CORRUPT'],
    [JSON.stringify({ ...SIDE, files: { a: { size: -0.5 } } }), 'SRC_CORRUPT'],
  ])('is refused with the side file %s', async (text, code) => {
    const store = storeWithSample();
    store.objects.set(metaKey('sample', 'side'), Buffer.from(text));
    await expect(probeBackup(store, 'sample')).rejects.toMatchObject({ code });
  });

  it('is listed with its neighbours, an unreadable one by its error', async () => {
    const store = storeWithSample();
    store.objects.set(metaKey('bad', 'side'), Buffer.from('?'));
    store.objects.set(metaKey('half', 'backup'), Buffer.from('{}'));
    store.objects.set('no_backup/x/y', Buffer.from('{}'));
    const found: unknown[] = [];
    for await (const backup of listBackups(store)) {
      found.push(
        'error' in backup ? [backup.name, (backup.error as { code: string }).code] : [backup.name, backup.state],
      );
    }
    expect(found).toStrictEqual([
      ['bad', 'SRC_CORRUPT'],
      ['half', 'unfinished'],
      ['sample', 'complete'],
    ]);
  });
});

describe('keys', () => {
  const segment = { collection_id: 1n, partition_id: 2n, segment_id: 3n, group_id: 3n };

  it('have the folder of the group where there is one', () => {
    expect(logKey('b', segment, 100n, 7n)).toBe('b/binlogs/insert_log/1/2/3/3/100/7');
    expect(logKey('b', segment, undefined, 7n)).toBe('b/binlogs/delta_log/1/2/3/3/7');
    expect(logKey('b', { ...segment, group_id: 0n }, 0n, 7n)).toBe('b/binlogs/insert_log/1/2/3/0/7');
    expect(logKey('', { ...segment, partition_id: -1n, group_id: 0n }, undefined, 7n)).toBe(
      'binlogs/delta_log/1/-1/3/7',
    );
  });

  it('begin with the folder that is imported', () => {
    expect(segmentFolder('b', 'insert_log', { ...segment, group_id: 9n })).toBe('b/binlogs/insert_log/1/2/9/');
    expect(segmentFolder('b', 'delta_log', { ...segment, group_id: 0n })).toBe('b/binlogs/delta_log/1/2/3/');
  });
});
