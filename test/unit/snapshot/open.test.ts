import { describe, expect, it } from 'vitest';
import { encodeManifest, LARGEST_MANIFEST } from '../../../src/snapshot/manifest.js';
import { encodeMetadata } from '../../../src/snapshot/metadata.js';
import { findSnapshots, type OpenSnapshot, openSnapshot, readSnapshotFile } from '../../../src/snapshot/open.js';
import { LAYOUT, type SegmentManifest, type SnapshotMetadata } from '../../../src/snapshot/types.js';
import { createMemoryStore, type MemoryStore } from '../../support/memory-store.js';
import { BARE, log, logs, METADATA } from './support.js';

const KEY = 'moved/snapshots/45/metadata/77.json';
const SEGMENT: SegmentManifest = {
  ...BARE,
  binlog_files: [logs(100n, log(1n, 'files/insert_log/45/2/11/100/1'))],
  deltalog_files: [logs(0n, log(9n, 'files/delta_log/45/2/11/9'))],
  statslog_files: [logs(100n, log(3n, 'files/stats_log/x'))],
};
const BUNDLE: SnapshotMetadata = {
  ...METADATA,
  layout: LAYOUT.selfContained,
  snapshot_info: { ...METADATA.snapshot_info, s3_location: 'b/snapshots/45/metadata/77.json' },
  manifest_list: ['b/snapshots/45/manifests/77/11.avro'],
};

function storeOf(metadata: SnapshotMetadata, ...segments: readonly SegmentManifest[]): MemoryStore {
  const store = createMemoryStore();
  store.objects.set(KEY, encodeMetadata(metadata));
  for (const one of segments) {
    const key = `moved/snapshots/45/manifests/77/${one.segment_id}.avro`;
    store.objects.set(key, encodeManifest(one, metadata.format_version));
  }
  return store;
}

async function open(store: MemoryStore, now?: string): Promise<OpenSnapshot> {
  return await openSnapshot(store, await readSnapshotFile(store, KEY), now === undefined ? {} : { now });
}

const bundled = (path: string): SegmentManifest => ({
  ...SEGMENT,
  binlog_files: [logs(100n, log(1n, path))],
  deltalog_files: [],
});

