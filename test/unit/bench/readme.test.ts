import { expect, test } from 'vitest';
import { type PartRun, withResults } from '../../../bench/lib/readme.js';

const run = (value: number, part = 'insert'): PartRun => ({
  part,
  date: '2026-01-02',
  quick: false,
  repetitions: 3,
  machine: { cores: 2, memoryGiB: 24, versions: { node: 'v20' } },
  load: { before: 0.1, after: 2 },
  results: [{ section: part, name: 'speed', value, unit: 'rows/s', target: { at: 'least', value: 10 } }],
});

test('a part is put at the end, and later in its own place', () => {
  const first = withResults(withResults('# Benchmark\n', run(5)), run(7, 'legacy'));
  const again = withResults(first, run(20));
  expect(first.indexOf('### insert')).toBeGreaterThan(0);
  expect(first.indexOf('### legacy')).toBeGreaterThan(first.indexOf('### insert'));
  expect(first).toContain('MISSED');
  expect(again.match(/### insert/g)).toHaveLength(1);
  expect(again.indexOf('### legacy')).toBeGreaterThan(again.indexOf('### insert'));
  expect(again.startsWith('# Benchmark\n\n')).toBe(true);
  expect(again).toContain('2026-01-02, 3 repetitions, load 0.1 before and 2 after; 2 cores');
  expect(withResults(again, run(20))).toBe(again);
});
