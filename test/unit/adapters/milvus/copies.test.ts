import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countCopies } from '../../../../src/adapters/milvus/copies.js';
import { answerQuery, type FakeConnection, type FakeRow, fakeConnection } from './fake-connection.js';

const place = { collection: 'books', keyField: 'pk' };

/** Rows whose keys are 0, 1, 2... and occur so often. */
const rowsOf = (copies: readonly number[]): FakeRow[] =>
  copies.flatMap((n, key) =>
    Array.from({ length: n }, () => ({ key: BigInt(key), partition: '_default', vector: [1, 2] })),
  );
const keysOf = (copies: readonly number[]): bigint[] => copies.map((_, key) => BigInt(key));
const counted = (copies: readonly number[]): Map<bigint, number> =>
  new Map(copies.map((n, key): [bigint, number] => [BigInt(key), n]).filter(([, n]) => n > 0));

function serverOf(rows: readonly FakeRow[]): FakeConnection {
  return fakeConnection((call) => answerQuery(call, rows));
}

describe('countCopies', () => {
  it('counts the rows of each key, and leaves out those without', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(4), { maxLength: 60 }), async (copies) => {
        const found = await countCopies(serverOf(rowsOf(copies)), place, keysOf(copies));
        expect(found).toStrictEqual(counted(copies));
      }),
      { numRuns: 60 },
    );
  });

  it('asks little about keys that are not there, or there once', async () => {
    for (const [each, calls] of [
      [0, 1],
      [1, 2],
    ] as const) {
      const connection = serverOf(rowsOf(Array.from({ length: 2000 }, () => each)));
      await countCopies(connection, place, keysOf(Array.from({ length: 2000 }, () => each)));
      expect(connection.calls.filter((call) => call.method === 'Query')).toHaveLength(calls);
    }
  });

  it('counts keys with more copies than one answer has rows', async () => {
    const copies = [20_000, 3, 0, 17_000];
    expect(await countCopies(serverOf(rowsOf(copies)), place, keysOf(copies))).toStrictEqual(counted(copies));
  });

  it('counts again when rows come in between', async () => {
    const copies = [2, 2, 2, 2];
    for (let after = 1; after < 6; after++) {
      let asked = 0;
      const connection = fakeConnection((call) =>
        answerQuery(call, call.method === 'Query' && ++asked > after ? rowsOf(copies) : rowsOf([2, 2])),
      );
      const found = await countCopies(connection, place, keysOf(copies));
      expect([counted(copies), counted([2, 2])]).toContainEqual(found);
    }
  });

  it('gives up where the answers contradict each other again and again', async () => {
    let asked = 0;
    const connection = fakeConnection((call) => answerQuery(call, rowsOf(asked++ % 2 ? [2, 2, 2] : [1, 1])));
    await expect(countCopies(connection, place, keysOf([2, 2, 2]))).rejects.toMatchObject({ code: 'DST_UNFINISHED' });
  });
});
