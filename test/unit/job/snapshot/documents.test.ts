import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode } from '../../../../src/util/errors.js';

const ROOT = join(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/snapshots.md');
const TESTS = [
  'test/unit/job/snapshot/native.test.ts',
  'test/unit/job/snapshot/prune.test.ts',
  'test/unit/job/snapshot/verify.test.ts',
  'test/e2e/snapshot-native.test.ts',
  'test/e2e/snapshot-document.test.ts',
]
  .map(read)
  .join('\n');

/** The cells of a table's rows, below its head. */
function tableOf(head: string): string[][] {
  const [, table = ''] = PAGE.split(head);
  const rows = table.split('\n\n')[0]!.split('\n').slice(2);
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('docs/snapshots.md', () => {
  it('names a test for each row of the guide', () => {
    const rows = tableOf('| guide | milvusdm | test |');
    expect(rows.length).toBeGreaterThan(12);
    for (const [, , test = ''] of rows) expect(TESTS).toContain(test);
  });

  it('knows the codes of all errors about snapshots', () => {
    const rows = tableOf('| message | code | what to do |');
    const codes = rows.map(([, code = '']) => code as ErrorCode);
    const ours = Object.keys(ERROR_CODES).filter((code) => code.startsWith('SNAPSHOT_'));
    expect(codes.filter((code) => code.startsWith('SNAPSHOT_')).sort()).toEqual(ours.sort());
    for (const code of codes) expect(ERROR_CODES[code].exit).toBe(4);
  });
});
