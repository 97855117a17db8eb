import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { makeBatch } from '../../../src/batch/columns.js';
import { type BadRow, collectBadRows, idText } from '../../../src/job/bad-rows.js';
import { textColumn } from '../batch/support.js';
import { useStateFolder, vectorsFor, WITH_IDS, WITH_TEXT_IDS, WITHOUT_IDS } from './support.js';

const state = useStateFolder();

function bad(row: number, id: string | undefined = String(row)): BadRow {
  return { source: 'a.h5', row, id, reason: 'NaN' };
}

describe('without a quarantine', () => {
  it('rows are refused together, the first ten by name', async () => {
    await using rows = collectBadRows({ quarantine: false, limit: 5, jobId: 'j' });
    for (let row = 0; row < 12; row++) await rows.add(bad(row));
    expect(rows.count).toBe(12);
    expect(() => rows.check()).toThrow(
      expect.objectContaining({
        code: 'SRC_BAD_ROW',
        message: expect.stringMatching(
          /^12 rows cannot be stored: a\.h5 row 0 \(id 0\): NaN; .*row 9 \(id 9\): NaN; \.\.\.$/,
        ),
      }),
    );
    expect(rows.file).toBeUndefined();
    expect(existsSync(join(state.path, 'reports'))).toBe(false);
  });

  it('none is no error', async () => {
    await using rows = collectBadRows({ quarantine: false, limit: 5, jobId: 'j' });
    expect(() => rows.check()).not.toThrow();
  });

  it('a row without id is named by its number', async () => {
    await using rows = collectBadRows({ quarantine: false, limit: 5, jobId: 'j' });
    await rows.add({ source: 'b', row: 3, id: undefined, reason: 'infinity' });
    expect(() => rows.check()).toThrow('1 row cannot be stored: b row 3: infinity');
  });
});

describe('with a quarantine', () => {
  it('rows are set aside in a side file that the user alone can read', async () => {
    const rows = collectBadRows({ quarantine: true, limit: 3, jobId: 'abc123' });
    expect(rows.file).toBeUndefined();
    for (const row of [4, 5]) await rows.add(bad(row, `9007199254740993`));
    await rows.add({ source: 'a.h5', row: 6, id: undefined, reason: 'a "quoted"\nreason' });
    expect(() => rows.check()).not.toThrow();
    await rows[Symbol.asyncDispose]();
    expect(dirname(rows.file!)).toBe(join(state.path, 'reports'));
    expect(rows.file).toMatch(/abc123-.*\.quarantine\.jsonl$/);
    expect(statSync(rows.file!).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(rows.file!)).mode & 0o777).toBe(0o700);
    const lines = readFileSync(rows.file!, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toStrictEqual([
      { source: 'a.h5', row: 4, id: '9007199254740993', reason: 'NaN' },
      { source: 'a.h5', row: 5, id: '9007199254740993', reason: 'NaN' },
      { source: 'a.h5', row: 6, reason: 'a "quoted"\nreason' },
    ]);
  });

  it('more rows than its limit are refused, with the number', async () => {
    await using rows = collectBadRows({ quarantine: true, limit: 2, jobId: 'j' });
    await rows.add(bad(1));
    await rows.add(bad(2));
    await expect(rows.add(bad(3))).rejects.toMatchObject({
      code: 'SRC_BAD_ROW',
      message: expect.stringContaining('more than 2 rows (quarantine_limit)'),
    });
  });

  it('without bad rows makes no file', async () => {
    await using rows = collectBadRows({ quarantine: true, limit: 2, jobId: 'j' });
    expect(rows.count).toBe(0);
    expect(existsSync(join(state.path, 'reports'))).toBe(false);
  });

  it('of several runs makes several files', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const files = new Set<string>();
    for (let run = 0; run < 3; run++) {
      vi.setSystemTime(1_700_000_000_000 + run);
      await using rows = collectBadRows({ quarantine: true, limit: 2, jobId: 'same' });
      await rows.add(bad(run));
      files.add(rows.file!);
    }
    vi.useRealTimers();
    expect(files.size).toBe(3);
  });
});

describe('idText', () => {
  it('gives integers exactly, text as it is, nothing without a key', () => {
    const numbers = makeBatch(WITH_IDS, 2, [BigInt64Array.of(0n, -(2n ** 63n)), vectorsFor(2)]);
    expect(idText(numbers, 1)).toBe('-9223372036854775808');
    expect(idText(numbers.slice(1, 2), 0)).toBe('-9223372036854775808');
    expect(idText(makeBatch(WITH_TEXT_IDS, 1, [textColumn(['é']), vectorsFor(1)]), 0)).toBe('é');
    expect(idText(makeBatch(WITHOUT_IDS, 1, [vectorsFor(1)]), 0)).toBeUndefined();
  });
});
