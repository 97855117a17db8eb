import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divideKeys, type KeyRange, type KeySurvey } from '../../../../src/adapters/milvus/key-ranges.js';
import { integerKeys, type Key, type KeySpace, textKeys } from '../../../../src/adapters/milvus/key-space.js';

interface Counted extends KeySurvey {
  readonly queries: number;
}

/** A server that holds these keys, as often as they are named. */
function surveyOf(space: KeySpace, keys: readonly Key[]): Counted {
  const sorted = keys.toSorted(space.compare);
  let queries = 0;
  /** Number of keys that are at most `key`. */
  const rank = (key: Key): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (space.compare(sorted[middle]!, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    get queries() {
      return queries;
    },
    async rowsUpTo(key) {
      queries++;
      return rank(key);
    },
    async nextKey(key) {
      queries++;
      return sorted[key === undefined ? 0 : rank(key)];
    },
  };
}

function inside(space: KeySpace, { after, upTo }: KeyRange, key: Key): boolean {
  return (
    (after === undefined || space.compare(key, after) > 0) && (upTo === undefined || space.compare(key, upTo) <= 0)
  );
}

/** Every key lies in exactly one range, and the ranges say how many they hold. */
function expectComplete(space: KeySpace, ranges: readonly KeyRange[], keys: readonly Key[]): void {
  const found = ranges.map((range) => keys.filter((key) => inside(space, range, key)).length);
  expect(found).toEqual(ranges.map((range) => range.rows));
  expect(found.reduce((sum, rows) => sum + rows, 0)).toBe(keys.length);
  expect(ranges[0]!.after).toBeUndefined();
  expect(ranges.at(-1)!.upTo).toBeUndefined();
  for (const [i, range] of ranges.entries()) if (i > 0) expect(range.after).toBe(ranges[i - 1]!.upTo);
}

/** Numbers from 0 to 1 that are the same in every run. */
function random(): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state / 2 ** 32;
  };
}

const ROWS = 20_000;
const LARGEST = 2n ** 63n - 2n;
const SMALLEST = -(2n ** 63n) + 1n;

function integers(make: (i: number, next: () => number) => bigint): bigint[] {
  const next = random();
  return Array.from({ length: ROWS }, (_, i) => make(i, next));
}

function word(next: () => number, letters: string, length: number): string {
  const characters = [...letters];
  return Array.from({ length }, () => characters[Math.floor(next() * characters.length)]!).join('');
}

function texts(make: (i: number, next: () => number) => string): string[] {
  const next = random();
  return Array.from({ length: ROWS }, (_, i) => make(i, next));
}

const INTEGERS: Readonly<Record<string, bigint[]>> = {
  'dense from 0': integers((i) => BigInt(i)),
  'dense and negative': integers((i) => BigInt(i) - 5_000_000n),
  'around zero': integers((i) => BigInt(i) - 10_000n),
  'over the whole of int64': integers((_, next) => BigInt.asIntN(64, BigInt(Math.floor(next() * 2 ** 52)) << 12n)),
  'time stamps with counters': integers((i) => (447_000_000_000n + BigInt(i >> 3)) * 262_144n + BigInt(i & 7)),
  'one at the far end, all others together': integers((i) => (i === 0 ? SMALLEST : 4n * 10n ** 17n + BigInt(i))),
  'both ends and the middle': integers((i) =>
    i % 3 === 0 ? SMALLEST + BigInt(i) : i % 3 === 1 ? LARGEST - BigInt(i) : BigInt(i),
  ),
  'thinning out by powers': integers((_, next) => BigInt(Math.floor(2 ** (next() * 60)))),
  'twelve clusters far from each other': integers((i) => BigInt(i % 12) ** 5n * 10n ** 13n + BigInt(i)),
  'clusters within clusters': integers(
    (i) => BigInt(i % 4) * 10n ** 18n + BigInt((i >> 2) % 4) * 10n ** 9n + BigInt(i),
  ),
};

