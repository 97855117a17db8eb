import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { metaKey } from '../../../../src/backup/layout.js';
import { probeBackup } from '../../../../src/backup/open.js';
import { encodeSideFile, type SideFile } from '../../../../src/backup/side-file.js';
import { backupContents } from '../../../../src/job/backup/manage/contents.js';
import { backupEntries } from '../../../../src/job/backup/manage/entries.js';
import { deleteBackup, type PruneOptions, pruneBackups } from '../../../../src/job/backup/manage/remove.js';
import { verifyBackup } from '../../../../src/job/backup/manage/verify.js';
import { checksumOf } from '../../../../src/store/checksum.js';
import { fail } from '../../../../src/util/errors.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

const FOLDER = join(import.meta.dirname, '../../../../fixtures/milvus-backup/sample');
const DAY = 24 * 3600 * 1000;
const NOW = Date.parse('2026-11-21T18:00:00.000Z');

const SIDE: SideFile = {
  version: 1,
  tool: '3.0.0',
  state: 'complete',
  strategy: 'storage',
  started: '2026-11-20T12:00:00.000Z',
  server: '127.0.0.1:19530',
  milvus_version: 'v2.3.5',
  linked: false,
  left_out: [],
  files: {},
};

function addSample(store: MemoryStore, name: string): void {
  for (const entry of readdirSync(FOLDER, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    store.objects.set(path.replace(FOLDER, name), readFileSync(path));
  }
}

/** Makes the sample one of ours, with a checksum for every file. */
async function adopt(store: MemoryStore, name: string, changes: Partial<SideFile> = {}): Promise<void> {
  const files: Record<string, { size: number; sum: string }> = {};
  for (const key of store.objects.keys()) {
    if (key.startsWith(`${name}/binlogs/`)) files[key.slice(name.length + 1)] = await checksumOf(store, key);
  }
  store.objects.set(metaKey(name, 'side'), encodeSideFile({ ...SIDE, files, ...changes }));
}

let store: MemoryStore;
beforeEach(() => {
  store = createMemoryStore();
  addSample(store, 'sample');
});

const full = { full: true, onProgress: () => {} };
const binlog = (): string => [...store.objects.keys()].find((key) => key.startsWith('sample/binlogs/insert_log'))!;

describe('backup list', () => {
  it.each([
    ['by its side file', 'side'],
    ['by its small file', 'backup'],
  ] as const)('leaves out a backup that is removed while it is listed, seen %s', async (_, file) => {
    await adopt(store, 'sample');
    addSample(store, 'other');
    const { read } = store;
    store.read = async (key, o) => {
      if (key === metaKey('sample', file)) {
        for (const one of [...store.objects.keys()]) if (one.startsWith('sample/')) store.objects.delete(one);
      }
      return await read.call(store, key, o);
    };
    expect((await backupEntries(store)).map(({ name }) => name)).toStrictEqual(['other']);
  });

  it('shows as unfinished a backup of which a part is removed while it is listed', async () => {
    await adopt(store, 'sample');
    const { read } = store;
    store.read = async (key, o) => {
      if (key === metaKey('sample', 'backup')) {
        for (const one of ['backup', 'full'] as const) store.objects.delete(metaKey('sample', one));
      }
      return await read.call(store, key, o);
    };
    expect(await backupEntries(store)).toMatchObject([{ name: 'sample', state: 'unfinished', error: null }]);
  });
});

describe('backup verify', () => {
  it('finds a backup of milvus-backup whole, by sizes alone', async () => {
    expect(await verifyBackup(store, 'sample', full)).toMatchObject({
      status: 'whole',
      bytes: 212317,
      problems: [],
      checksums: 0,
      extra: [],
    });
  });

  it('compares checksums where there are some, and only when asked', async () => {
    await adopt(store, 'sample');
    const told: number[] = [];
    const check = await verifyBackup(store, 'sample', { full: true, onProgress: (done) => told.push(done) });
    expect(check).toMatchObject({ status: 'whole', checksums: check.files, without_checksum: 0 });
    expect(told.at(-1)).toBe(check.files);
    expect(await verifyBackup(store, 'sample', { ...full, full: false })).toMatchObject({ checksums: 0 });
  });

  it('names what is lost, cut and changed', async () => {
    await adopt(store, 'sample');
    const [lost, cut, changed] = [...store.objects.keys()].filter((key) => key.startsWith('sample/binlogs/'));
    store.objects.delete(lost!);
    store.objects.set(cut!, store.objects.get(cut!)!.subarray(1));
    const bytes = Buffer.from(store.objects.get(changed!)!);
    bytes[bytes.length - 1]! ^= 1;
    store.objects.set(changed!, bytes);
    const { status, problems } = await verifyBackup(store, 'sample', full);
    const found = problems.map(({ key, problem }) => [`sample/${key}`, problem]);
    expect([status, found]).toEqual([
      'damaged',
      [
        [lost, 'missing'],
        [cut, 'size'],
        [changed, 'changed'],
      ],
    ]);
    const bySize = await verifyBackup(store, 'sample', { ...full, full: false });
    expect(bySize.problems.map(({ problem }) => problem)).toEqual(['missing', 'size']);
  });

  it('names what the store cannot read, and gives up where the store is away', async () => {
    await adopt(store, 'sample');
    const bad = binlog();
    const { stream } = store;
    store.stream = async function* (key) {
      if (key === bad) throw fail('STORE_REFUSED', 'input/output error');
      yield* stream(key);
    };
    expect((await verifyBackup(store, 'sample', full)).problems).toEqual([
      { key: bad.slice('sample/'.length), problem: 'unreadable', detail: 'input/output error' },
    ]);
    // biome-ignore lint/correctness/useYield: it fails before there is anything
    store.stream = async function* () {
      throw fail('STORE_UNAVAILABLE', 'away');
    };
    await expect(verifyBackup(store, 'sample', full)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });

  it('lists what is not of the backup', async () => {
    store.objects.set('sample/binlogs/insert_log/1/2/3/3/100/4', new Uint8Array(1));
    const check = await verifyBackup(store, 'sample', full);
    expect(check).toMatchObject({ status: 'whole', extra: ['binlogs/insert_log/1/2/3/3/100/4'] });
  });

  it('reads a logical one by its side file', async () => {
    const logical = createMemoryStore();
    logical.objects.set('l/data/a.arrow', Buffer.from('rows'));
    const files = { 'data/a.arrow': await checksumOf(logical, 'l/data/a.arrow') };
    logical.objects.set(metaKey('l', 'side'), encodeSideFile({ ...SIDE, strategy: 'logical', files }));
    logical.objects.set(metaKey('l', 'manifest'), Buffer.from('{}'));
    expect(await verifyBackup(logical, 'l', full)).toMatchObject({ status: 'whole', files: 1, checksums: 1 });
    logical.objects.set('l/data/a.arrow', Buffer.from('cows'));
    expect((await verifyBackup(logical, 'l', full)).problems).toMatchObject([{ problem: 'changed' }]);
  });

  it('needs a complete backup', async () => {
    store.objects.delete('sample/meta/full_meta.json');
    store.objects.delete('sample/meta/segment_meta.json');
    await expect(verifyBackup(store, 'sample', full)).rejects.toMatchObject({ code: 'SRC_UNFINISHED' });
  });
});

describe('backup list and get', () => {
  it('know the sample', async () => {
    expect(await backupEntries(store)).toEqual([
      {
        name: 'sample',
        state: 'complete',
        strategy: 'storage',
        // When its last collection was sealed.
        created: new Date(1795186530 * 1000).toISOString(),
        bytes: 212317,
        milvus_version: 'v2.3.5-lite',
        base: null,
        milvusdm: null,
        error: null,
      },
    ]);
    const { collections, ...rest } = await backupContents(store, 'sample');
    expect(rest).toMatchObject({ strategy: 'storage', bytes: 212317, databases: ['default'], users: null });
    expect(collections[1]).toMatchObject({
      db: 'default',
      name: 'articles',
      collection_id: 470596403606015148n,
      rows: 2001,
      segments: 5,
      shards: 2,
      load_state: 'Loaded',
      aliases: ['articles_alias'],
      properties: { 'collection.ttl.seconds': '864000' },
      indexes: [{ field: 'embedding', type: 'IVF_FLAT', metric: 'IP' }],
      partitions: [
        { name: '_default', rows: 1201 },
        { name: 'p_2024', rows: 800 },
        { name: 'p_empty', rows: 0 },
      ],
    });
    expect(collections[1]!.fields.slice(0, 3)).toEqual(['id INT64', 'embedding FLOAT_VECTOR', 'title VARCHAR']);
  });

  it('tell ours, unfinished and unreadable ones', async () => {
    await adopt(store, 'sample', { base: 'before' });
    store.objects.set(metaKey('backup_2026_11_19_01_02_03_000000004', 'side'), Buffer.from('?'));
    store.objects.set(metaKey('half', 'side'), encodeSideFile({ ...SIDE, state: 'running' }));
    expect(await backupEntries(store)).toMatchObject([
      {
        name: 'backup_2026_11_19_01_02_03_000000004',
        state: 'unreadable',
        created: '2026-11-19T01:02:03.000Z',
        error: expect.stringContaining('is no JSON'),
      },
      { name: 'half', state: 'unfinished', created: SIDE.started },
      { name: 'sample', state: 'complete', created: SIDE.started, base: 'before', milvusdm: '3.0.0' },
    ]);
  });

  it('fail where the store does', async () => {
    store.read = async () => {
      throw fail('STORE_UNAVAILABLE', 'away');
    };
    await expect(backupEntries(store)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

describe('backup delete', () => {
  it('says what would go, and takes it away when told to', async () => {
    addSample(store, 'sample_2');
    const before = store.objects.size;
    const dry = await deleteBackup(store, 'sample', { apply: false });
    expect(dry).toMatchObject({ name: 'sample', state: 'complete', removed: false, files: before / 2 });
    expect(store.objects.size).toBe(before);
    expect(await deleteBackup(store, 'sample', { apply: true })).toMatchObject({ removed: true, files: before / 2 });
    expect([...store.objects.keys()].every((key) => key.startsWith('sample_2/'))).toBe(true);
    expect(store.objects.size).toBe(before / 2);
  });

  it('that is cut short leaves nothing that looks whole', async () => {
    await adopt(store, 'sample');
    const { remove } = store;
    let calls = 0;
    store.remove = async (keys) => {
      if (++calls === 2) throw fail('STORE_UNAVAILABLE', 'away');
      await remove(keys);
    };
    await expect(deleteBackup(store, 'sample', { apply: true })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await probeBackup(store, 'sample')).toMatchObject({ state: 'unfinished' });
    store.remove = remove;
    expect(await deleteBackup(store, 'sample', { apply: true })).toMatchObject({ state: 'unfinished' });
    expect(store.objects.size).toBe(0);
  });

  it('takes what cannot be read, too', async () => {
    store.objects.set(metaKey('sample', 'side'), Buffer.from('?'));
    expect(await deleteBackup(store, 'sample', { apply: true })).toMatchObject({ state: 'unreadable', removed: true });
  });

  it.each(['', '.', '../sample', 'a/b'])('takes no name like %j', async (name) => {
    await expect(deleteBackup(store, name, { apply: true })).rejects.toMatchObject({ code: 'CFG_INVALID' });
    expect(store.objects.size).toBeGreaterThan(0);
  });

  it('knows when there is none', async () => {
    await expect(deleteBackup(store, 'other', { apply: true })).rejects.toMatchObject({ code: 'SRC_NOT_FOUND' });
  });
});

describe('backup prune', () => {
  beforeEach(async () => {
    store.objects.clear();
    for (const [name, days, state] of [
      ['day_1', 1, 'complete'],
      ['day_2', 2, 'complete'],
      ['day_10', 10, 'complete'],
      ['day_20', 20, 'complete'],
      ['half_old', 5, 'running'],
      ['half_new', 0.1, 'running'],
    ] as const) {
      const started = new Date(NOW - days * DAY).toISOString();
      store.objects.set(metaKey(name, 'side'), encodeSideFile({ ...SIDE, started, state }));
      if (state === 'complete') store.objects.set(metaKey(name, 'full'), Buffer.from('{}'));
    }
    store.objects.set(metaKey('nobodys', 'full'), Buffer.from('{}'));
  });

  const prune = (o: Partial<PruneOptions>) => pruneBackups(store, { apply: true, unfinished: false, now: NOW, ...o });
  const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name);

  it.each<[Partial<PruneOptions>, string[]]>([
    [{ keepLast: 2 }, ['day_20', 'day_10']],
    [{ olderThanMs: 5 * DAY }, ['day_20', 'day_10']],
    [{ keepLast: 3, olderThanMs: 5 * DAY }, ['day_20']],
    [{ keepLast: 1, olderThanMs: 15 * DAY }, ['day_20']],
    [{ keepLast: 9 }, []],
    [{ keepLast: 4, unfinished: true }, ['half_old']],
    [{ keepLast: 4, unfinished: true, olderThanMs: 6 * DAY }, []],
  ])('with %j removes %j', async (o, expected) => {
    const before = names(await backupEntries(store));
    const { pruned, kept } = await prune(o);
    expect(names(pruned)).toEqual(expected);
    const left = before.filter((name) => !expected.includes(name));
    expect(names(await backupEntries(store))).toEqual(left);
    expect(names(kept).sort()).toEqual(left.sort());
  });

  it('removes nothing without being told to', async () => {
    const before = store.objects.size;
    const { pruned } = await prune({ keepLast: 1, apply: false });
    expect([pruned.length, store.objects.size]).toEqual([3, before]);
    expect(pruned.every(({ removed }) => !removed)).toBe(true);
  });

  it('says why the others stay', async () => {
    const { kept } = await prune({ keepLast: 1, olderThanMs: 5 * DAY, apply: false });
    expect(Object.fromEntries(kept.map(({ name, why }) => [name, why]))).toEqual({
      nobodys: 'nothing tells how old it is',
      half_old: 'it is unfinished',
      half_new: 'it is unfinished',
      day_1: 'it is one of the last 1',
      day_2: 'it is young enough',
    });
  });

  it('needs to be told what may go', async () => {
    await expect(prune({})).rejects.toMatchObject({ code: 'USAGE' });
  });
});
