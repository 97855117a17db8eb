import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { S3Storage } from '../../src/config/types.js';
import { openStore } from '../../src/store/index.js';
import type { ObjectStore } from '../../src/store/types.js';
import { type Minio, startMinio } from '../support/minio.js';
import { keysOf, listed, noise, storeSuite } from './store-suite.js';

/** The build of MinIO may not be over yet. */
const BUILD_MS = 1_200_000;

let folder: string;
let minio: Minio;
const opened: ObjectStore[] = [];
const stores = {} as Record<'folder' | 'otherFolder' | 'bucket' | 'otherBucket', ObjectStore>;
const configs = {} as Record<'bucket' | 'otherBucket', S3Storage>;

async function open(...args: Parameters<typeof openStore>): Promise<ObjectStore> {
  const store = await openStore(...args);
  opened.push(store);
  return store;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'milvusdm-stores-'));
  stores.folder = await open({ type: 'local', path: join(folder, 'one') }, { create: true });
  stores.otherFolder = await open({ type: 'local', path: join(folder, 'other') }, { create: true });
  minio = await startMinio();
  configs.bucket = await minio.bucket('one', 'some/root');
  configs.otherBucket = await minio.bucket('other');
  stores.bucket = await open(configs.bucket);
  stores.otherBucket = await open(configs.otherBucket);
}, BUILD_MS);

afterAll(async () => {
  for (const store of opened) await store[Symbol.asyncDispose]();
  await minio?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe('a folder', () => {
  storeSuite(() => ({ one: stores.folder, other: stores.otherFolder }));

  it('makes hard links', async () => {
    await stores.folder.write('x/y', noise(100));
    for (const again of [1, 2]) {
      await stores.otherFolder.copy(stores.folder, { key: 'x/y', size: 100 }, 'linked/y', { link: true });
      const [a, b] = await Promise.all([stat(join(folder, 'one/x/y')), stat(join(folder, 'other/linked/y'))]);
      expect(b.ino, String(again)).toBe(a.ino);
    }
    expect(await keysOf(stores.otherFolder, 'linked/')).toEqual(['linked/y']);
  });
});

describe('a bucket', () => {
  storeSuite(() => ({ one: stores.bucket, other: stores.otherBucket }));

  it('copies to and from a folder, but makes no links there', async () => {
    const bytes = noise(20 * 1024 * 1024);
    const object = { key: 'big', size: bytes.length };
    await stores.folder.write('big', bytes);
    await stores.bucket.copy(stores.folder, object, 'big');
    await stores.otherFolder.copy(stores.bucket, object, 'big');
    expect(Buffer.compare(await stores.otherFolder.read('big'), bytes)).toBe(0);
    await expect(stores.bucket.copy(stores.folder, object, 'l', { link: true })).rejects.toMatchObject({
      code: 'CFG_CONFLICT',
    });
    await expect(stores.folder.copy(stores.bucket, object, 'l', { link: true })).rejects.toMatchObject({
      code: 'CFG_CONFLICT',
    });
    const wrong = { key: 'big', size: 5 };
    await expect(stores.otherFolder.copy(stores.bucket, wrong, 'w')).rejects.toMatchObject({ code: 'SRC_CHANGED' });
  });

  it('is left as it was by an upload that fails', async () => {
    const store = await open({ ...configs.otherBucket, root: '' });
    async function* broken(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 4; i++) yield noise(16 * 1024 * 1024);
      throw new Error('broken');
    }
    await expect(store.write('half', broken())).rejects.toThrow('broken');
    expect(await minio.uploads('other')).toEqual([]);
  });

  it('says which bucket does not exist, and which credentials are refused, at once', async () => {
    const began = performance.now();
    const nowhere = await open({ ...configs.bucket, bucket: 'nowhere' });
    await expect(listed(nowhere)).rejects.toMatchObject({ code: 'STORE_NOT_FOUND', exitCode: 2 });
    const stranger = await open({ ...configs.bucket, accessKey: 'nobody' });
    await expect(listed(stranger)).rejects.toMatchObject({ code: 'STORE_AUTH', exitCode: 4 });
    const wrong = await open({ ...configs.bucket, secretKey: 'wrong-secret-key' });
    const refused = await wrong.read('x').catch((thrown: Error) => thrown);
    expect(refused).toMatchObject({ code: 'STORE_AUTH' });
    expect(String(refused)).not.toContain('wrong-secret-key');
    expect(performance.now() - began).toBeLessThan(5000);
  });

  it('works with temporary credentials that may only do what is needed below the root', async () => {
    const allowed = await minio.narrowed({ ...configs.bucket, root: 'narrow' });
    const store = await open(allowed);
    const bytes = noise(40 * 1024 * 1024);
    await store.write('a/big', bytes);
    await store.write('a/small', noise(5));
    expect(await listed(store)).toEqual([
      { key: 'a/big', size: bytes.length },
      { key: 'a/small', size: 5 },
    ]);
    await store.copy(store, { key: 'a/small', size: 5 }, 'b/small');
    expect(Buffer.compare(await store.read('b/small'), noise(5))).toBe(0);
    await store.remove(['a/big', 'a/small', 'b/small']);
    expect(await keysOf(store)).toEqual([]);
    const outside = await open({ ...allowed, root: 'elsewhere' });
    await expect(listed(outside)).rejects.toMatchObject({ code: 'STORE_AUTH' });
    await expect(outside.write('x', noise(1))).rejects.toMatchObject({ code: 'STORE_AUTH' });
  });

  it('streams a copy that its credentials do not let the server make', async () => {
    const target = await open(await minio.narrowed({ ...configs.otherBucket, root: 'narrow' }));
    await stores.bucket.write('from', noise(1000));
    await target.copy(stores.bucket, { key: 'from', size: 1000 }, 'to');
    expect(Buffer.compare(await target.read('to'), noise(1000))).toBe(0);
  });
});
