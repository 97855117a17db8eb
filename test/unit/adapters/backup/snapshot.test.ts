import { cpSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSnapshotCatalog } from '../../../../src/adapters/backup/snapshot.js';
import type { Catalog, Reader } from '../../../../src/adapters/types.js';
import type { SnapshotSource } from '../../../../src/config/types.js';
import { type CatalogInspection, inspectPath } from '../../../../src/job/inspect-catalog.js';
import type { SnapshotFiles } from '../../../../src/snapshot/from-collection.js';
import { LAYOUT, type ManifestLogs, type SegmentManifest } from '../../../../src/snapshot/types.js';
import { snapshotOfSample } from '../../../support/snapshot-files.js';
import { openAt, SAMPLE } from './support.js';

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'milvusdm-snapshot-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function open(path: string, more: Partial<SnapshotSource> = {}): Promise<Catalog> {
  const source = { adapter: 'snapshot', storage: { type: 'local', path }, path: '', select: { '*': null } } as const;
  return openSnapshotCatalog({ ...source, ...more }, { retryForMs: 0, log: () => {} });
}

/** Ids with their titles by partition, sorted. */
async function rowsOf(reader: Reader): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const split of await reader.splits()) {
    const rows = found.get(split.partition ?? '') ?? [];
    for await (const { batch } of reader.read(split, { maxBytes: 8192, columns: ['id', 'title'] })) {
      for (const row of batch) rows.push(`${row?.id} ${row?.title}`);
    }
    found.set(split.partition ?? '', rows);
  }
  for (const rows of found.values()) rows.sort();
  return found;
}

async function rowsAt(path: string, more: Partial<SnapshotSource> = {}): Promise<Map<string, string[]>> {
  await using catalog = await open(path, more);
  await using reader = await catalog.collections[0]!.open();
  return await rowsOf(reader);
}

async function expected(): Promise<Map<string, string[]>> {
  await using catalog = await openAt(SAMPLE);
  await using reader = await catalog.collections.find(({ name }) => name === 'articles')!.open();
  return await rowsOf(reader);
}

const countOf = (rows: Map<string, string[]>): number => [...rows.values()].reduce((sum, one) => sum + one.length, 0);

const each =
  (change: (manifest: SegmentManifest, at: number) => SegmentManifest) =>
  (files: SnapshotFiles): SnapshotFiles => ({
    ...files,
    manifests: files.manifests.map((one, at) => ({ ...one, manifest: change(one.manifest, at) })),
  });

