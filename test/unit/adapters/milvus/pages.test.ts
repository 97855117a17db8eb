import { describe, expect, it } from 'vitest';
import type { KeyRange } from '../../../../src/adapters/milvus/key-ranges.js';
import type { Key } from '../../../../src/adapters/milvus/key-space.js';
import {
  allOf,
  fromCursor,
  type PageRequest,
  type PagesOptions,
  rangeExpression,
  readPages,
  toCursor,
} from '../../../../src/adapters/milvus/pages.js';
import { rawColumn } from '../../../../src/batch/columns.js';
import type { FieldSpec } from '../../../../src/batch/fields.js';
import type { QueryAnswer } from '../../../../src/milvus/decode-query.js';
import { fail } from '../../../../src/util/errors.js';
import { schemaOf, textColumn } from '../../batch/support.js';

const KEY: FieldSpec = { name: 'id', type: 'INT64', primaryKey: true };
const TEXT: FieldSpec = { name: 'text', type: 'VARCHAR', maxLength: 1000 };
const STATUS = { legacyCode: 0, code: 0, reason: '', retriable: false };

interface Row {
  readonly id: bigint;
  readonly text: string;
}

function answerOf(rows: readonly Row[]): QueryAnswer {
  const columns = [
    { name: 'text', width: 1, values: textColumn(rows.map((row) => row.text)) },
    { name: 'id', width: 1, values: BigInt64Array.from(rows, (row) => row.id) },
  ];
  return { status: STATUS, columns, rows: rows.length, bytes: 0 };
}

/** A server of these rows, which it gives in the order in which they are listed. */
function serverOf(rows: readonly Row[]): { asked: PageRequest[]; ask: PagesOptions['ask'] } {
  const asked: PageRequest[] = [];
  return {
    asked,
    async ask(request) {
      asked.push(request);
      const after = /id > (-?\d+)/.exec(request.expression)?.[1];
      const left = rows.filter((row) => after === undefined || row.id > BigInt(after));
      return answerOf(left.slice(0, request.limit));
    },
  };
}

const ROWS: readonly Row[] = Array.from({ length: 100 }, (_, i) => ({ id: BigInt(i) - 50n, text: 'x'.repeat(i % 7) }));

function optionsFor(ask: PagesOptions['ask'], more: Partial<PagesOptions> = {}): PagesOptions {
  const range = { rows: ROWS.length };
  return {
    key: KEY,
    schema: schemaOf(KEY, TEXT),
    range,
    filter: undefined,
    maxBytes: 2000,
    source: 'c/p',
    ask,
    ...more,
  };
}

async function keysOf(options: PagesOptions): Promise<bigint[]> {
  const keys: bigint[] = [];
  for await (const { batch } of readPages(options)) keys.push(...(rawColumn(batch, 0).values as BigInt64Array));
  return keys;
}

