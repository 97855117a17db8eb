import { describe, expect, it } from 'vitest';
import { backupFiles } from '../../../../src/backup/layout.js';
import { openBackup, probeBackup } from '../../../../src/backup/open.js';
import { openBase } from '../../../../src/job/backup/base.js';
import { backUpStorage } from '../../../../src/job/backup/storage.js';
import type { ObjectStore } from '../../../../src/store/types.js';
import { fail } from '../../../../src/util/errors.js';
import {
  ARTICLES,
  addSegment,
  COLLECTION,
  compactAway,
  contentOf,
  createFakeServer,
  fakeRun,
  PARTITION,
} from './fake-server.js';

function serverWith(...segments: bigint[]) {
  const server = createFakeServer();
  for (const id of segments) addSegment(server, id);
  return server;
}

/** The backup holds what its meta files say, each file with the bytes of the server's, and nothing else. */
async function requireWhole(dest: ReturnType<typeof fakeRun>['dest'], segments: readonly bigint[], name = 'b') {
  const { info, side } = await openBackup(dest, name);
  const files = [...backupFiles(name, info)];
  expect(new Set(files.map(({ segment }) => segment.segment_id))).toStrictEqual(new Set(segments));
  for (const { key, segment, log, size } of files) {
    const bytes = dest.objects.get(key);
    expect(Buffer.from(bytes ?? [])).toEqual(contentOf(segment.segment_id, log));
    expect(size).toBe(bytes?.length);
  }
  const there = [...dest.objects.keys()].filter((key) => key.startsWith(`${name}/binlogs/`));
  expect(there.sort()).toEqual(files.map(({ key }) => key).sort());
  expect(Object.keys(side?.files ?? {}).sort()).toEqual(there.map((key) => key.slice(name.length + 1)).sort());
  return { info, side };
}

