import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { choose, globMatches, isGlob, type Selection } from '../../../src/config/selection.js';
import { MilvusdmError } from '../../../src/util/errors.js';
import { cpuMs } from '../../support/cpu.js';

const OFFERS = [
  { name: 'books', partitions: ['_default', '2021-03', '2021-04', 'draft'] },
  { name: 'bookmarks', partitions: ['_default'] },
  { name: 'films', partitions: ['_default', 'draft', 'a*b'] },
];

function chosen(select: Selection, exclude?: Selection): Record<string, readonly string[]> {
  return Object.fromEntries(choose(OFFERS, select, exclude).chosen.map(({ name, partitions }) => [name, partitions]));
}

function refusal(select: Selection, exclude?: Selection): MilvusdmError {
  try {
    choose(OFFERS, select, exclude);
  } catch (thrown) {
    if (thrown instanceof MilvusdmError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}

describe('globs', () => {
  it.each([
    ['*', '', true],
    ['*', 'a', true],
    ['', '', true],
    ['', 'a', false],
    ['?', '', false],
    ['?', '中', true],
    ['?', '😀', true],
    ['??', '😀', false],
    ['a*', 'a', true],
    ['a*', 'ba', false],
    ['*a', 'ba', true],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['a?c', 'abc', true],
    ['a.c', 'abc', false],
    ['A', 'a', false],
    ['*/x', 'dir/x', true],
    ['[ab]', 'a', false],
  ])('%j against %j: %s', (glob, name, expected) => {
    expect(globMatches(glob, name)).toBe(expected);
  });

  it('agree with regular expressions', () => {
    const text = fc.stringMatching(/^[ab*?]{0,8}$/);
    fc.assert(
      fc.property(text, fc.stringMatching(/^[ab]{0,8}$/), (glob, name) => {
        const pattern = glob.replaceAll('*', '.*').replaceAll('?', '.');
        expect(globMatches(glob, name)).toBe(new RegExp(`^${pattern}$`).test(name));
      }),
      { numRuns: 1000 },
    );
  });

  it('take no time that grows with the number of stars', () => {
    const began = cpuMs();
    expect(globMatches(`${'*a'.repeat(50)}b`, 'a'.repeat(5000))).toBe(false);
    expect(cpuMs() - began).toBeLessThan(1000);
  });

  it('are told by their characters', () => {
    expect(['a', 'a-b', ''].map(isGlob)).toEqual([false, false, false]);
    expect(['*', 'a?', 'a*b'].map(isGlob)).toEqual([true, true, true]);
  });
});

describe('a selection', () => {
  it.each<[string, Selection, Record<string, readonly string[]>]>([
    ['null is all partitions', { books: null }, { books: ['_default', '2021-03', '2021-04', 'draft'] }],
    ['all', { '*': null }, Object.fromEntries(OFFERS.map(({ name, partitions }) => [name, partitions]))],
    ['names of partitions', { books: ['draft', '2021-03'] }, { books: ['2021-03', 'draft'] }],
    ['globs of partitions', { books: ['2021-*'] }, { books: ['2021-03', '2021-04'] }],
    [
      'the default partition by either name',
      { books: [''], films: ['_default'] },
      { books: ['_default'], films: ['_default'] },
    ],
    [
      'several patterns on one collection',
      { books: ['draft'], 'b*': ['_default'] },
      { books: ['_default', 'draft'], bookmarks: ['_default'] },
    ],
    ['a glob leaves out what has no such partition', { '*': ['draft'] }, { books: ['draft'], films: ['draft'] }],
    ['a name with a star in it', { films: ['a*b'] }, { films: ['a*b'] }],
    [
      'the order of the source',
      { films: null, 'book?': ['_default'] },
      { books: ['_default'], films: ['_default', 'draft', 'a*b'] },
    ],
  ])('%s', (_, select, expected) => {
    expect(chosen(select)).toEqual(expected);
    expect(Object.keys(chosen(select))).toEqual(OFFERS.map(({ name }) => name).filter((name) => name in expected));
  });

  it('says whether a collection was taken whole', () => {
    const whole = (select: Selection, exclude?: Selection) =>
      choose(OFFERS, select, exclude).chosen.map((one) => one.whole);
    expect(whole({ books: null, bookmarks: ['_default'] })).toEqual([true, true]);
    expect(whole({ books: ['draft'] })).toEqual([false]);
    expect(whole({ books: null }, { books: ['draft'] })).toEqual([false]);
  });

  it('is narrowed by what is excluded', () => {
    expect(chosen({ '*': null }, { books: null, films: ['draft', 'a*'] })).toEqual({
      bookmarks: ['_default'],
      films: ['_default'],
    });
    expect(chosen({ books: null }, { '*': ['', '2021-0?'] })).toEqual({ books: ['draft'] });
  });

  it('warns of patterns without effect', () => {
    expect(choose(OFFERS, { books: ['draft', '1999-*'], 'x*': null }).warnings).toEqual([
      'no partition matches "1999-*" in collection "books"',
      'no collection matches "x*"',
    ]);
    expect(choose(OFFERS, { '*': null }, { bokos: null, films: ['drafts'] }).warnings).toEqual([
      'the exclusion has no effect: there is no collection "bokos", did you mean "books"?',
      'the exclusion has no effect: no partition "drafts" in collection "films", did you mean "draft"?',
    ]);
    expect(choose(OFFERS, { '*': null }).warnings).toEqual([]);
  });
});

describe('nothing matched', () => {
  it.each<[string, Selection, Selection | undefined, string, string]>([
    [
      'a name',
      { bookz: null },
      undefined,
      'there is no collection "bookz", did you mean "books"?',
      'The source has "books", "bookmarks", "films".',
    ],
    [
      'a name beside one that is there',
      { films: null, zzz: null },
      undefined,
      'there is no collection "zzz"',
      'The source has "books"',
    ],
    ['a glob', { 'z*': null }, undefined, 'no collection matches "z*"', 'The source has "books"'],
    [
      'a partition',
      { books: ['2021-05'] },
      undefined,
      'no partition "2021-05" in collection "books", did you mean "2021-03"?',
      'Partitions there: "_default", "2021-03", "2021-04", "draft".',
    ],
    [
      'a partition beside one that is there',
      { books: ['draft', 'nope'] },
      undefined,
      'no partition "nope" in collection "books"',
      'Partitions there',
    ],
    [
      'a partition of several collections',
      { '*': ['nope'] },
      undefined,
      'no partition "nope" in any of 3 collections',
      '"a*b"',
    ],
    [
      'partition globs',
      { books: ['z*'] },
      undefined,
      'no partition matches "z*" in collection "books"',
      'Partitions there',
    ],
    [
      'everything is excluded',
      { films: null },
      { 'f*': null },
      'everything that is selected is also excluded',
      'The source has',
    ],
    ['no pattern at all', {}, undefined, 'the selection names no collection', 'The source has'],
    ['an empty list', { books: [] }, undefined, 'the selection names no collection', 'The source has'],
  ])('%s', (_, select, exclude, message, hint) => {
    const error = refusal(select, exclude);
    expect([error.code, error.exitCode, error.message]).toEqual(['NOTHING_MATCHED', 8, message]);
    expect(error.hint).toContain(hint);
  });

  it('in an empty source', () => {
    expect(() => choose([], { '*': null })).toThrow(
      expect.objectContaining({ hint: 'The source has no collections.' }),
    );
    expect(() => choose([], {})).toThrow(expect.objectContaining({ hint: 'The source has no collections.' }));
  });

  it('lists twenty names at most', () => {
    const many = Array.from({ length: 30 }, (_, i) => ({ name: `c${i}`, partitions: ['_default'] }));
    expect(() => choose(many, { 'x*': null })).toThrow(
      expect.objectContaining({ hint: expect.stringMatching(/"c19" and 10 more\.$/) }),
    );
  });
});
