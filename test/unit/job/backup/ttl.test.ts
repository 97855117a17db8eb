import { describe, expect, it } from 'vitest';
import { validateJob } from '../../../../src/config/load.js';
import { settingsWithoutTtl, withoutTtl } from '../../../../src/job/backup/ttl.js';
import { createJob } from '../../../../src/job/job.js';

const TASK = 'BACKUP: {source_uri: "http://h:1", backup_store: {type: local, path: b}';

describe('the time to live of collections', () => {
  it('is left out of a backup, and nothing else of its properties is', () => {
    const mmap = { key: 'mmap.enabled', value: 'true' };
    expect(withoutTtl([{ key: 'collection.ttl.seconds', value: '60' }, mmap])).toStrictEqual([mmap]);
    const properties = { 'collection.ttl.seconds': '60', 'mmap.enabled': 'true' };
    expect(settingsWithoutTtl({ shards: 2, properties })).toStrictEqual({
      shards: 2,
      properties: { 'mmap.enabled': 'true' },
    });
    const none: { shards: number; properties?: Record<string, string> } = { shards: 2 };
    expect(settingsWithoutTtl(none)).toBe(none);
  });

  it('makes another job of a backup: what an interrupted one has written is not mixed with it', () => {
    const [plain, kept, left] = ['}', ', ttl: true}', ', ttl: false}'].map(
      (rest) => createJob(validateJob(TASK + rest)).id,
    );
    expect(kept).toBe(plain);
    expect(left).not.toBe(plain);
  });
});
