import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../../src/store/index.js';
import { compareKeys } from '../../../src/store/keys.js';
import type { ObjectStore } from '../../../src/store/types.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'milvusdm-local-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function keysOf(store: ObjectStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list('')) keys.push(key);
  return keys;
}

describe('opening a folder', () => {
  it('does not make it unless that is asked for', async () => {
    const path = join(folder, 'new/deep');
    const missing = { code: 'STORE_NOT_FOUND', exitCode: 2, message: `the folder ${path} does not exist` };
    await expect(openStore({ type: 'local', path })).rejects.toMatchObject(missing);
    await using store = await openStore({ type: 'local', path }, { create: true });
    expect(await keysOf(store)).toEqual([]);
  });

  it('refuses a file', async () => {
    const path = join(folder, 'file');
    await writeFile(path, '');
    await expect(openStore({ type: 'local', path })).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' });
    const below = { type: 'local', path: join(path, 'x') } as const;
    await expect(openStore(below, { create: true })).rejects.toMatchObject({ code: 'STORE_REFUSED', exitCode: 4 });
  });
});

describe('a folder', () => {
  it('is left as tidy as it was found', async () => {
    {
      await using store = await openStore({ type: 'local', path: folder });
      await store.write('a/b/c', Buffer.from('x'));
      await store.write('a/d', Buffer.from('x'));
      await store.remove(['a/b/c']);
      expect(await keysOf(store)).toEqual(['a/d']);
    }
    expect((await readdir(folder, { recursive: true })).sort()).toEqual(['a', 'a/d']);
  });

  it('shows nothing of what a killed process left, and removes it after a day', async () => {
    const work = join(folder, '.milvusdm-tmp');
    await mkdir(work);
    await writeFile(join(work, 'fresh'), 'x');
    await using store = await openStore({ type: 'local', path: folder });
    await store.write('a', Buffer.from('x'));
    expect(await keysOf(store)).toEqual(['a']);
    // Another process may be at it right now.
    expect(await readdir(work)).toEqual(['fresh']);
  });

  it.each([false, true])('copies no file that has another size than is expected, watched: %s', async (isWatched) => {
    await using store = await openStore({ type: 'local', path: folder });
    await store.write('a', Buffer.alloc(3_000_000, 'x'));
    let seen = 0;
    const count = (bytes: Uint8Array): void => {
      seen += bytes.length;
    };
    const watch = isWatched ? { watch: count } : {};
    await store.copy(store, { key: 'a', size: 3_000_000 }, 'b', watch);
    for (const size of [2_999_999, 3_000_001]) {
      const changed = { code: 'SRC_CHANGED', message: `a has 3000000 bytes, ${size} are expected` };
      await expect(store.copy(store, { key: 'a', size }, 'c', watch)).rejects.toMatchObject(changed);
    }
    const stopped = { ...watch, signal: AbortSignal.abort() };
    await expect(store.copy(store, { key: 'a', size: 3_000_000 }, 'd', stopped)).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await keysOf(store)).toEqual(['a', 'b']);
    expect(Buffer.compare(await store.read('b'), await store.read('a')) === 0).toBe(true);
    expect(seen).toBe(isWatched ? 3_000_000 : 0);
  });

  it('takes writes, copies and links while others come, write, remove and go', async () => {
    await writeFile(join(folder, 'source'), 'abc');
    const source = { key: 'source', size: 3 };
    const ways = [
      (store: ObjectStore, key: string) => store.write(key, Buffer.from('abc')),
      (store: ObjectStore, key: string) => store.copy(store, source, key),
      (store: ObjectStore, key: string) => store.copy(store, source, key, { link: true }),
      async (store: ObjectStore, key: string) => {
        await using growing = await store.begin(key, 1);
        await growing.append(Buffer.from('bc'));
        await growing.finish(Buffer.from('a'));
      },
    ];
    const visit = async (way: (typeof ways)[number], by: number): Promise<void> => {
      for (let round = 0; round < 60; round++) {
        await using store = await openStore({ type: 'local', path: folder });
        const key = `a/b/${by}-${round}`;
        await way(store, key);
        expect(Buffer.from(await store.read(key)).toString()).toBe('abc');
        await store.remove([key]);
      }
    };
    await Promise.all([...ways, ...ways].map(visit));
    expect(await readdir(folder)).toEqual(['source']);
  });

  it('follows no links in its lists', async () => {
    await writeFile(join(folder, 'secret'), 'x');
    await mkdir(join(folder, 'root'));
    await symlink(join(folder, 'secret'), join(folder, 'root/file'));
    await symlink(folder, join(folder, 'root/up'));
    await using store = await openStore({ type: 'local', path: join(folder, 'root') });
    expect(await keysOf(store)).toEqual([]);
  });

  it('that goes away is said', async () => {
    const path = join(folder, 'gone');
    await mkdir(path);
    await using store = await openStore({ type: 'local', path });
    await rm(path, { recursive: true });
    await expect(keysOf(store)).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    await expect(store.read('x')).rejects.toMatchObject({ code: 'STORE_MISSING' });
  });

  it('does not take a file in the way of a folder for success', async () => {
    await using store = await openStore({ type: 'local', path: folder });
    await store.write('a', Buffer.from('x'));
    await expect(store.write('a/b', Buffer.from('x'))).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    await expect(store.read('a/b')).rejects.toMatchObject({ code: 'STORE_MISSING' });
    await utimes(join(folder, 'a'), 0, 0);
    expect(await keysOf(store)).toEqual(['a']);
  });
});

it('keys are ordered by their bytes', () => {
  const keys = ['b', 'a/1', 'a-1', 'a', '\u{10000}', '\uff00', 'é'];
  expect([...keys].sort(compareKeys)).toEqual([...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
});
