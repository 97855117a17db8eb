import { describe, expect, it } from 'vitest';
import { checkText, contentsText, deletedText, listText, prunedText } from '../../../../src/cli/render/backup-text.js';
import { planText, reportText } from '../../../../src/cli/render/text.js';
import type { Report } from '../../../../src/job/report.js';

const plain = { color: false };
const removed = { name: 'a', state: 'complete', created: '2026-11-20T12:00:00.000Z', files: 2, bytes: 2048 } as const;

describe('what milvusdm backup says', () => {
  it('lists backups, and why some cannot be read', () => {
    const none = { created: null, bytes: null, milvus_version: null, base: null, milvusdm: null };
    const text = listText(
      {
        store: 'folder /b',
        backups: [
          {
            ...none,
            name: 'a',
            state: 'complete',
            strategy: 'storage',
            created: '2026-11-20T12:00:00.123Z',
            bytes: 1024,
            error: null,
          },
          { ...none, name: 'bad', state: 'unreadable', strategy: 'storage', error: 'no JSON' },
        ],
      },
      plain,
    );
    expect(text.split('\n').map((line) => line.trimEnd())).toEqual([
      '2 backups in folder /b',
      '  name  state       strategy  created               size     milvus  base',
      '  a     complete    storage   2026-11-20 12:00:00Z  1.0 KiB  -       -',
      '  bad   unreadable  storage   -                     -        -       -',
      'unreadable:',
      '  - bad: no JSON',
    ]);
    expect(listText({ store: 'folder /b', backups: [] }, plain)).toBe('no backups in folder /b');
  });

  it('names damage, at most a hundred of it', () => {
    const problems = Array.from(
      { length: 102 },
      (_, at) => ({ key: `binlogs/${at}`, problem: 'missing', detail: 'x' }) as const,
    );
    const check = {
      name: 'b',
      store: 's',
      files: 200,
      bytes: 10,
      checksums: 0,
      without_checksum: 3,
      extra: ['binlogs/y'],
    };
    const lines = checkText({ ...check, status: 'damaged', problems }, plain).split('\n');
    expect(lines[0]).toBe(
      'backup "b" in s is damaged: 200 files, 10 B (sizes compared; --full compares checksums, too, 3 without a checksum)',
    );
    expect(lines[1]).toBe('102 problems:');
    expect(lines[102]).toBe('  - and 2 more');
    expect(lines.slice(103)).toEqual(['files that are not of the backup:', '  - binlogs/y']);
    expect(checkText({ ...check, status: 'whole', problems: [], checksums: 200, extra: [] }, plain)).toContain(
      'is whole: 200 files, 10 B (sizes of all, checksums of 200 compared',
    );
  });

  it('says what would go, and what has gone', () => {
    const line = 'a (complete, created 2026-11-20 12:00:00Z, 2 files, 2.0 KiB)';
    expect(deletedText({ store: 's', backup: { ...removed, removed: false } }, plain)).toBe(
      `would remove ${line} in s\nnothing was removed: --yes does it`,
    );
    expect(deletedText({ store: 's', backup: { ...removed, removed: true } }, plain)).toBe(`removed ${line} in s`);
    const kept = [{ name: 'b', why: 'it is young enough' }];
    expect(prunedText({ store: 's', pruned: [{ ...removed, removed: true }], kept }, plain)).toBe(
      `removed 1 backup in s, 1 stay\nremoved:\n  - ${line}\nkept:\n  - b: it is young enough`,
    );
    expect(prunedText({ store: 's', pruned: [{ ...removed, removed: false }], kept: [] }, plain)).toMatch(
      /--yes does it$/,
    );
  });

  it('shows what a backup holds', () => {
    const text = contentsText(
      {
        name: 'b',
        store: 's',
        strategy: 'storage',
        created: null,
        milvus_version: 'v2.3.5',
        bytes: 5,
        databases: ['default'],
        collections: [
          {
            db: 'default',
            name: 'c',
            collection_id: 7n,
            rows: 1200,
            bytes: 5,
            segments: 2,
            shards: 1,
            load_state: 'Loaded',
            fields: [],
            partitions: [{ name: '_default', rows: 1200, bytes: 5 }],
            indexes: [{ field: 'v', type: 'FLAT', metric: 'L2' }],
            aliases: [],
            properties: {},
          },
        ],
        users: 2,
        base: null,
        linked: false,
        left_out: [{ key: 'insert_log/1', reason: 'half' }],
      },
      plain,
    );
    expect(text).toContain('databases: default; 2 users');
    expect(text).toMatch(/default\.c {3}1,200 {2}5 B .* v FLAT\/L2 .* Loaded/);
    expect(text).toContain('left out:\n  - insert_log/1: half');
  });

  it('reports what was made', () => {
    const tally = { files: 0, bytes: 0 };
    const report: Report = {
      version: 1,
      task: 'BACKUP',
      status: 'done',
      exit_code: 0,
      job_id: null,
      resumable: false,
      targets: [],
      warnings: [],
      error: null,
      seconds: 1.5,
      bytes: 3072,
      backup: {
        name: 'b',
        store: 'folder /b',
        strategy: 'storage',
        type: 'CLUSTER',
        base: 'a',
        linked: false,
        collections: 2,
        files: 3,
        bytes: 3072,
        copied: { files: 1, bytes: 1024 },
        from_base: { files: 2, bytes: 2048 },
        reused: tally,
        checksums: 3,
        left_out: [],
      },
    };
    expect(reportText(report, plain).split('\n')).toEqual([
      'BACKUP done: 0 rows (3.0 KiB) written in 1.5 s',
      'backup "b" in folder /b: cluster, storage, 2 collections, 3 files, 3.0 KiB',
      '  copied 1 file (1.0 KiB), 2 files from "a", 3 with a checksum',
    ]);
  });

  it('plans without a metric', () => {
    const plan = planText(
      {
        version: 1,
        task: 'BACKUP',
        status: 'planned',
        exit_code: 0,
        job_id: 'x',
        server: 'h:1',
        collections: ['default.c'],
        metric: '',
        sources: [],
        rows: 5,
        bytes: 10,
        actions: [{ kind: 'copy', target: 'default.c', detail: '1 segment' }],
        warnings: [],
      },
      plain,
    );
    expect(plan).toBe('BACKUP plan: 1 collection, 5 rows (10 B) of h:1\nactions:\n  copy default.c: 1 segment');
  });
});
