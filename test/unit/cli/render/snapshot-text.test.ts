import { describe, expect, it } from 'vitest';
import { planText, reportText } from '../../../../src/cli/render/text.js';
import type { Report } from '../../../../src/job/report.js';
import type { SnapshotEntry, SnapshotReport } from '../../../../src/job/snapshot/report.js';

const ENTRY: SnapshotEntry = {
  db: 'default',
  collection: 'articles',
  name: 'daily_20260101',
  description: 'before the change',
  partitions: ['_default', 'p1'],
  created: '2026-01-01T02:03:04.567Z',
  location: 'files/snapshots/1/metadata/2.json',
  rows: 1234,
  bytes: 2048,
  segments: 2,
  pins: 1,
};
const JOB = {
  job_id: '460212311434199064',
  snapshot: 'daily_20260101',
  db: 'shop',
  collection: 'restored',
  state: 'executing',
  progress: 50,
  reason: '',
  started: null,
  time_cost_ms: 0,
} as const;

function text(part: Partial<SnapshotReport>, more: Partial<Report> = {}): string[] {
  const report: Report = {
    version: 1,
    task: 'SNAPSHOT',
    status: 'done',
    exit_code: 0,
    job_id: 'abc',
    resumable: false,
    targets: [],
    warnings: [],
    error: null,
    seconds: 0.5,
    bytes: 0,
    snapshot: { action: 'list', keeper: 'native', server: 'host:1', notes: [], ...part },
    ...more,
  };
  return reportText(report, { color: false }).split('\n');
}

describe('the report of a SNAPSHOT as text', () => {
  it('lists', () => {
    expect(text({ snapshots: [ENTRY] })).toEqual([
      'SNAPSHOT list on host:1 (native) done in 0.5 s',
      '  collection        snapshot        created               rows   size     segments  description',
      '  default.articles  daily_20260101  2026-01-01 02:03:04Z  1,234  2.0 KiB         2  before the change',
    ]);
    expect(text({ snapshots: [] })[1]).toBe('  no snapshots');
  });

  it('describes', () => {
    const shape = {
      source: 'collection',
      fields: [
        { name: 'id', type: 'INT64', primaryKey: true },
        { name: 'embedding', type: 'FLOAT_VECTOR(8)', primaryKey: false },
      ],
      indexes: [{ field: 'embedding', type: 'HNSW', metric: 'L2' }],
      shards: 2,
      properties: { 'collection.ttl.seconds': '60' },
    } as const;
    expect(text({ action: 'describe', snapshot: { ...ENTRY, shape } }).slice(1)).toEqual([
      '  snapshot "daily_20260101" of default.articles, created 2026-01-01 02:03:04Z',
      '  description: before the change',
      '  partitions: _default, p1',
      '  location: files/snapshots/1/metadata/2.json',
      '  size: 1,234 rows, 2.0 KiB, 2 segments',
      '  pins: 1',
      '  schema (of the collection as it is now): 2 shards, collection.ttl.seconds = 60',
      '  field      type             key  index',
      '  id         INT64            key  -',
      '  embedding  FLOAT_VECTOR(8)  -    HNSW/L2',
    ]);
  });

  it('shows restores, with what was verified', () => {
    const target = {
      source: 's',
      collection: 'shop.restored',
      partition: null,
      rows_read: 5,
      rows_written: 5,
      rows_skipped: 0,
      duplicates: null,
      verified: 'count',
      digest: null,
      target_rows: 5,
    } as const;
    expect(text({ action: 'restore', job: JOB, notes: ['2 shards'] }, { targets: [target] })).toEqual([
      'SNAPSHOT restore on host:1 (native) done in 0.5 s',
      '  job                 snapshot        to             state      progress  time  reason',
      '  460212311434199064  daily_20260101  shop.restored  executing  50 %      -     -',
      '  shop.restored: 5 rows, verified: count',
      'notes:',
      '  - 2 shards',
    ]);
    expect(text({ action: 'jobs', jobs: [] })[1]).toBe('  no restores');
  });

  it('says what prune would drop and what that frees', () => {
    const kept = [{ db: 'default', collection: 'articles', name: 'new', why: 'it is pinned' }];
    const gone = { ...ENTRY, dropped: false, frees: 2048 };
    const dry = text({ action: 'prune', pruned: [gone], kept });
    expect(dry.slice(1)).toEqual([
      '  would drop 1 snapshot, which frees 2.0 KiB; 1 stay',
      'would drop:',
      '  - "daily_20260101" of default.articles, created 2026-01-01 02:03:04Z, 2.0 KiB',
      'kept:',
      '  - "new" of default.articles: it is pinned',
      'nothing was dropped: --yes (apply: true) does it',
    ]);
    expect(text({ action: 'prune', pruned: [{ ...gone, dropped: true, frees: null }], kept })[1]).toBe(
      '  dropped 1 snapshot; 1 stay',
    );
  });

  it('of a failure', () => {
    const error = { code: 'SNAPSHOT_NOT_FOUND', message: 'snapshot not found', hint: 'look' } as const;
    const { snapshot: _, ...failed } = { snapshot: undefined, status: 'failed', error } as const;
    const lines = text({}, failed as Partial<Report>);
    expect(lines.slice(-2)).toEqual(['error SNAPSHOT_NOT_FOUND: snapshot not found', 'hint: look']);
  });
});

it('a plan of a SNAPSHOT names the server and the actions', () => {
  const plan = {
    version: 1,
    task: 'SNAPSHOT',
    status: 'planned',
    exit_code: 0,
    job_id: 'a',
    server: 'host:1',
    collections: [],
    metric: '',
    sources: [],
    rows: 0,
    bytes: 0,
    actions: [{ kind: 'drop', target: 'snapshot "a" of b', detail: 'for good' }],
    warnings: [],
  } as const;
  expect(planText(plan, { color: false }).split('\n')).toEqual([
    'SNAPSHOT plan on host:1',
    'actions:',
    '  drop snapshot "a" of b: for good',
  ]);
});
