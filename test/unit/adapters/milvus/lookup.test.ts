import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyPartition, findRows, keyLiteral, type Lookup, nextKey } from '../../../../src/adapters/milvus/lookup.js';
import { LARGEST, SMALLEST } from '../../batch/support.js';
import { protoDecode, protoEncode } from '../../milvus/proto.js';
import { answerQuery, type FakeConnection, type FakeRow, fakeConnection } from './fake-connection.js';

const row = (key: bigint | string, vector: readonly number[] = [1, 2], partition = '_default'): FakeRow => ({
  key,
  partition,
  vector,
});

/** A fake server over these rows, which deletions change. */
function serverOf(rows: FakeRow[]): FakeConnection {
  return fakeConnection((call) => answerQuery(call, rows));
}

const expressionsOf = (connection: FakeConnection): string[] =>
  connection.calls.map((call) => String(protoDecode('QueryRequest', call.request).expr ?? ''));

describe('nextKey', () => {
  /** Milvus finds neither end of int64 by a query. */
  const queryable = fc.bigInt({ min: SMALLEST + 2n, max: LARGEST - 1n });

  it('is the largest key plus one, wherever that lies', async () => {
    const interesting = fc.constantFrom(0n, 1n, -1n, 2n ** 53n, 2n ** 53n + 1n, LARGEST - 1n, SMALLEST + 2n);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(queryable, interesting), { minLength: 1, maxLength: 5 }), async (keys) => {
        const largest = keys.reduce((a, b) => (a > b ? a : b));
        expect(await nextKey(serverOf(keys.map((key) => row(key))), 'books', 'pk')).toBe(largest + 1n);
      }),
      { numRuns: 40 },
    );
  });

  it('is 0 for a collection without rows, after one question', async () => {
    const connection = serverOf([]);
    expect(await nextKey(connection, 'books', 'pk')).toBe(0n);
    expect(connection.calls).toHaveLength(1);
  });

  it('asks no more than 65 times', async () => {
    const connection = serverOf([row(12_345n)]);
    await nextKey(connection, 'books', 'pk');
    expect(connection.calls.length).toBeLessThanOrEqual(65);
    expect(expressionsOf(connection).every((e) => /^pk > -?\d+$/.test(e))).toBe(true);
  });
});

describe('findRows', () => {
  const lookup: Lookup = {
    collection: 'books',
    keyField: 'pk',
    fields: [{ source: 'embedding', target: 'vec', type: 'FLOAT_VECTOR' }],
    rowBytes: 16,
  };
  const bytes = (...numbers: number[]): Uint8Array => new Uint8Array(Float32Array.from(numbers).buffer);

  it('gives the rows under the names of the source', async () => {
    const connection = serverOf([row(1n, [1, 2]), row(2n, [3, 4]), row(3n, [5, 6])]);
    expect(await findRows(connection, lookup, [3n, 1n, 99n])).toStrictEqual([
      { key: 1n, values: new Map([['embedding', bytes(1, 2)]]) },
      { key: 3n, values: new Map([['embedding', bytes(5, 6)]]) },
    ]);
  });

  it('looks in one partition when told so', async () => {
    const connection = serverOf([row(1n, [1, 2], 'p'), row(1n, [3, 4], 'q')]);
    const found = await findRows(connection, { ...lookup, partition: 'q' }, [1n]);
    expect(found).toStrictEqual([{ key: 1n, values: new Map([['embedding', bytes(3, 4)]]) }]);
  });

  it('finds text keys with any characters', async () => {
    const keys = ['a', 'quo"te', 'back\\slash', 'é', '', 'new\nline'];
    const found = await findRows(serverOf(keys.map((key) => row(key))), lookup, keys);
    expect(found.map((r) => r.key)).toStrictEqual(keys);
  });

  it('asks for many keys in parts, for large rows a few at a time', async () => {
    const rows = Array.from({ length: 450 }, (_, i) => row(BigInt(i)));
    const keys = rows.map((r) => r.key);
    const connection = serverOf(rows);
    expect(await findRows(connection, lookup, keys)).toHaveLength(450);
    expect(connection.calls).toHaveLength(3);
    const large = serverOf(rows);
    expect(await findRows(large, { ...lookup, rowBytes: 1024 * 1024 }, keys.slice(0, 10))).toHaveLength(10);
    expect(large.calls).toHaveLength(3);
    const huge = serverOf(rows);
    expect(await findRows(huge, { ...lookup, rowBytes: 1e9 }, keys.slice(0, 3))).toHaveLength(3);
    expect(huge.calls).toHaveLength(3);
  });

  it('finds every key where there are copies', async () => {
    const rows = Array.from({ length: 90 }, (_, i) => row(BigInt(Math.floor(i / 3)), [i, i]));
    const keys = [...new Set(rows.map((r) => r.key))];
    expect((await findRows(serverOf(rows), lookup, keys)).map((r) => r.key)).toStrictEqual(keys);
  });

  it('of no keys asks nothing', async () => {
    const connection = serverOf([row(1n)]);
    expect(await findRows(connection, lookup, [])).toStrictEqual([]);
    expect(connection.calls).toHaveLength(0);
  });

  it('refuses an answer that lacks a field', async () => {
    const field = { field_name: 'pk', scalars: { long_data: { data: [1] } } };
    const connection = fakeConnection(() => protoEncode('QueryResults', { fields_data: [field] }));
    await expect(findRows(connection, lookup, [1n])).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('"vec"'),
    });
  });

  it('throws what the server refuses', async () => {
    const connection = fakeConnection(() =>
      protoEncode('QueryResults', { status: { code: 101, reason: 'collection not loaded' } }),
    );
    await expect(findRows(connection, lookup, [1n])).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('collection not loaded'),
    });
  });
});

