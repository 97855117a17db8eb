import { describe, expect, it } from 'vitest';
import { loadTask, validateJob } from '../../../src/config/load.js';
import type { SnapshotConfig } from '../../../src/config/types.js';
import { AROUND, errorOf, issuesOf } from './support.js';

function snapshot(...lines: string[]): string {
  return ['SNAPSHOT:', ...lines.map((line) => `  ${line}`)].join('\n');
}

function valid(...lines: string[]): SnapshotConfig {
  return validateJob(snapshot(...lines), AROUND) as SnapshotConfig;
}

function issues(...lines: string[]): string[] {
  return issuesOf(snapshot(...lines)).map(({ key, message }) => `${key}: ${message}`);
}

describe('SNAPSHOT', () => {
  it('of the server of this machine', () => {
    expect(valid('action: create', 'source_collection: c', 'snapshot_name: s_2026')).toStrictEqual({
      task: 'SNAPSHOT',
      action: 'create',
      endpoint: { at: { kind: 'server', address: '127.0.0.1:19530', tls: false } },
      collection: 'c',
      name: 's_2026',
      description: '',
      flush: true,
      compactionProtection: 0,
      wait: true,
      verify: 'sample',
      apply: false,
      retryFor: 60,
      notes: [],
      secrets: [],
    });
  });

  it('takes everything that it knows', () => {
    const config = valid(
      'action: restore',
      'source_uri: http://a:1',
      'source_token: geheim',
      'source_db: shop',
      'source_storage: {type: local, path: data}',
      'source_collection: c',
      'snapshot_name: s_2026',
      'description: before the change',
      'flush: false',
      'compaction_protection: 604800',
      'dest_collection_name: d',
      'dest_db: other',
      'wait: false',
      'verify: full',
      'job_id: 460212311434199064',
      'keep_last: 7',
      'older_than: 4w',
      'apply: true',
      'retry_for: 5',
    );
    expect(config).toMatchObject({
      action: 'restore',
      endpoint: { at: { address: 'a:1' }, token: 'geheim' },
      db: 'shop',
      storage: { type: 'local', path: '/work-folder/data' },
      description: 'before the change',
      flush: false,
      compactionProtection: 604800,
      to: { collection: 'd', db: 'other' },
      wait: false,
      verify: 'full',
      // A number of 64 bits, exact.
      jobId: '460212311434199064',
      keepLast: 7,
      olderThanMs: 4 * 7 * 86_400_000,
      apply: true,
      retryFor: 5,
      secrets: ['geheim'],
    });
    expect(config.endpoint).not.toHaveProperty('db');
  });

  it.each([
    ['create', ['snapshot_name', 'source_collection']],
    ['describe', ['snapshot_name']],
    ['drop', ['snapshot_name']],
    ['restore', ['snapshot_name', 'dest_collection_name']],
    ['job', ['job_id']],
  ])('%s needs %j', (action, keys) => {
    expect(issues(`action: ${action}`)).toEqual(
      keys.map((key) => `: ${key} is missing, needed with action: ${action}`),
    );
  });

  it('prune needs to know what may go', () => {
    expect(issues('action: prune')).toEqual([expect.stringContaining('nothing says which snapshots may go')]);
    expect(issues('action: prune', 'keep_last: 1')).toEqual([]);
    expect(issues('action: prune', 'older_than: 12h')).toEqual([]);
  });

  it.each([
    ['snapshot_name: 1abc', 'snapshot_name: `1abc` is not allowed, allowed: a letter or underscore first'],
    ['snapshot_name: a/b', 'snapshot_name: `a/b` is not allowed'],
    [`snapshot_name: ${'a'.repeat(256)}`, 'snapshot_name: '],
    ['source_collection: [a, b]', 'source_collection: '],
    ['source_collection: a*', 'source_collection: '],
    [
      'compaction_protection: 604801',
      'compaction_protection: `604801` is not allowed, allowed: a whole number, 0 to 604800',
    ],
    ['older_than: 3 days', 'older_than: `3 days` is not allowed, allowed: a time such as 12h, 30d or 4w'],
    ['keep_last: 0', 'keep_last: '],
    ['source_uri: ./milvus', 'source_uri: is a Milvus Lite, which has no snapshots'],
    ['mode: skip', 'mode: is a key of F2M, not of SNAPSHOT'],
  ])('%s is refused', (line, message) => {
    expect(
      issues('action: list', line).some((issue) => issue.startsWith(message)),
      issues('action: list', line).join(),
    ).toBe(true);
  });

  it('needs an action that there is', () => {
    expect(issues('action: export')).toEqual([expect.stringContaining('action: `export` is not allowed')]);
    expect(issues('source_collection: c')).toEqual(['action: is missing, needed: Action']);
  });

  it('moves no rows', () => {
    const env = { S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' };
    expect(() => loadTask('yamls/SNAPSHOT.yaml', env)).toThrow(
      'a task that moves rows is needed, and this is SNAPSHOT',
    );
  });
});

describe('the keys of a command line', () => {
  const text = snapshot('action: create', 'source_collection: c', 'snapshot_name: 1', 'keep_last: 3');
  const under = (keys: Readonly<Record<string, string | number | boolean>>): SnapshotConfig =>
    validateJob(text, { ...AROUND, keys }) as SnapshotConfig;

  it('go before those of the file, whatever was wrong with these', () => {
    const config = under({ action: 'restore', snapshot_name: 'mine', dest_collection_name: 'd' });
    expect(config).toMatchObject({
      action: 'restore',
      name: 'mine',
      collection: 'c',
      keepLast: 3,
      to: { collection: 'd' },
    });
  });

  it('keep to the same rules', () => {
    const error = errorOf(() => under({ action: 'restore', snapshot_name: '2', dest_collection_name: 'd' }));
    expect(error).toMatchObject({ code: 'CFG_INVALID' });
    expect(error.message).toContain('snapshot_name: `2` is not allowed');
  });
});