describe('a snapshot', () => {
  it('that refers to its server’s files has their keys where it lies now', async () => {
    const { segments, manifests } = await open(storeOf(METADATA, SEGMENT));
    expect(manifests).toStrictEqual(['moved/snapshots/45/manifests/77/11.avro']);
    expect(segments[0]!.binlog_files[0]!.binlogs[0]!.log_path).toBe('moved/insert_log/45/2/11/100/1');
    expect(segments[0]!.deltalog_files[0]!.binlogs[0]!.log_path).toBe('moved/delta_log/45/2/11/9');
    expect(segments[0]!.statslog_files).toStrictEqual(SEGMENT.statslog_files);
  });

  it.each([1, 2, 3, 4])('of version %i has manifests of that version', async (format_version) => {
    const { segments } = await open(storeOf({ ...METADATA, format_version }, { ...SEGMENT, commit_timestamp: 5n }));
    expect(segments[0]).toMatchObject({ segment_id: 11n, commit_timestamp: format_version >= 3 ? 5n : 0n });
  });

  it('with files of its own has them below `files`', async () => {
    const { segments } = await open(storeOf(BUNDLE, bundled('b/files/insert_log/45/2/11/100/1')));
    expect(segments[0]!.binlog_files[0]!.binlogs[0]!.log_path).toBe('moved/files/insert_log/45/2/11/100/1');
    await expect(open(storeOf(BUNDLE, bundled('b/insert_log/45/2/11/100/1')))).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/not below files\/ of its bundle/),
    });
  });

  it('may leave out paths that ids say', async () => {
    const segment = { ...bundled(''), deltalog_files: [logs(0n, log(9n, ''))] };
    const { segments } = await open(storeOf(BUNDLE, segment));
    expect(segments[0]!.binlog_files[0]!.binlogs[0]!.log_path).toBe('moved/files/insert_log/45/2/11/100/1');
    expect(segments[0]!.deltalog_files[0]!.binlogs[0]!.log_path).toBe('moved/files/delta_log/45/2/11/9');
  });

  it('that does not say where it was written is taken by what its root is called', async () => {
    const silent = { ...METADATA, snapshot_info: { ...METADATA.snapshot_info, s3_location: '' } };
    expect((await open(storeOf(silent, SEGMENT), 'files/')).segments).toHaveLength(1);
    await expect(open(storeOf(silent, SEGMENT))).rejects.toMatchObject({ code: 'SRC_CORRUPT' });
  });

  it.each<[string, Partial<SnapshotMetadata>, readonly SegmentManifest[], string, RegExp]>([
    [
      'lists a segment without a manifest',
      { segment_ids: [11n, 12n] },
      [SEGMENT],
      'SRC_CORRUPT',
      /lists segment 12 without a manifest/,
    ],
    [
      'has a manifest of another segment',
      { segment_ids: [12n] },
      [SEGMENT],
      'SRC_CORRUPT',
      /lists segment 12 without a manifest, and has a manifest of segment 11/,
    ],
    ['names a manifest that is missing', {}, [], 'SRC_NOT_FOUND', /manifests\/77\/11\.avro/],
    ['names a manifest elsewhere', { manifest_list: ['files/../x.avro'] }, [SEGMENT], 'SRC_CORRUPT', /no plain path/],
    [
      'names a manifest twice',
      { manifest_list: [...METADATA.manifest_list, ...METADATA.manifest_list] },
      [SEGMENT],
      'SRC_CORRUPT',
      /several manifests of one segment/,
    ],
    [
      'is of another collection',
      { snapshot_info: { ...METADATA.snapshot_info, collection_id: 46n } },
      [SEGMENT],
      'SRC_CORRUPT',
      /of collection 46, its place that of collection 45/,
    ],
  ])('that %s is refused', async (_, more, segments, code, message) => {
    await expect(open(storeOf({ ...METADATA, ...more }, ...segments))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('of old versions need not list its segments', async () => {
    expect((await open(storeOf({ ...METADATA, segment_ids: [] }, SEGMENT))).segments).toHaveLength(1);
  });

  it('with a file that is too long to be a manifest is refused before that is read', async () => {
    const store = storeOf(METADATA, SEGMENT);
    const long = { length: LARGEST_MANIFEST + 1 } as Uint8Array;
    store.objects.set('moved/snapshots/45/manifests/77/11.avro', long);
    await expect(open(store)).rejects.toMatchObject({
      code: 'SRC_UNSUPPORTED',
      message: expect.stringMatching(/11\.avro/),
    });
  });

  it('is not where its file is missing, or elsewhere', async () => {
    const store = createMemoryStore();
    await expect(readSnapshotFile(store, KEY)).rejects.toMatchObject({ code: 'SRC_NOT_FOUND' });
    await expect(readSnapshotFile(store, 'a/77.json')).rejects.toMatchObject({ code: 'SRC_UNSUPPORTED' });
  });
});

describe('the snapshots of a place', () => {
  const KEYS = ['r/snapshots/45/metadata/1.json', 'r/snapshots/45/metadata/2.json', 'r/snapshots/6/metadata/3.json'];

  it.each<[string, readonly string[]]>([
    ['r', KEYS],
    ['r/', KEYS],
    ['r/snapshots', KEYS],
    ['r/snapshots/45', KEYS.slice(0, 2)],
    ['r/snapshots/45/metadata/', KEYS.slice(0, 2)],
    ['r/snapshots/45/metadata/2.json', KEYS.slice(1, 2)],
    ['', []],
    ['r/snapshots/7', []],
  ])('%s', async (prefix, keys) => {
    const store = createMemoryStore();
    for (const key of [
      ...KEYS,
      'r/snapshots/45/manifests/1/11.avro',
      'r/snapshots/x/metadata/4.json',
      'r/insert_log/1',
    ]) {
      store.objects.set(key, Buffer.from('{}'));
    }
    const found: string[] = [];
    for await (const key of findSnapshots(store, prefix)) found.push(key);
    expect(found).toStrictEqual(keys);
  });
});