describe('a backup of the storage strategy', () => {
  it('has the files of the live segments and what they are of', async () => {
    const server = serverWith(20n, 10n);
    const { run, dest, warnings } = fakeRun(server);
    const result = await backUpStorage(run);
    const { info, side } = await requireWhole(dest, [10n, 20n]);
    expect(result).toMatchObject({ files: 10, copied: { files: 10 }, reused: { files: 0 }, fromBase: { files: 0 } });
    expect(result.rows).toStrictEqual(new Map([['default.articles', 14]]));
    expect(warnings).toEqual([]);
    const [segment] = info.collection_backups[0]!.partition_backups[0]!.segment_backups;
    expect(segment).toMatchObject({ segment_id: 10n, group_id: 10n, num_of_rows: 7, is_l0: false });
    expect(segment!.binlogs.map(({ fieldID }) => fieldID)).toEqual([0n, 1n, 100n, 101n]);
    expect(segment!.binlogs[2]!.binlogs[0]!.log_path).toBe(`files/insert_log/${COLLECTION}/${PARTITION}/10/100/100`);
    expect(info.size).toBe(result.bytes);
    expect(info.collection_backups[0]).toMatchObject({ backup_physical_timestamp: 1795186530n });
    expect(side).toMatchObject({ state: 'complete', strategy: 'storage', left_out: [] });
    expect(Object.values(side!.files).every(({ sum }) => /^crc32:[0-9a-f]{8}$/.test(sum ?? ''))).toBe(true);
  });

  it('writes the side file first and the commit mark last', async () => {
    const server = serverWith(10n);
    const { run, dest } = fakeRun(server);
    const order: string[] = [];
    const { write } = dest;
    dest.write = async (key, body) => {
      order.push(key);
      if (key.endsWith('full_meta.json')) expect((await probeBackup(dest, 'b')).state).toBe('unfinished');
      await write(key, body);
    };
    await backUpStorage(run);
    expect(order.map((key) => key.slice('b/meta/'.length))).toEqual([
      'milvusdm.json',
      'milvusdm.json',
      'backup_meta.json',
      'collection_meta.json',
      'partition_meta.json',
      'segment_meta.json',
      'full_meta.json',
    ]);
  });

  it('has no file of a segment that was compacted away while it was copied', async () => {
    const server = serverWith(10n, 20n);
    server.onSegments = (call) => {
      // After the first look, whose segments are copied while the server flushes.
      if (call !== 3) return;
      compactAway(server, 10n, 'stay');
      addSegment(server, 30n);
    };
    const { run, dest } = fakeRun(server);
    await backUpStorage(run);
    await requireWhole(dest, [20n, 30n]);
  });

  it('looks again when files went away before they were copied', async () => {
    const server = serverWith(10n, 20n);
    let gone = false;
    const { run, dest } = fakeRun(server, { config: { flush: false } });
    const { copy } = dest;
    dest.copy = async (from, source, key) => {
      if (!gone) {
        gone = true;
        compactAway(server, 10n, 'go');
        addSegment(server, 30n);
      }
      if (!server.store.objects.has(source.key)) throw fail('STORE_MISSING', `${source.key} is missing`);
      await copy(from, source, key);
    };
    await backUpStorage(run);
    await requireWhole(dest, [20n, 30n]);
  });

  it('gives up on a file that the server names and never has', async () => {
    const server = serverWith(10n);
    const { run, dest } = fakeRun(server);
    dest.copy = async () => {
      throw fail('STORE_MISSING', 'x is missing');
    };
    await expect(backUpStorage(run)).rejects.toMatchObject({ code: 'SRC_CHANGED' });
    expect((await probeBackup(dest, 'b')).state).toBe('unfinished');
  });

  it('refuses a store that is not that of the server', async () => {
    const server = serverWith(10n);
    server.store.objects.clear();
    await expect(backUpStorage(fakeRun(server).run)).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringContaining('segment 10 with 7 rows'),
      hint: expect.stringContaining('root_path'),
    });
  });

  it('leaves a chunk out that lacks fields, and says so', async () => {
    const server = serverWith(10n);
    const orphan = `insert_log/${COLLECTION}/${PARTITION}/10/100/50`;
    server.store.objects.set(orphan, contentOf(10n, 50n));
    const { run, dest } = fakeRun(server);
    const result = await backUpStorage(run);
    expect(result.leftOut.map(({ key }) => key)).toEqual([orphan]);
    const { side } = await requireWhole(dest, [10n]);
    expect(side!.left_out).toEqual([{ key: orphan, reason: 'of a chunk that lacks other fields' }]);
  });

  it('keeps logs of all fields where fields can be added later', async () => {
    const server = createFakeServer('v2.6.1');
    addSegment(server, 10n);
    server.store.objects.set(`insert_log/${COLLECTION}/${PARTITION}/10/100/50`, contentOf(10n, 50n));
    const { run, dest } = fakeRun(server);
    expect(await backUpStorage(run)).toMatchObject({ files: 6, leftOut: [] });
    await requireWhole(dest, [10n]);
  });

  it('puts deletes of all partitions beside them', async () => {
    const server = serverWith(10n);
    server.live.push({ segment_id: 40n, partition_id: -1n, rows: 0, state: 4, level: 1, storage_version: 0 });
    server.store.objects.set(`delta_log/${COLLECTION}/-1/40/400`, contentOf(40n, 400n));
    const { run, dest } = fakeRun(server);
    await backUpStorage(run);
    const { info } = await requireWhole(dest, [10n, 40n]);
    expect(info.collection_backups[0]!.l0_segments).toMatchObject([{ segment_id: 40n, is_l0: true, group_id: 0n }]);
    expect(dest.objects.has(`b/binlogs/delta_log/${COLLECTION}/-1/40/400`)).toBe(true);
  });

  it('takes segments that are flushed, and no others', async () => {
    const server = serverWith(10n);
    server.live.push({ segment_id: 50n, partition_id: PARTITION, rows: 3, state: 2, level: 0, storage_version: 0 });
    const { run, dest } = fakeRun(server);
    await backUpStorage(run);
    await requireWhole(dest, [10n]);
  });

  it('leaves out segments of a partition that was dropped meanwhile, with a warning', async () => {
    const server = serverWith(10n);
    addSegment(server, 60n, 99n);
    const { run, dest, warnings } = fakeRun(server);
    await backUpStorage(run);
    await requireWhole(dest, [10n]);
    expect(warnings).toEqual([expect.stringContaining('segments 60 are of partitions')]);
  });

  it('warns when the server never rests, and takes what it has then', async () => {
    const server = serverWith(10n);
    let next = 100n;
    server.onSegments = () => addSegment(server, next++);
    const { run, dest, warnings } = fakeRun(server, { config: { flush: false } });
    await backUpStorage(run);
    expect(warnings).toEqual([expect.stringContaining('without a pause')]);
    // Those that were there before the last listing, and not the one that came behind it.
    const last = next - 1n;
    const ids = Array.from({ length: Number(last - 100n) }, (_, at) => 100n + BigInt(at));
    await requireWhole(dest, [10n, ...ids]);
  });
});

