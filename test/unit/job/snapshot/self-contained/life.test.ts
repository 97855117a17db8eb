import { describe, expect, it } from 'vitest';
import { lockServer } from '../../../../../src/job/backup/server-lock.js';
import { createSnapshot } from '../../../../../src/job/snapshot/self-contained/create.js';
import { dropSnapshot } from '../../../../../src/job/snapshot/self-contained/drop.js';
import { bundleLocks, collectionLocks } from '../../../../../src/job/snapshot/self-contained/layout.js';
import { detailsOf, everyKept, findKept, infoOf } from '../../../../../src/job/snapshot/self-contained/look.js';
import { fail } from '../../../../../src/util/errors.js';
import { COLLECTION, keepingOf, keysBelow, NIGHTLY, oldServer, putSegment, segmentOf } from './support.js';

const BUNDLE = /^milvusdm_snapshots\/45\/\d+\//;
const NOTHING = { log: () => {}, onLost: () => {}, backup: 'x', kind: 'manual' } as const;

describe('a self-contained snapshot', () => {
  it('holds the files of all live segments, outside of what the server looks after, and is committed by its metadata', async () => {
    const old = oldServer(segmentOf(11n), segmentOf(12n));
    putSegment(old.store, segmentOf(13n)); // compacted away, and not collected yet
    const written: string[] = [];
    const keeping = keepingOf(old);
    const { write } = old.store;
    old.store.write = async (key, body, o) => {
      written.push(key.replace(BUNDLE, ''));
      await write.call(old.store, key, body, o);
    };
    const info = await createSnapshot(keeping, NIGHTLY);
    expect(info).toMatchObject({
      kind: 'self-contained',
      name: 'nightly',
      rows: 20n,
      bytes: 28,
      segments: 2,
      description: 'every night',
    });
    expect(info.location).toMatch(/^files\/milvusdm_snapshots\/45\/(\d+)\/snapshots\/45\/metadata\/\1\.json$/);
    expect(Date.now() - info.created).toBeLessThan(60_000);
    expect(old.calls).toStrictEqual(['flush']);
    const files = keysBelow(old.store, 'milvusdm_snapshots/').map((key) => key.replace(BUNDLE, ''));
    expect(files.filter((key) => key.startsWith('files/'))).toStrictEqual([
      'files/delta_log/45/2/11/113',
      'files/delta_log/45/2/12/123',
      'files/insert_log/45/2/11/100/111',
      'files/insert_log/45/2/11/101/112',
      'files/insert_log/45/2/12/100/121',
      'files/insert_log/45/2/12/101/122',
    ]);
    expect(written.filter((key) => !key.includes('locks/')).at(-1)).toMatch(/^snapshots\/45\/metadata\/\d+\.json$/);
    expect(files.filter((key) => key.includes('locks/'))).toStrictEqual([]);
  });

  it.each(['list', 'read'] as const)(
    'that is dropped while others are listed is left out, in silence (%s)',
    async (step) => {
      const old = oldServer(segmentOf(11n));
      const messages: string[] = [];
      const keeping = keepingOf(old, messages);
      await createSnapshot(keeping, NIGHTLY);
      await createSnapshot(keeping, { ...NIGHTLY, name: 'weekly', flush: false });
      const { file } = await findKept(keeping, NIGHTLY);
      messages.length = 0;
      // As seen from the outside: the file goes as soon as it was looked at, or just before it is read.
      const { list, read } = old.store;
      let looks = 0;
      old.store.list = async function* (prefix, o) {
        for await (const found of list.call(old.store, prefix, o)) {
          yield found;
          if (step === 'list' && found.key === file.key && ++looks === 1) old.store.objects.delete(file.key);
        }
      };
      old.store.read = async (key, o) => {
        if (step === 'read' && key === file.key) old.store.objects.delete(key);
        return await read.call(old.store, key, o);
      };
      expect((await everyKept(keeping, {})).map(({ ref }) => ref.name)).toStrictEqual(['weekly']);
      expect(messages).toStrictEqual([]);
    },
  );

  it('is listed, described and dropped by its files alone', async () => {
    const old = oldServer(segmentOf(11n));
    const keeping = keepingOf(old);
    await createSnapshot(keeping, NIGHTLY);
    await createSnapshot(keeping, { ...NIGHTLY, name: 'weekly', flush: false });
    expect(old.calls).toStrictEqual(['flush']);
    const offline = { ...keeping, server: () => Promise.reject(fail('NET_UNAVAILABLE', 'away')) };
    const names = async (of: object): Promise<string[]> => (await everyKept(offline, of)).map(({ ref }) => ref.name);
    expect(await names({})).toStrictEqual(['nightly', 'weekly']);
    expect(await names({ db: 'shop' })).toStrictEqual([]);
    expect(await names({ db: 'default', collection: 'articles' })).toStrictEqual(['nightly', 'weekly']);
    expect(await detailsOf(offline, await findKept(offline, NIGHTLY))).toMatchObject({
      rows: 10n,
      bytes: 14,
      segments: 1,
      partitions: ['_default'],
      shape: {
        source: 'snapshot',
        shards: 1,
        fields: [{ name: 'id' }, { name: 'v', type: 'FLOAT_VECTOR(2)' }, { name: '$meta' }],
      },
    });
    await dropSnapshot(offline, NIGHTLY);
    expect(await names({})).toStrictEqual(['weekly']);
    await expect(dropSnapshot(offline, NIGHTLY)).rejects.toMatchObject({ code: 'SNAPSHOT_NOT_FOUND' });
    await dropSnapshot(offline, { ...NIGHTLY, name: 'weekly' });
    expect(keysBelow(old.store, 'milvusdm_snapshots/')).toStrictEqual([]);
    expect(keysBelow(old.store, 'insert_log/')).toHaveLength(2);
  });

  it('loses its metadata first when it is dropped', async () => {
    const old = oldServer(segmentOf(11n));
    const keeping = keepingOf(old);
    await createSnapshot(keeping, NIGHTLY);
    const { remove } = old.store;
    let calls = 0;
    old.store.remove = async (keys) => {
      if (keys.some((key) => key.includes('/files/'))) throw fail('STORE_REFUSED', 'no more');
      calls++;
      await remove.call(old.store, keys);
    };
    await expect(dropSnapshot(keeping, NIGHTLY)).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    expect(calls).toBeGreaterThan(0);
    expect(await everyKept(keeping, {})).toStrictEqual([]);
  });

  it('has a name of its own', async () => {
    const old = oldServer(segmentOf(11n));
    const keeping = keepingOf(old);
    await createSnapshot(keeping, NIGHTLY);
    const before = keysBelow(old.store, '');
    await expect(createSnapshot(keeping, NIGHTLY)).rejects.toMatchObject({ code: 'SNAPSHOT_EXISTS' });
    expect(keysBelow(old.store, '')).toStrictEqual(before);
    await expect(createSnapshot(keeping, { ...NIGHTLY, collection: 'others' })).rejects.toMatchObject({
      code: 'NOTHING_MATCHED',
    });
  });

  it('of a collection without rows is whole, too', async () => {
    const old = oldServer();
    const keeping = keepingOf(old);
    expect(await createSnapshot(keeping, NIGHTLY)).toMatchObject({ rows: 0n, bytes: 0, segments: 0 });
    expect(await everyKept(keeping, {})).toHaveLength(1);
  });
});