describe('the files of a snapshot', () => {
  it('hold the rows of the backup that they were made of, deleted ones left out', async () => {
    const folder = emptyFolder();
    const file = snapshotOfSample(folder, 'articles');
    const rows = await expected();
    expect(countOf(rows)).toBe(1875);
    for (const path of [folder, file, join(folder, 'snapshots'), dirname(file)])
      expect(await rowsAt(path)).toEqual(rows);
  });

  it.each([1, 2, 3])('are read in format version %i', async (format_version) => {
    const folder = emptyFolder();
    snapshotOfSample(folder, 'articles', {
      change: (files) => ({ ...files, metadata: { ...files.metadata, format_version } }),
    });
    expect(await rowsAt(folder)).toEqual(await expected());
  });

  it('may have been moved, and written by a server that calls its folder otherwise', async () => {
    const folder = emptyFolder();
    snapshotOfSample(folder, 'articles', { root: 's3://a-bucket/exports/one/' });
    const moved = join(emptyFolder(), 'a', 'b');
    cpSync(folder, moved, { recursive: true });
    expect(await rowsAt(moved)).toEqual(await expected());
  });

  it('of the referenced layout lie where the server has them', async () => {
    const folder = emptyFolder();
    const plain = (logs: readonly ManifestLogs[]): ManifestLogs[] =>
      logs.map((group) => ({
        ...group,
        binlogs: group.binlogs.map((log) => ({ ...log, log_path: log.log_path.replace('/files/', '/') })),
      }));
    snapshotOfSample(folder, 'articles', {
      root: 'root/',
      change(files) {
        const bare = each((one) => ({
          ...one,
          binlog_files: plain(one.binlog_files),
          deltalog_files: plain(one.deltalog_files),
        }))(files);
        return { ...bare, metadata: { ...bare.metadata, layout: LAYOUT.referenced } };
      },
    });
    for (const kind of ['insert_log', 'delta_log']) renameSync(join(folder, 'files', kind), join(folder, kind));
    expect(await rowsAt(folder)).toEqual(await expected());
  });

  it('may hold deletes in a segment of their own, which those of another channel are not concerned by', async () => {
    const zero = (files: SnapshotFiles, on: string): SnapshotFiles => {
      const logs = files.manifests.flatMap(({ manifest }) => manifest.deltalog_files);
      const bare = each((one) => ({ ...one, channel_name: 'one', deltalog_files: [] }))(files);
      const key = bare.manifests[0]!.key.replace(/\d+\.avro$/, '99.avro');
      const manifest = {
        ...bare.manifests[0]!.manifest,
        segment_id: 99n,
        partition_id: -1n,
        segment_level: 1n,
        channel_name: on,
        num_of_rows: 0n,
        binlog_files: [],
        deltalog_files: logs,
      };
      const { metadata } = files;
      const [first] = metadata.manifest_list;
      return {
        ...bare,
        manifests: [...bare.manifests, { key, manifest }],
        metadata: {
          ...metadata,
          manifest_list: [...metadata.manifest_list, first!.replace(/\d+\.avro$/, '99.avro')],
          segment_ids: [...metadata.segment_ids, 99n],
        },
      };
    };
    const [same, other] = [emptyFolder(), emptyFolder()];
    snapshotOfSample(same, 'articles', { change: (files) => zero(files, 'one') });
    snapshotOfSample(other, 'articles', { change: (files) => zero(files, 'two') });
    expect(await rowsAt(same)).toEqual(await expected());
    expect(countOf(await rowsAt(other))).toBeGreaterThan(1875);
  });

  it('of an import have the time of its commit, which all deletes from before do not concern', async () => {
    const folder = emptyFolder();
    const late = 1n << 62n;
    snapshotOfSample(folder, 'articles', { change: each((one) => ({ ...one, commit_timestamp: late })) });
    const all = countOf(await rowsAt(folder));
    expect(all).toBeGreaterThan(1875);
    // Committed before everything, all rows with a deleted key are gone: also those that an upsert has written anew.
    const early = emptyFolder();
    snapshotOfSample(early, 'articles', { change: each((one) => ({ ...one, commit_timestamp: 1n })) });
    expect(countOf(await rowsAt(early))).toBeLessThan(1875);
  });

  it('may tell other sizes than they have', async () => {
    const folder = emptyFolder();
    const larger = (logs: readonly ManifestLogs[]): ManifestLogs[] =>
      logs.map((group) => ({
        ...group,
        binlogs: group.binlogs.map((log) => ({ ...log, log_size: log.log_size * 9n })),
      }));
    snapshotOfSample(folder, 'articles', {
      change: each((one) => ({
        ...one,
        binlog_files: larger(one.binlog_files),
        deltalog_files: larger(one.deltalog_files),
      })),
    });
    expect(await rowsAt(folder)).toEqual(await expected());
  });

  it('that are missing are named', async () => {
    const folder = emptyFolder();
    snapshotOfSample(folder, 'articles');
    const below = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /insert_log\/.*\/100\/\d+$/.test(name),
    );
    rmSync(join(folder, below[0]!));
    await expect(open(folder)).rejects.toMatchObject({
      code: 'SRC_NOT_FOUND',
      message: expect.stringMatching(new RegExp(`1 files .* missing, the first is ${below[0]}`)),
    });
  });

  it('outside the bundle are not read', async () => {
    const folder = emptyFolder();
    const out = (logs: readonly ManifestLogs[]): ManifestLogs[] =>
      logs.map((group) => ({ ...group, binlogs: group.binlogs.map((log) => ({ ...log, log_path: '/etc/passwd' })) }));
    snapshotOfSample(folder, 'articles', { change: each((one) => ({ ...one, binlog_files: out(one.binlog_files) })) });
    await expect(open(folder)).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/\/etc\/passwd/),
    });
  });
});