describe('a run that was cut short', () => {
  it('is gone on with: what is there is not copied again, whatever does not belong is removed', async () => {
    const server = serverWith(10n, 20n);
    const first = fakeRun(server);
    let copies = 0;
    const { copy } = first.dest;
    first.dest.copy = async (...given) => {
      if (++copies > 4) throw fail('STORE_REFUSED', 'no space left');
      await copy(...given);
    };
    await expect(backUpStorage(first.run)).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    const probe = await probeBackup(first.dest, 'b');
    expect(probe).toMatchObject({ state: 'unfinished', side: { state: 'running' } });
    // A file that only half arrived, as only a store could do it that is none of ours.
    const half = `b/binlogs/insert_log/${COLLECTION}/${PARTITION}/20/20/1/203`;
    first.dest.objects.set(half, new Uint8Array(3));
    first.dest.copy = copy;
    const again = fakeRun(server, { dest: first.dest, prepared: { unfinished: probe.side } });
    const result = await backUpStorage(again.run);
    expect(result.reused.files).toBeGreaterThanOrEqual(4);
    expect(result.copied.files).toBeLessThanOrEqual(6);
    const { side } = await requireWhole(first.dest, [10n, 20n]);
    expect(Object.values(side!.files).every(({ sum }) => sum !== undefined)).toBe(true);
  });

  it('by a signal ends at once and leaves nothing that looks whole', async () => {
    const server = serverWith(10n, 20n, 30n);
    const { run, dest, stop } = fakeRun(server, { config: { parallelism: 1 } });
    const { copy } = dest;
    let copies = 0;
    dest.copy = async (...given) => {
      if (++copies === 3) stop.abort();
      await copy(...given);
    };
    await expect(backUpStorage(run)).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(copies).toBeLessThanOrEqual(4);
    expect((await probeBackup(dest, 'b')).state).toBe('unfinished');
  });
});

describe('an incremental backup', () => {
  async function withBase() {
    const server = serverWith(10n, 20n);
    const first = fakeRun(server);
    await backUpStorage(first.run);
    compactAway(server, 10n, 'go');
    addSegment(server, 30n);
    const { dest } = first;
    const froms: string[] = [];
    const { copy } = dest;
    dest.copy = async (from: ObjectStore, source, key, o) => {
      froms.push(from.name);
      if (o?.link) throw fail('CFG_CONFLICT', 'no links here');
      await copy(from, source, key);
    };
    return { server, dest, froms };
  }

  it('takes from the server what its base lacks, and stands alone', async () => {
    const { server, dest } = await withBase();
    const base = await openBase(dest, 'b', 'c');
    const { run } = fakeRun(server, { dest, config: { base: 'b' }, prepared: { name: 'c', base } });
    const result = await backUpStorage(run);
    expect(result).toMatchObject({ files: 10, copied: { files: 5 }, fromBase: { files: 5 }, checksums: 10 });
    for (const key of [...dest.objects.keys()]) if (key.startsWith('b/')) dest.objects.delete(key);
    const { side } = await requireWhole(dest, [20n, 30n], 'c');
    expect(side).toMatchObject({ base: 'b' });
  });

  it('takes from the server what its base has lost since', async () => {
    const { server, dest } = await withBase();
    const base = await openBase(dest, 'b', 'c');
    const lost = [...dest.objects.keys()].find((key) => key.startsWith('b/binlogs/') && key.includes('/20/'))!;
    dest.objects.delete(lost);
    const { copy } = dest;
    dest.copy = async (from, source, key, o) => {
      if (source.key === lost && !o?.link) throw fail('STORE_MISSING', `${lost} is missing`);
      await copy(from, source, key, o);
    };
    const { run } = fakeRun(server, { dest, config: { base: 'b' }, prepared: { name: 'c', base } });
    expect(await backUpStorage(run)).toMatchObject({ copied: { files: 6 }, fromBase: { files: 4 } });
    await requireWhole(dest, [20n, 30n], 'c');
  });
});

describe('several collections', () => {
  it('end together when one fails, and its error is told', async () => {
    const server = serverWith(10n);
    const other = { ...ARTICLES, of: { db: 'default', name: 'other' } };
    const { run } = fakeRun(server, { prepared: { collections: [ARTICLES, other] } });
    server.flush = async (of) => {
      if (of.name === 'other') throw fail('DST_REFUSED', 'flush refused');
      return { of, segments: [], timestamp: 5n, sealed: 0n, checkpoints: {}, checkpoint: 0n };
    };
    // Would be asked for ten minutes.
    server.isFlushed = async () => false;
    await expect(backUpStorage(run)).rejects.toMatchObject({ code: 'DST_REFUSED', message: 'flush refused' });
  });
});