describe('readPages', () => {
  it('begins with few rows where their length is not known, and asks for more once it is', async () => {
    const { asked, ask } = serverOf(ROWS);
    expect(await keysOf(optionsFor(ask))).toEqual(ROWS.map((row) => row.id));
    const limits = asked.map((request) => request.limit);
    expect(limits.slice(0, 3)).toEqual([1, 4, 16]);
    expect(Math.max(...limits)).toBeGreaterThan(100);
  });

  it('asks for less where the server refuses a page, down to one row', async () => {
    const { asked, ask } = serverOf(ROWS);
    const refusing: PagesOptions['ask'] = (request) =>
      request.limit > 3 ? Promise.reject(fail('DST_REFUSED', 'too large')) : ask(request);
    expect(await keysOf(optionsFor(refusing, { maxBytes: 1 << 20 }))).toHaveLength(100);
    expect(asked.every((request) => request.limit <= 3)).toBe(true);
    const never = (): Promise<QueryAnswer> => Promise.reject(fail('DST_REFUSED', 'no'));
    await expect(keysOf(optionsFor(never))).rejects.toMatchObject({ code: 'DST_REFUSED' });
  });

  it('does not repeat what failed for another reason', async () => {
    let calls = 0;
    const ask = (): Promise<QueryAnswer> => {
      calls++;
      return Promise.reject(fail('NET_UNAVAILABLE', 'gone'));
    };
    await expect(keysOf(optionsFor(ask))).rejects.toMatchObject({ code: 'NET_UNAVAILABLE' });
    expect(calls).toBe(1);
  });

  it.each([
    ['within a page', [...ROWS.slice(0, 10), ...ROWS.slice(10, 20).reverse(), ...ROWS.slice(20)]],
    ['from one page to the next', ROWS],
  ])('refuses a server that does not sort %s', async (_, rows) => {
    const { ask } = serverOf(rows);
    const lying: PagesOptions['ask'] = (request) =>
      /> 34$/.test(request.expression) ? Promise.resolve(answerOf([ROWS[3]!])) : ask(request);
    await expect(keysOf(optionsFor(lying))).rejects.toMatchObject({ code: 'SRC_UNREADABLE' });
  });

  it.each([
    ['a page that goes beyond what was counted', 98],
    ['a page behind what was counted', 50],
  ])('notices new rows by %s', async (_, rows) => {
    const { ask } = serverOf(ROWS);
    // 50 rows end exactly with a page of 1 + 4 + 16 rows and 29 more; 98 end inside one.
    const bounded: PagesOptions['ask'] = (request) => ask({ ...request, limit: Math.min(request.limit, 29) });
    const reading = keysOf(optionsFor(bounded, { range: { rows } }));
    await expect(reading).rejects.toMatchObject({
      code: 'SRC_CHANGED',
      message: expect.stringContaining(`the ${rows}`),
    });
  });

  it('asks for the key also where it is not among the columns, and gives only what was asked for', async () => {
    const { asked, ask } = serverOf(ROWS);
    const batches: string[][] = [];
    for await (const { batch } of readPages(optionsFor(ask, { schema: schemaOf(TEXT) })))
      batches.push(batch.schema.fields.map((field) => field.name));
    expect(new Set(batches.flat())).toEqual(new Set(['text']));
    expect(asked[0]!.fields).toEqual(['id', 'text']);
  });

  it('gives up the page that is under way when it is left', async () => {
    const { asked, ask } = serverOf(ROWS);
    for await (const { firstRow } of readPages(optionsFor(ask))) if (firstRow >= 5) break;
    expect(asked.at(-1)!.signal.aborted).toBe(true);
  });
});

describe('cursors and expressions', () => {
  it.each<[number, Key]>([
    [0, -5n],
    [17, 2n ** 63n - 2n],
    [3, ''],
    [4, '7:"\n:'],
  ])('a cursor of row %i and key %s comes back', (rows, key) => {
    const cursor = JSON.parse(JSON.stringify(toCursor(rows, key))) as string;
    expect(fromCursor(cursor, typeof key === 'string')).toEqual({ rows, key });
  });

  it.each(['', '5', 'x:5', '5:abc', ':5'])('"%s" is no cursor of an int64 key', (text) => {
    expect(() => fromCursor(text, false)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('names both ends of a range, and all of it by what an expression can name', () => {
    const of = (key: FieldSpec, range: Omit<KeyRange, 'rows'>, last?: Key): string => rangeExpression(key, range, last);
    expect(of(KEY, {})).toBe('id < 9223372036854775807');
    expect(of(TEXT, {})).toBe('text >= ""');
    expect(of(KEY, { after: -5n, upTo: 7n })).toBe('id > -5 && id <= 7');
    expect(of(KEY, { after: -5n, upTo: 7n }, 3n)).toBe('id > 3 && id <= 7');
    expect(of(TEXT, { upTo: 'a"\\\n' })).toBe('text <= "a\\"\\\\\\n"');
    expect(allOf('a > 1', undefined, 'b || c')).toBe('(a > 1) && (b || c)');
    expect([allOf('a > 1', ''), allOf()]).toEqual(['a > 1', '']);
  });
});