describe('a snapshot as source', () => {
  it('is narrowed by partition and field, and says what it was', async () => {
    const folder = emptyFolder();
    snapshotOfSample(folder, 'articles');
    await using catalog = await open(folder, { select: { articles: ['p_2024'] }, outputFields: ['title', '$meta'] });
    const [collection] = catalog.collections;
    expect(collection).toMatchObject({
      name: 'articles',
      settings: { partitions: ['p_2024'], dynamic: true, shards: 2 },
    });
    await using reader = await collection!.open();
    expect(reader.schema.fields.map(({ name }) => name)).toStrictEqual(['id', 'title', '$meta']);
    expect((await reader.splits()).every(({ partition }) => partition === 'p_2024')).toBe(true);
    expect(reader.info[0]).toMatchObject({
      format: 'snapshot',
      kind: 'collection in a self-contained snapshot of Milvus',
    });
    await expect(open(folder, { select: { others: null } })).rejects.toMatchObject({ code: 'NOTHING_MATCHED' });
  });

  it('is one: several are told apart by file or name', async () => {
    const folder = emptyFolder();
    const file = snapshotOfSample(folder, 'articles');
    const weekly = (files: SnapshotFiles): SnapshotFiles => ({
      ...files,
      key: files.key.replace('77.json', '78.json'),
      metadata: { ...files.metadata, snapshot_info: { ...files.metadata.snapshot_info, id: 78n, name: 'weekly' } },
    });
    snapshotOfSample(folder, 'articles', { change: weekly });
    await expect(open(folder)).rejects.toMatchObject({
      code: 'CFG_CONFLICT',
      message: expect.stringMatching(/has 2 snapshots: "nightly" of articles \(.*77\.json\), "weekly" of articles/),
    });
    expect(countOf(await rowsAt(file))).toBe(1875);
    expect(countOf(await rowsAt(folder, { name: 'weekly' }))).toBe(1875);
    await expect(open(folder, { name: 'monthly' })).rejects.toMatchObject({ code: 'NOTHING_MATCHED' });
  });

  it('in a store has a key there, with or without what it shares with all keys', async () => {
    const store = emptyFolder();
    const bundle = join(store, 'exports/one');
    mkdirSync(bundle, { recursive: true });
    const file = snapshotOfSample(bundle, 'articles');
    for (const path of ['exports/one', '/exports/one/', file.slice(store.length + 1)]) {
      expect(countOf(await rowsAt(store, { path }))).toBe(1875);
    }
  });

  it('is not there', async () => {
    const folder = emptyFolder();
    await expect(open(folder)).rejects.toMatchObject({ code: 'SRC_NOT_FOUND' });
    await expect(open(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' });
  });
});

describe('inspect', () => {
  it('knows a snapshot by its place, and shows what it holds', async () => {
    const folder = emptyFolder();
    const file = snapshotOfSample(folder, 'fingerprints');
    for (const path of [folder, file, dirname(file), join(folder, 'snapshots')]) {
      expect(await inspectPath(path)).toMatchObject({ format: 'snapshot', collections: [{ rows: 500 }] });
    }
    expect(await inspectPath(SAMPLE)).toMatchObject({ format: 'backup' });
    const found = (await inspectPath(file)) as CatalogInspection;
    expect(found).toMatchObject({ path: file, collections: [{ collection: 'fingerprints' }] });
    expect(found.collections[0]!.firstRows).toHaveLength(3);
    writeFileSync(file, '{"format_version": 9}');
    await expect(inspectPath(folder)).rejects.toMatchObject({ code: 'SRC_UNSUPPORTED' });
  });
});
