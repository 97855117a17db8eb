import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf } from '../../../../src/job/snapshot/native/contents.js';
import { sampleCollection, snapshotOfSample } from '../../../support/snapshot-files.js';
import { type Double, type Keys, startDouble } from './support.js';

/** The rows that the segments of the sample have, deleted ones too. */
const ROWS = sampleCollection('articles')
  .partition_backups.flatMap(({ segment_backups: segments }) => segments)
  .reduce((sum, { num_of_rows }) => sum + num_of_rows, 0);
const NAMED = { snapshot_name: 'nightly_20260101', source_collection: 'articles' };

let folder: string;
let metadata: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'milvusdm-snapshot-'));
  metadata = snapshotOfSample(folder, 'articles');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A double whose snapshots have their metadata in the folder. */
async function withFiles(lose: number): Promise<Double> {
  const location = `files${metadata.slice(folder.length)}`;
  const double = await startDouble({ default: { articles: { rows: ROWS } } }, { location, lose });
  await double.ok({ action: 'create', ...NAMED });
  return double;
}

const storage = (): Keys => ({ source_storage: { type: 'local', path: folder } });
const restore = (): Keys => ({
  action: 'restore',
  ...NAMED,
  ...storage(),
  dest_collection_name: 'restored',
  verify: 'count',
});

describe('with the storage of the server', () => {
  it('a snapshot is described by its own metadata, with its sizes', async () => {
    await using double = await withFiles(0);
    const { snapshot } = await double.ok({ action: 'describe', ...NAMED, ...storage() });
    expect(snapshot).toMatchObject({
      rows: ROWS,
      segments: expect.any(Number),
      bytes: expect.any(Number),
      shape: { source: 'snapshot', shards: 2, properties: { 'collection.ttl.seconds': '864000' } },
    });
    expect(snapshot?.bytes).toBeGreaterThan(1000);
  });

  it('a restore is counted', async () => {
    await using double = await withFiles(0);
    const report = await double.run(restore());
    expect(report.error).toBe(null);
    expect(report.targets).toMatchObject([{ collection: 'restored', verified: 'count', target_rows: ROWS }]);
    expect(report.warnings).toEqual([expect.stringContaining('collection.ttl.seconds = 864,000')]);
  });

  it('finds the rows that a server has left out', async () => {
    await using double = await withFiles(100);
    const report = await double.run(restore());
    expect(report).toMatchObject({ exit_code: 6, error: { code: 'VERIFY_MISMATCH' } });
    expect(report.error?.hint).toContain('skips segments');
  });

  it('says when the metadata cannot be read, and goes on without it', async () => {
    await using double = await withFiles(0);
    const empty = mkdtempSync(join(folder, 'empty-'));
    const keys = { action: 'describe', ...NAMED, source_storage: { type: 'local', path: empty } };
    const report = await double.run(keys);
    expect(report.warnings).toEqual([expect.stringContaining('cannot be read, so that its size is not known')]);
    expect(report.snapshot?.snapshot).toMatchObject({ rows: null, shape: { source: 'collection' } });
  });

  it('damaged metadata is no failure of the server either', async () => {
    await using double = await withFiles(0);
    const damaged = mkdtempSync(join(folder, 'damaged-'));
    const copy = snapshotOfSample(damaged, 'articles');
    writeFileSync(copy, '{');
    const keys = { action: 'describe', ...NAMED, source_storage: { type: 'local', path: damaged } };
    expect((await double.run(keys)).warnings).toHaveLength(1);
  });
});

describe('the key of metadata', () => {
  it.each([
    ['files/snapshots/1/metadata/2.json', 'snapshots/1/metadata/2.json'],
    ['/var/lib/milvus/data/snapshots/1/metadata/2.json', 'snapshots/1/metadata/2.json'],
    ['s3://bucket/root/snapshots/1/metadata/00001-a.json', 'snapshots/1/metadata/00001-a.json'],
    ['my-snapshots/1/metadata/2.json', undefined],
    ['', undefined],
  ])('in %s is %s', (location, key) => {
    expect(keyOf(location)).toBe(key);
  });
});
