import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeBatch, type RawColumn, rawColumn } from '../../../src/batch/columns.js';
import {
  createDuplicateFinder,
  type DuplicatePolicy,
  type DuplicateReport,
  type FinderOptions,
} from '../../../src/job/duplicates.js';
import { int64, LARGEST, SMALLEST, schemaOf, textColumn } from '../batch/support.js';
import { KEY, TEXT_KEY } from './support.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'milvusdm-duplicates-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

type Id = bigint | string;

function columnOf(ids: readonly Id[]): RawColumn {
  const text = typeof ids[0] === 'string';
  const values = text ? textColumn(ids as string[]) : BigInt64Array.from(ids as bigint[]);
  return rawColumn(makeBatch(schemaOf(text ? TEXT_KEY : KEY), ids.length, [values]), 0);
}

/** Runs the finder over the ids, dealt out in batches of this size. */
async function find(
  ids: readonly Id[],
  policy: DuplicatePolicy = 'keep',
  o: FinderOptions & { step?: number } = {},
): Promise<DuplicateReport> {
  const step = o.step ?? 1000;
  await using finder = await createDuplicateFinder({ folder, ...o });
  for (let at = 0; at < ids.length; at += step) await finder.add(columnOf(ids.slice(at, at + step)), at);
  return await finder.finish(ids.length, policy);
}

/** The same by a table of all ids. */
function bruteForce(
  ids: readonly Id[],
  policy: DuplicatePolicy,
): { extraRows: number; ids: number; first: (readonly [Id, number[]])[]; losers: number[] } {
  const rows = new Map<Id, number[]>();
  for (const [row, id] of ids.entries()) rows.set(id, [...(rows.get(id) ?? []), row]);
  const repeated = [...rows].filter(([, copies]) => copies.length > 1);
  const losers = repeated.flatMap(([, copies]) =>
    policy === 'first' ? copies.slice(1) : policy === 'last' ? copies.slice(0, -1) : [],
  );
  return {
    extraRows: repeated.reduce((sum, [, copies]) => sum + copies.length - 1, 0),
    ids: repeated.length,
    first: repeated.slice(0, 10).map(([id, copies]) => [id, copies.slice(0, 10)] as const),
    losers: losers.sort((a, b) => a - b),
  };
}

function losersOf(report: DuplicateReport, rows: number): number[] {
  return Array.from({ length: rows }, (_, row) => row).filter((row) => report.losers?.has(row));
}

function expectSame(report: DuplicateReport, ids: readonly Id[], policy: DuplicatePolicy): void {
  const expected = bruteForce(ids, policy);
  const { extraRows, ids: repeated, first } = report;
  expect({ extraRows, ids: repeated }).toStrictEqual({ extraRows: expected.extraRows, ids: expected.ids });
  const names = expected.first.map(([id, rows]) => (typeof id === 'string' ? `text id of row ${rows[0]}` : String(id)));
  expect(first.map((d) => d.id)).toStrictEqual(names);
  expect(first.map((d) => d.rows)).toStrictEqual(expected.first.map(([, rows]) => rows));
  expect(losersOf(report, ids.length)).toStrictEqual(expected.losers);
  expect(report.losers?.count ?? 0).toBe(expected.losers.length);
  expect(report.losers !== undefined).toBe(policy === 'first' || policy === 'last');
}

const POLICIES = fc.constantFrom<DuplicatePolicy>('keep', 'first', 'last', 'error');
/** Few different ids, so that many repeat, and some that stand alone. */
const INTEGERS = fc.array(
  fc.oneof(fc.bigInt({ min: -20n, max: 20n }), fc.constantFrom(LARGEST, SMALLEST, 2n ** 53n, 2n ** 53n + 1n), int64()),
  { maxLength: 150 },
);
const TEXTS = fc.array(fc.oneof(fc.string({ maxLength: 2 }), fc.string({ unit: 'grapheme', maxLength: 12 })), {
  maxLength: 150,
});