const TEXTS: Readonly<Record<string, string[]>> = {
  'numbers with zeros in front': texts((i) => `user-${String(i).padStart(9, '0')}`),
  'plain numbers': texts((i) => String(i)),
  hexadecimal: texts((_, next) => word(next, '0123456789abcdef', 32)),
  'a long common beginning': texts((i) => `https://example.com/${'a/very/long/path/'.repeat(8)}${i}.jpg`),
  'several hosts': texts((i, next) => `https://${['a', 'photos', 'z'][i % 3]}.example/${word(next, 'abcxyz', 9)}`),
  'Chinese and emoji': texts((_, next) => word(next, '向量数据库迁移工具😀é', 8)),
  'control characters and quotes': texts((_, next) => word(next, '\u0001\t"\\\'%\u007f~ a', 9)),
};

describe.each([
  ['int64', integerKeys, INTEGERS],
  ['text', textKeys, TEXTS],
] as const)('%s keys', (_, space, sets) => {
  it.each(Object.keys(sets))('%s', async (name) => {
    const keys: readonly Key[] = (sets as Readonly<Record<string, readonly Key[]>>)[name]!;
    const survey = surveyOf(space, keys);
    const ranges = await divideKeys(space, survey, keys.length, 4);
    expectComplete(space, ranges, keys);
    expect(ranges).toHaveLength(4);
    const rows = ranges.map((range) => range.rows);
    expect(Math.max(...rows), rows.join(', ')).toBeLessThan((ROWS / 4) * 1.5);
    expect(survey.queries, rows.join(', ')).toBeLessThanOrEqual(96);
    const again = await divideKeys(space, surveyOf(space, keys.toReversed()), keys.length, 4);
    expect(again).toEqual(ranges);
  });
});

describe('divideKeys', () => {
  it('asks little where keys are dense', async () => {
    const survey = surveyOf(integerKeys, INTEGERS['dense from 0']!);
    await divideKeys(integerKeys, survey, ROWS, 4);
    expect(survey.queries).toBeLessThanOrEqual(12);
  });

  it('asks nothing for one range', async () => {
    const survey = surveyOf(integerKeys, [1n]);
    expect(await divideKeys(integerKeys, survey, 1, 1)).toEqual([{ rows: 1 }]);
    expect(survey.queries).toBe(0);
  });

  it('leaves the copies of a key together', async () => {
    const keys = [...Array.from({ length: 900 }, () => 7n), ...Array.from({ length: 100 }, (_, i) => BigInt(i) * 3n)];
    const ranges = await divideKeys(integerKeys, surveyOf(integerKeys, keys), keys.length, 4);
    expectComplete(integerKeys, ranges, keys);
    const same = Array.from({ length: 50 }, () => 'x');
    expect(await divideKeys(textKeys, surveyOf(textKeys, same), 50, 4)).toEqual([{ rows: 50 }]);
  });

  it('counts rows that no query finds in the last range', async () => {
    const keys = Array.from({ length: 1000 }, (_, i) => BigInt(i));
    const ranges = await divideKeys(integerKeys, surveyOf(integerKeys, keys), 1003, 4);
    expect(ranges.reduce((sum, range) => sum + range.rows, 0)).toBe(1003);
  });

  it('gives fewer ranges rather than asking on, where keys are nested deeply', async () => {
    const keys = texts((i) => 'ab'.repeat(1 + (i % 100)) + String.fromCodePoint(97 + (Math.floor(i / 100) % 26)));
    const survey = surveyOf(textKeys, keys);
    expectComplete(textKeys, await divideKeys(textKeys, survey, ROWS, 4), keys);
    expect(survey.queries).toBeLessThanOrEqual(97);
  });

  it('never loses a key, whatever the keys', async () => {
    const integer = fc.bigInt({ min: SMALLEST, max: LARGEST });
    const text = fc.string({ unit: 'binary', maxLength: 6 }).filter((value) => !/[\ud800-\udfff]/u.test(value));
    const parts = fc.integer({ min: 1, max: 9 });
    for (const [space, key] of [
      [integerKeys, integer],
      [textKeys, text],
    ] as const) {
      await fc.assert(
        fc.asyncProperty(fc.array(key as fc.Arbitrary<Key>, { maxLength: 60 }), parts, async (keys, count) => {
          const survey = surveyOf(space, keys);
          const ranges = await divideKeys(space, survey, keys.length, count);
          expectComplete(space, ranges, keys);
          expect(ranges.length).toBeLessThanOrEqual(count);
          expect(survey.queries).toBeLessThanOrEqual(32 * (count - 1) + 1);
        }),
        { numRuns: 150 },
      );
    }
  });
});