describe('emptyPartition', () => {
  /** Empties partition p of these rows by expressions that it is given; tells how many deletions it took. */
  async function empty(rows: FakeRow[], text = false): Promise<number> {
    let deletions = 0;
    const connection = serverOf(rows);
    await emptyPartition(connection, 'books', 'p', { name: 'pk', text }, async (expression) => {
      deletions++;
      const keys = new Set(expression.match(/"(?:[^"\\]|\\.)*"|-?\d+/g));
      for (let i = rows.length - 1; i >= 0; i--) {
        const { key, partition } = rows[i]!;
        if (partition === 'p' && keys.has(keyLiteral(key))) rows.splice(i, 1);
      }
    });
    return deletions;
  }

  it('deletes the rows of that partition, page by page', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => row(BigInt(i - 10_000), [0, 0], 'p'));
    rows.push(row(5n, [0, 0], 'q'));
    expect(await empty(rows)).toBe(3);
    expect(rows).toStrictEqual([row(5n, [0, 0], 'q')]);
  });

  it('deletes text keys', async () => {
    const rows = [row('', [0, 0], 'p'), row('a"b', [0, 0], 'p')];
    await empty(rows, true);
    expect(rows).toStrictEqual([]);
  });

  it('of an empty partition does nothing', async () => {
    expect(await empty([])).toBe(0);
  });

  it('ends when the server does not delete what it was told to', async () => {
    const connection = serverOf([row(7n, [0, 0], 'p')]);
    const key = { name: 'pk', text: false };
    await expect(emptyPartition(connection, 'books', 'p', key, async () => {})).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('still there after they were deleted'),
    });
  });

  it('says so when rows remain that no query finds', async () => {
    const rows = [row(SMALLEST, [0, 0], 'p'), row(7n, [0, 0], 'p')];
    await expect(empty(rows)).rejects.toMatchObject({
      code: 'DST_REFUSED',
      message: expect.stringContaining('1 rows of partition "p"'),
    });
  });
});

it('a key stands in an expression as a number or as a quoted text', () => {
  expect([5n, -(2n ** 63n), 'a', 'q"\\\n'].map(keyLiteral)).toStrictEqual([
    '5',
    '-9223372036854775808',
    '"a"',
    '"q\\"\\\\\\n"',
  ]);
});