describe('the finder of duplicates', () => {
  it('agrees with a table of all ids, for every policy', async () => {
    await fc.assert(
      fc.asyncProperty(INTEGERS, POLICIES, fc.integer({ min: 1, max: 60 }), async (ids, policy, step) => {
        expectSame(await find(ids, policy, { step }), ids, policy);
      }),
      { numRuns: 25 },
    );
  });

  it('agrees for text ids', async () => {
    await fc.assert(
      fc.asyncProperty(TEXTS, POLICIES, fc.integer({ min: 1, max: 60 }), async (ids, policy, step) => {
        expectSame(await find(ids, policy, { step }), ids, policy);
      }),
      { numRuns: 15 },
    );
  });

  it.each(['first', 'last'] as const)('agrees when files are dealt out again (%s)', async (policy) => {
    // 2,000 rows in 128 files of which 20 entries fit, with ids that share their low or their high bits.
    const ids = Array.from({ length: 2000 }, (_, row) => {
      const spread = BigInt((row * 7919) % 900);
      return row % 3 === 0 ? spread << 40n : row % 3 === 1 ? -spread : spread * 128n;
    });
    expectSame(await find(ids, policy, { bucketEntries: 20 }), ids, policy);
  });

  it.each(['first', 'last'] as const)('counts an id that fills its file whatever is dealt out (%s)', async (policy) => {
    const ids = Array.from({ length: 9000 }, (_, row) => (row % 9 === 0 ? BigInt(row) : 42n));
    expectSame(await find(ids, policy, { bucketEntries: 50 }), ids, policy);
  });

  it('keeps what is written out in the course of many rows', async () => {
    // More than the 1,024 entries that one file's buffer takes.
    const ids = Array.from({ length: 300_000 }, (_, row) => (row === 299_999 ? 5n : BigInt(row)));
    const report = await find(ids, 'last', { step: 50_000 });
    expect(report).toMatchObject({ extraRows: 1, ids: 1, first: [{ id: '5', rows: [5, 299_999] }] });
    expect(losersOf(report, 300_000)).toStrictEqual([5]);
  });

  it('finds nothing among ids that differ, and nothing in nothing', async () => {
    const none = { extraRows: 0, ids: 0, first: [] };
    expect(await find(Array.from({ length: 500 }, (_, i) => BigInt(i) - 250n))).toStrictEqual(none);
    expect(await find([])).toStrictEqual(none);
  });

  it('numbers the rows by what it is told', async () => {
    await using finder = await createDuplicateFinder({ folder });
    await finder.add(columnOf([1n, 2n]), 100);
    await finder.add(columnOf([2n, 3n]), 1000);
    expect((await finder.finish(2000, 'keep')).first).toStrictEqual([{ id: '2', rows: [101, 1000] }]);
  });

  it('reads sliced columns', async () => {
    const batch = makeBatch(schemaOf(TEXT_KEY), 5, [textColumn(['x', 'a', 'b', 'a', 'x'])]).slice(1, 4);
    await using finder = await createDuplicateFinder({ folder });
    await finder.add(rawColumn(batch, 0), 0);
    expect(await finder.finish(3, 'keep')).toMatchObject({ extraRows: 1, first: [{ rows: [0, 2] }] });
  });
});

describe('its files', () => {
  it('can be read by the user alone, and are gone afterwards', async () => {
    const finder = await createDuplicateFinder({ folder });
    await finder.add(columnOf(Array.from({ length: 5000 }, (_, i) => BigInt(i % 100))), 0);
    const [inside] = readdirSync(folder);
    expect(statSync(join(folder, inside!)).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(folder, inside!))) {
      expect(statSync(join(folder, inside!, file)).mode & 0o777).toBe(0o600);
    }
    await finder.finish(5000, 'keep');
    expect(readdirSync(join(folder, inside!))).toStrictEqual([]);
    await finder[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toStrictEqual([]);
  });

  it('are gone, and closed, when the search is given up', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    const finder = await createDuplicateFinder({ folder });
    await finder.add(columnOf([1n, 1n]), 0);
    expect(open()).toBeGreaterThan(before + 100);
    await finder[Symbol.asyncDispose]();
    expect(readdirSync(folder)).toStrictEqual([]);
    expect(open()).toBeLessThan(before + 10);
  });

  it('fail where they cannot be made', async () => {
    await expect(createDuplicateFinder({ folder: join(folder, 'missing') })).rejects.toThrow('ENOENT');
  });

  it('that were taken away are an error of the search, not of the process', async () => {
    const finder = await createDuplicateFinder({ folder });
    await finder.add(columnOf([1n, 1n]), 0);
    rmSync(join(folder, readdirSync(folder)[0]!), { recursive: true });
    await expect(finder.finish(2, 'keep')).rejects.toThrow('ENOENT');
    await finder[Symbol.asyncDispose]();
  });
});
