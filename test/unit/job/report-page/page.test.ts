import { describe, expect, it } from 'vitest';
import { roundUp, throughputChart } from '../../../../src/job/report-page/chart.js';
import { escapeHtml, html } from '../../../../src/job/report-page/markup.js';
import { reportPage } from '../../../../src/job/report-page/page.js';
import { durationText } from '../../../../src/job/report-page/words.js';
import type { SavedReport } from '../../../../src/job/saved-report.js';

const HOSTILE = `"><img src=x onerror=alert(1)></style><script>alert('x')</script>&amp;\u0000`;

function saved(text = 'books', more: Partial<SavedReport> = {}): SavedReport {
  return {
    version: 1,
    task: 'H2M',
    status: 'partial',
    exit_code: 7,
    job_id: text,
    resumable: false,
    targets: [
      {
        source: text,
        collection: text,
        partition: text,
        rows_read: 12345,
        rows_written: 12340,
        rows_skipped: 5,
        duplicates: 0,
        verified: 'sample',
        digest: 'ab'.repeat(16),
        target_rows: 12340,
      },
    ],
    warnings: [text, text],
    error: { code: 'ROWS_QUARANTINED', message: text, hint: text },
    seconds: 75.5,
    bytes: 1 << 20,
    run: {
      milvusdm: text,
      node: text,
      started: '2026-11-21T13:05:59.123Z',
      finished: '2026-11-21T13:07:14.623Z',
      from: text,
      to: text,
      mode: 'append',
      verify: 'sample',
      limit: 7,
      yaml: { path: text, sha256: text, cwd: text },
      phases: [
        { phase: 'write', seconds: 60 },
        { phase: 'verify', seconds: 1.5 },
      ],
      throughput: { step_seconds: 0.5, rows: [0, 100, 200, 0, 300, 50, 0], bytes: [0, 1, 2, 0, 3, 1, 0] },
      collections: [{ collection: text, server: text, fields: [], fresh: [null] }],
    },
    ...more,
  };
}