describe('while a snapshot is made', () => {
  it('a compaction takes segments away, whose files do not stay in it', async () => {
    const old = oldServer(segmentOf(11n), segmentOf(12n));
    const { copy } = old.store;
    let compacted = false;
    old.store.copy = async (from, source, key, o) => {
      if (!compacted && source.key.includes('/12/')) {
        compacted = true;
        old.segments.splice(0, 2, segmentOf(20n, { rows: 20 }));
        putSegment(old.store, segmentOf(20n));
        for (const gone of keysBelow(old.store, '').filter((one) => /^\w+_log\/45\/2\/12\//.test(one)))
          old.store.objects.delete(gone);
      }
      await copy.call(old.store, from, source, key, o);
    };
    const keeping = keepingOf(old);
    expect(await createSnapshot(keeping, NIGHTLY)).toMatchObject({ rows: 20n, segments: 1 });
    const files = keysBelow(old.store, 'milvusdm_snapshots/').filter((key) => key.includes('/files/'));
    expect(files.map((key) => key.split('/').at(-3))).toStrictEqual(['20', '20']);
  });

  it('a failure leaves nothing of it', async () => {
    const old = oldServer(segmentOf(11n));
    const keeping = keepingOf(old);
    const { write } = old.store;
    old.store.write = async (key, body, o) => {
      if (key.includes('/metadata/')) throw fail('STORE_UNAVAILABLE', 'gone');
      await write.call(old.store, key, body, o);
    };
    await expect(createSnapshot(keeping, NIGHTLY)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(keysBelow(old.store, 'milvusdm_snapshots/')).toStrictEqual([]);
  });

  it('a full disk is told as such', async () => {
    const old = oldServer(segmentOf(11n));
    const cause = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    old.store.copy = () =>
      Promise.reject(fail('STORE_REFUSED', 'x cannot be written: no space left on device', { cause }));
    await expect(createSnapshot(keepingOf(old), NIGHTLY)).rejects.toMatchObject({
      code: 'SNAPSHOT_STORAGE',
      message: expect.stringMatching(/^insufficient storage/),
    });
  });

  it('a death leaves what nobody takes for a snapshot, and the next one clears', async () => {
    const old = oldServer(segmentOf(11n));
    const dead = 'milvusdm_snapshots/45/99/';
    for (const key of [
      `${dead}files/insert_log/45/2/11/100/111`,
      `${dead}snapshots/45/manifests/99/11.avro`,
      `${dead}milvusdm.json`,
    ]) {
      old.store.objects.set(key, Buffer.from('x'));
    }
    const messages: string[] = [];
    const keeping = keepingOf(old, messages);
    expect(await everyKept(keeping, {})).toStrictEqual([]);
    await createSnapshot(keeping, NIGHTLY);
    expect(keysBelow(old.store, dead)).toStrictEqual([]);
    expect(messages.join()).toMatch(/99\/ in memory has files of a snapshot that was never completed/);
  });

  it('nobody else makes one of the collection', async () => {
    const old = oldServer(segmentOf(11n));
    await using _ = await lockServer(old.store, {
      ...NOTHING,
      folder: collectionLocks(COLLECTION),
      what: 'creation of snapshot "other"',
    });
    await expect(createSnapshot(keepingOf(old), NIGHTLY)).rejects.toMatchObject({
      code: 'JOB_RUNNING',
      message: expect.stringMatching(/the creation of snapshot "other" is running: process/),
    });
  });
});

describe('a snapshot', () => {
  it('that is restored is not dropped; restores bear each other', async () => {
    const old = oldServer(segmentOf(11n));
    const keeping = keepingOf(old);
    await createSnapshot(keeping, NIGHTLY);
    const { bundle } = await findKept(keeping, NIGHTLY);
    const shared = { ...NOTHING, folder: bundleLocks(bundle), shared: true } as const;
    {
      await using _ = await lockServer(old.store, shared);
      await using __ = await lockServer(old.store, shared);
      await expect(dropSnapshot(keeping, NIGHTLY)).rejects.toMatchObject({ code: 'SNAPSHOT_PINNED' });
    }
    await dropSnapshot(keeping, NIGHTLY);
  });

  it('that cannot be read is told of, and does not hide the others', async () => {
    const old = oldServer(segmentOf(11n));
    const messages: string[] = [];
    const keeping = keepingOf(old, messages);
    const { location } = await createSnapshot(keeping, NIGHTLY);
    old.store.objects.set(
      'milvusdm_snapshots/45/99/snapshots/45/metadata/99.json',
      Buffer.from('{"format_version": 12}'),
    );
    expect(await everyKept(keeping, {})).toHaveLength(1);
    expect(messages.join()).toMatch(/cannot be read, and is left out: .*format version 12/);
    old.store.objects.set(location.slice('files/'.length), Buffer.from('{'));
    expect(await everyKept(keeping, {})).toStrictEqual([]);
  });

  it('without our side file counts by its metadata', async () => {
    const old = oldServer(segmentOf(11n));
    const keeping = keepingOf(old);
    await createSnapshot(keeping, NIGHTLY);
    const { bundle } = await findKept(keeping, NIGHTLY);
    old.store.objects.set(`${bundle}milvusdm.json`, Buffer.from('{"version": 1, "rows": "many"}'));
    const info = infoOf(keeping, await findKept(keeping, NIGHTLY));
    expect(info).toMatchObject({ segments: 1 });
    expect(info.rows).toBeUndefined();
  });
});
