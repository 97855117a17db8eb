import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../../../src/adapters/backup/fields.js';
import { openBackupReader } from '../../../../src/adapters/backup/reader.js';
import { segmentsOf } from '../../../../src/adapters/backup/segments.js';
import type { Reader } from '../../../../src/adapters/types.js';
import { logKey } from '../../../../src/backup/layout.js';
import type { CollectionBackupInfo, FieldBinlogInfo, SegmentBackupInfo } from '../../../../src/backup/types.js';
import { openStore } from '../../../../src/store/index.js';
import { copyOfSample, infoOf } from './support.js';

/** The sample's fingerprints as segments of a server, with paths where its store has them. */
function liveInfo(
  folder: string,
  change: (s: SegmentBackupInfo) => SegmentBackupInfo = (s) => s,
): CollectionBackupInfo {
  const info = infoOf(folder).collection_backups.find((c) => c.collection_name === 'fingerprints')!;
  const placed = (segment: SegmentBackupInfo): SegmentBackupInfo => {
    const at = (insert: boolean, fields: readonly FieldBinlogInfo[]): FieldBinlogInfo[] =>
      fields.map((f) => ({
        ...f,
        binlogs: f.binlogs.map((log) => ({
          ...log,
          log_path: logKey('', segment, insert ? f.fieldID : undefined, log.log_id),
        })),
      }));
    return { ...segment, binlogs: at(true, segment.binlogs), deltalogs: at(false, segment.deltalogs) };
  };
  const partition_backups = info.partition_backups.map((p) => ({
    ...p,
    segment_backups: p.segment_backups.map((s) => change(placed(s))),
  }));
  return { ...info, partition_backups };
}

async function openLive(folder: string, info: CollectionBackupInfo): Promise<Reader> {
  const store = await openStore({ type: 'local', path: folder });
  const place = { store, name: '', live: true } as const;
  const names = new Set(info.partition_backups.map((p) => p.partition_name));
  const every = info.partition_backups.flatMap((p) => p.segment_backups);
  const fields = fieldsOf(info.collection_name, info.schema!, every);
  return await openBackupReader({ place, info, fields, segments: segmentsOf(place, info, names), named: true });
}

async function rowsOf(reader: Reader): Promise<number> {
  let rows = 0;
  for (const split of await reader.splits()) {
    for await (const { batch } of reader.read(split, { maxBytes: 1 << 20 })) rows += batch.numRows;
  }
  return rows;
}

describe('segments of a running server', () => {
  it('are read from where the server has put them', async () => {
    const folder = copyOfSample();
    const info = liveInfo(folder, (s) => ({
      ...s,
      binlogs: s.binlogs.map((f) => ({
        ...f,
        binlogs: f.binlogs.map((log) => ({ ...log, log_path: `moved/${f.fieldID}/${log.log_id}` })),
      })),
    }));
    mkdirSync(join(folder, 'moved'));
    const [segment] = info.partition_backups.flatMap((p) => p.segment_backups);
    for (const { fieldID } of segment!.binlogs) {
      const { segment_id: id, partition_id: partition } = segment!;
      const from = `binlogs/insert_log/${info.collection_id}/${partition}/${id}/${id}/${fieldID}`;
      renameSync(join(folder, from), join(folder, 'moved', String(fieldID)));
    }
    await using reader = await openLive(folder, info);
    expect(await rowsOf(reader)).toBe(500);
  });

  it('that were compacted away while they are read end the run', async () => {
    const folder = copyOfSample();
    await using reader = await openLive(folder, liveInfo(folder));
    rmSync(join(folder, 'binlogs'), { recursive: true });
    await expect(rowsOf(reader)).rejects.toMatchObject({
      code: 'SRC_CHANGED',
      message: expect.stringMatching(/the server has removed .*insert_log.*compacted/),
    });
  });

  it('with other rows than the server counts end the run, which a listing alone would not know', async () => {
    const folder = copyOfSample();
    const info = liveInfo(folder, (s) => ({ ...s, num_of_rows: s.num_of_rows - 1 }));
    await using reader = await openLive(folder, info);
    await expect(rowsOf(reader)).rejects.toMatchObject({
      code: 'SRC_CORRUPT',
      message: expect.stringMatching(/have 500 rows, the server counts 499/),
    });
  });
});