describe('the page of a report', () => {
  it('of a snapshot says what was done with it', () => {
    const entry = { db: 'default', collection: 'articles', name: 'daily_20260101', description: '', partitions: [] };
    const unknown = { created: null, location: '', rows: null, bytes: null, segments: null, pins: null };
    const done = { action: 'create', keeper: 'native', server: 'host:1', notes: [] } as const;
    const more = { task: 'SNAPSHOT', status: 'done', targets: [], error: null } as const;
    const page = reportPage(saved('books', { ...more, snapshot: { ...done, snapshot: { ...entry, ...unknown } } }));
    expect(page).toContain('Snapshot create done: &quot;daily_20260101&quot; of default.articles');
    expect(page).toContain('There were no rows to verify.');
    const pruned = [{ ...entry, ...unknown, dropped: true, frees: null }];
    expect(reportPage(saved('books', { ...more, snapshot: { ...done, action: 'prune', pruned } }))).toContain(
      '1 snapshot was dropped',
    );
  });

  it('of a backup says what files it has, and what compares them', () => {
    const tally = { files: 40, bytes: 1 << 20 };
    const backup: NonNullable<SavedReport['backup']> = {
      name: 'nightly',
      store: 'folder /b',
      strategy: 'storage',
      type: 'CLUSTER',
      base: 'before',
      linked: true,
      collections: 1,
      ...tally,
      copied: tally,
      from_base: tally,
      reused: tally,
      checksums: 30,
      left_out: [],
    };
    const { run } = saved();
    const page = reportPage(saved('books', { task: 'BACKUP', status: 'done', backup, run: { ...run, mode: null } }));
    for (const text of [
      '12,340 rows backed up from one collection',
      '30 of 40 have a checksum',
      'From &quot;before&quot;',
      'milvusdm backup verify --full',
    ])
      expect(page).toContain(text);
    expect(page).not.toContain('mode null');
  });

  it('says what moved, how it was proven, and where the time went', () => {
    const page = reportPage(saved());
    for (const text of [
      '12,340 rows moved into one target',
      'Done in part',
      '1 min 16 s',
      'ab'.repeat(16),
      'ROWS_QUARANTINED',
      '206',
    ])
      expect(page).toContain(text);
    expect(page).toMatch(/<svg .*<path class="curve"/s);
    expect(page).toContain('a random sample of rows, bit for bit');
  });

  it('lets no text of the report become markup', () => {
    const clean = reportPage(saved());
    const hostile = reportPage(saved(HOSTILE));
    const tags = (page: string): string[] => page.match(/<[a-z!/][^\s>]*/gi) ?? [];
    expect(tags(hostile)).toEqual(tags(clean));
    expect(hostile).not.toContain('<script');
    expect(hostile).not.toContain('\u0000');
    expect(hostile).toContain('&lt;script&gt;');
  });

  it('needs nothing but itself', () => {
    const page = reportPage(saved());
    expect(page).not.toMatch(/<(script|link|img|iframe|object)|@import|url\(|src=|href=/i);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'"`);
  });

  it.each([
    ['done', 'rows moved into one target'],
    ['skipped', 'Nothing was written'],
    ['failed', 'failed after 12,340 rows'],
    ['interrupted', 'interrupted after 12,340 rows'],
  ] as const)('of a run that is %s says so', (status, text) => {
    expect(reportPage(saved('x', { status }))).toContain(text);
  });

  it('of a run without a target, a warning or a moment of writing has none of their parts', () => {
    const { run } = saved();
    const none = {
      ...run,
      phases: [],
      throughput: { step_seconds: 1, rows: [], bytes: [] },
      collections: [],
      yaml: null,
    };
    const page = reportPage(saved('x', { status: 'failed', targets: [], warnings: [], error: null, run: none }));
    expect(page).toContain('failed before a row was written');
    for (const part of ['<svg', '<table', '<h2>Warnings', 'undefined', 'NaN', 'Infinity'])
      expect(page).not.toContain(part);
  });
});

describe('the chart', () => {
  it('shows the time of writing alone, in rows per second', () => {
    const svg = throughputChart({ step_seconds: 2, rows: [0, 0, 200, 400, 200, 0], bytes: [] })!.text;
    expect(svg).toContain('>200<');
    expect(svg).toContain('>4 s<');
    expect(svg).toContain('>10 s<');
    expect(svg).toContain('at most 200');
  });

  it('has no more points than a screen can show, and no number that is none', () => {
    const rows = Array.from({ length: 240 }, (_, i) => (i % 7) * 1e6 + 1);
    const svg = throughputChart({ step_seconds: 4096, rows, bytes: [] })!.text;
    expect(svg.match(/L/g)!.length).toBeLessThan(260);
    expect(svg).not.toMatch(/NaN|Infinity|-\d/);
  });

  it('does not show the bursts in which batches come as a saw', () => {
    const rows = Array.from({ length: 40 }, (_, i) => (i % 4 === 3 ? 0 : 250));
    const svg = throughputChart({ step_seconds: 0.25, rows, bytes: [] })!.text;
    const heights = [...svg.match(/class="curve" d="([^"]+)"/)![1]!.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map((m) => m[1]);
    expect(heights).toHaveLength(10);
    expect(new Set(heights.slice(0, -1)).size).toBe(1);
  });

  it('is left out where a line would need more moments', () => {
    for (const rows of [[], [0, 0], [5], [0, 5, 6, 0]]) {
      expect(throughputChart({ step_seconds: 1, rows, bytes: [] })).toBeUndefined();
    }
  });

  it.each([
    [0, 1],
    [0.3, 0.5],
    [1, 1],
    [1.1, 2],
    [37, 50],
    [99_999, 100_000],
    [100_000, 100_000],
    [123_456, 200_000],
  ])('its axis for %d ends at %d', (value, end) => {
    expect(roundUp(value)).toBeCloseTo(end);
  });
});

describe('markup', () => {
  it('escapes what is put in, and takes markup as it is', () => {
    expect(html`<b title="${'a"b'}">${'<i>'}${html`<u>${1}</u>`}${undefined}</b>`.text).toBe(
      '<b title="a&quot;b">&lt;i&gt;<u>1</u></b>',
    );
    expect(escapeHtml(`<>&"'\u0007`)).toBe('&lt;&gt;&amp;&quot;&#39;\ufffd');
  });

  it.each([
    [0.034, '0.03 s'],
    [1.25, '1.3 s'],
    [59.4, '59 s'],
    [59.7, '1 min 0 s'],
    [3599, '59 min 59 s'],
    [7260, '2 h 1 min'],
  ])('%d seconds are %s', (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });
});
