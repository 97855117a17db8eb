import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { inspectionText, planText, reportText, table } from '../../../../src/cli/render/text.js';
import type { Inspection } from '../../../../src/job/inspect.js';
import type { PlanReport, Report, TargetReport } from '../../../../src/job/report.js';

const PLAIN = { color: false };
const COLOR = { color: true };

const TARGET: TargetReport = {
  source: '/data/a.h5',
  collection: 'books',
  partition: null,
  rows_read: 1_234_567,
  rows_written: 1_234_560,
  rows_skipped: 7,
  duplicates: 7,
  verified: 'sample',
  digest: 'ab'.repeat(16),
  target_rows: 1_234_560,
};

const REPORT: Report = {
  version: 1,
  task: 'H2M',
  status: 'done',
  exit_code: 0,
  job_id: '0123456789ab',
  resumable: false,
  targets: [TARGET],
  warnings: [],
  error: null,
  seconds: 12.5,
  bytes: 5 * 1024 * 1024,
};

describe('a table', () => {
  it('has columns of equal width, numbers to the right', () => {
    const rows = [
      ['name', 'rows', 'note'],
      ['a', '1,000', 'x'],
      ['longer', '7', ''],
    ];
    expect(table(rows, PLAIN)).toStrictEqual(['  name    rows   note', '  a       1,000  x', '  longer      7']);
  });

  it('tints its heading alone, and only where colours are wanted', () => {
    const [heading, row] = table([['a'], ['b']], COLOR);
    expect(heading).not.toBe(stripVTControlCharacters(heading!));
    expect(row).toBe('  b');
  });
});

describe('the report as text', () => {
  it('tells status, numbers and every target', () => {
    expect(reportText(REPORT, PLAIN).split('\n')).toStrictEqual([
      'H2M done: 1,234,560 rows (5.0 MiB) written in 12.5 s, 98,765 rows/s overall',
      '  target  read       written    skipped  in target  verified  digest                            source',
      `  books   1,234,567  1,234,560        7  1,234,560  sample    ${'ab'.repeat(16)}  /data/a.h5`,
    ]);
  });

  it('names partitions, and shows what is not known by a dash', () => {
    const targets = [{ ...TARGET, partition: 'p', digest: null, target_rows: null, verified: 'none' } as const];
    const [, , row] = reportText({ ...REPORT, targets }, PLAIN).split('\n');
    expect(row).toMatch(/^ {2}books\/p .* - +none +- +\/data\/a\.h5$/);
  });

  it('lists warnings, then the error with its hint', () => {
    const error = { code: 'VERIFY_MISMATCH', message: 'two rows are missing', hint: 'Keep the report.' } as const;
    const text = reportText({ ...REPORT, status: 'failed', warnings: ['first', 'second'], error }, PLAIN);
    expect(text.split('\n').slice(3)).toStrictEqual([
      'warnings:',
      '  - first',
      '  - second',
      'error VERIFY_MISMATCH: two rows are missing',
      'hint: Keep the report.',
    ]);
  });

  it('of nothing written names no rate, and no table without targets', () => {
    const text = reportText({ ...REPORT, task: null, status: 'skipped', targets: [], bytes: 0, seconds: 0 }, PLAIN);
    expect(text).toBe('milvusdm skipped: 0 rows (0 B) written in 0 s');
  });

  it.each(['done', 'skipped', 'partial', 'failed', 'interrupted'] as const)(
    'says the same with and without colours (%s)',
    (status) => {
      const report = { ...REPORT, status, warnings: ['w'], error: { code: 'USAGE', message: 'm', hint: 'h' } as const };
      const colored = reportText(report, COLOR);
      expect(colored).toContain('\u001b[');
      expect(stripVTControlCharacters(colored)).toBe(reportText(report, PLAIN));
      expect(reportText(report, PLAIN)).not.toContain('\u001b');
    },
  );
});

describe('a plan as text', () => {
  const plan: PlanReport = {
    version: 1,
    task: 'F2M',
    status: 'planned',
    exit_code: 0,
    job_id: '0123456789ab',
    server: 'Milvus v2.3.5 at 127.0.0.1:19530',
    collections: ['books'],
    metric: 'L2',
    sources: [
      {
        path: '/data/a.index',
        format: 'faiss',
        kind: 'Flat (IxF2)',
        rows: 1000,
        dim: 8,
        vectorType: 'FLOAT_VECTOR',
        ids: 'none',
        bytes: 32_000,
        fields: [],
        details: [],
      },
    ],
    rows: 1000,
    bytes: 32_000,
    actions: [
      { kind: 'drop', target: 'books', detail: 'lost with it: its 5 rows' },
      { kind: 'create', target: 'books', detail: 'id INT64 primary key' },
    ],
    warnings: ['no metric in the source'],
  };

  it('tells what will be done, and what will be lost', () => {
    expect(planText(plan, PLAIN).split('\n')).toStrictEqual([
      'F2M plan: 1,000 rows (31.3 KiB) into "books" on Milvus v2.3.5 at 127.0.0.1:19530, metric L2',
      '  source         kind         rows   vectors          ids',
      '  /data/a.index  Flat (IxF2)  1,000  FLOAT_VECTOR(8)  none',
      'actions:',
      '  drop books: lost with it: its 5 rows',
      '  create books: id INT64 primary key',
      'warnings:',
      '  - no metric in the source',
    ]);
  });

  it('shows in red what destroys', () => {
    const lines = planText(plan, COLOR).split('\n');
    const tint = (word: string): string | undefined => /\[(\d+)m/.exec(lines.find((line) => line.includes(word))!)?.[1];
    expect([tint('drop'), tint('create')]).toStrictEqual(['31', '32']);
  });
});

describe('an inspection as text', () => {
  const info: Inspection = {
    path: '/data/a.h5',
    format: 'hdf5',
    kind: 'HDF5 dataset embeddings',
    rows: 2,
    dim: 8,
    vectorType: 'FLOAT_VECTOR',
    ids: 'stored',
    bytes: 80,
    fields: [],
    details: ['gzip, shuffled'],
    firstRows: [{ id: '9007199254740993', embedding: '[1, 2, ...]' }],
  };

  it('tells what the file is, and its first rows', () => {
    expect(inspectionText(info, PLAIN).split('\n')).toStrictEqual([
      '/data/a.h5',
      '  hdf5: HDF5 dataset embeddings',
      '  2 rows, FLOAT_VECTOR(8), metric not stated, ids stored, 80 B',
      '  gzip, shuffled',
      '  first rows:',
      '    id=9007199254740993  embedding=[1, 2, ...]',
    ]);
  });

  it('of a file that cannot be read as a source shows no rows', () => {
    const text = inspectionText({ ...info, metric: 'IP', firstRows: [] }, PLAIN);
    expect(text).toContain('metric IP');
    expect(text).not.toContain('first rows');
  });
});
