import { afterEach, expect, it, vi } from 'vitest';
import type { CollectionRestore } from '../../../../src/job/restore/collection.js';
import { insertRows } from '../../../../src/job/restore/insert.js';
import { executeRun } from '../../../../src/job/run.js';
import { CONFIG, collection, item } from './support.js';

vi.mock('../../../../src/job/run.js', () => ({ executeRun: vi.fn() }));
const run = vi.mocked(executeRun);
afterEach(() => {
  run.mockReset();
});

const REPORT = { error: null, warnings: [], targets: [{ rows_written: 7 }, { rows_written: 5 }] };

/** A run that tells of 7 and then 12 rows, and ends like this. */
function ends(report: object): void {
  run.mockImplementation(async (...[, , , emit]) => {
    emit({ type: 'phase', phase: 'write' });
    for (const done of [7, 12]) emit({ type: 'progress', phase: 'write', done, total: 12, bytes: done });
    return { ...REPORT, ...report } as never;
  });
}

function insert(): { done: Promise<number>; rows: number[]; warned: string[] } {
  const rows: number[] = [];
  const warned: string[] = [];
  const o = {
    item: item(collection('books')),
    config: { ...CONFIG, verify: 'full', shards: 3 },
    job: 'job',
    content: { adapter: 'backup', storage: CONFIG.store, name: 'b', db: 'default', select: { books: null } },
    signal: new AbortController().signal,
    log: () => {},
    warn: (text: string) => warned.push(text),
    onRows: (count: number) => rows.push(count),
  } as unknown as CollectionRestore;
  return { done: insertRows(o, 'made'), rows, warned };
}

it('appends to the collection that was made, and tells of rows and of what is to be known', async () => {
  ends({ warnings: ['ids repeat'] });
  const { done, rows, warned } = insert();
  expect(await done).toBe(12);
  expect([rows, warned]).toEqual([[7, 5], ['ids repeat']]);
  const [config, , , , place] = run.mock.calls[0]!;
  expect(config).toMatchObject({ task: 'M2M', mode: 'append', collectionMap: { books: 'made' } });
  expect(config.parameter).toMatchObject({ index: 'none', load: false });
  expect(config.parameter).not.toHaveProperty('shards');
  await using ledger = (await place!.open()).ledger;
  expect(ledger.transient).toBe(true);
});

it.each([
  ['DST_REFUSED', 'Shorten it.'],
  ['NET_UNAVAILABLE', 'Run the same command again once the server answers'],
])('takes rows back that were told of when it fails, and says what to do (%s)', async (code, hint) => {
  ends({ error: { code, message: 'went wrong', hint: 'Shorten it.' }, warnings: ['"books" failed'] });
  const { done, rows, warned } = insert();
  await expect(done).rejects.toMatchObject({ code, message: 'went wrong', hint: expect.stringContaining(hint) });
  expect([rows, warned]).toEqual([[7, 5, -12], []]);
});

it('ends as stopped where the run was stopped', async () => {
  ends({ error: { code: 'INTERRUPTED', message: 'stopped', hint: 'x' } });
  await expect(insert().done).rejects.toMatchObject({ code: 'INTERRUPTED' });
});
