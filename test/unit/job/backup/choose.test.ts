import { describe, expect, it } from 'vitest';
import { chooseCollections } from '../../../../src/job/backup/choose.js';
import { fullName } from '../../../../src/segments/server.js';

const OFFERS = ['default.articles', 'default.tmp_1', 'shop.items', 'shop.tmp_2', 'shop.items_old'].map((full) => {
  const [db = '', name = ''] = full.split('.');
  return { db, name };
});
const chosen = (select: string[], exclude: string[] = []): string[] =>
  chooseCollections(OFFERS, select, exclude).chosen.map(fullName);

describe('collections to back up', () => {
  it.each([
    [['*.*'], [], OFFERS.map(fullName)],
    [['default.*'], ['*.tmp_*'], ['default.articles']],
    [['*.tmp_?'], [], ['default.tmp_1', 'shop.tmp_2']],
    [['shop.items', 'default.articles'], [], ['default.articles', 'shop.items']],
    [['*.*'], ['shop.*'], ['default.articles', 'default.tmp_1']],
  ])('%j without %j', (select, exclude, expected) => {
    expect(chosen(select, exclude)).toEqual(expected);
  });

  it('must have those that are named', () => {
    expect(() => chosen(['default.artikles'])).toThrow(
      expect.objectContaining({ code: 'NOTHING_MATCHED', message: 'there is no collection "default.artikles"' }),
    );
  });

  it('are not those that a restore is making, unless they are named', () => {
    const name = 'milvusdm_restore_0123456789ab_ba9876543210';
    const offers = [...OFFERS, { db: 'shop', name }];
    const all = chooseCollections(offers, ['*.*'], []);
    expect(all.chosen).toEqual(OFFERS);
    expect(all.warnings).toEqual([`"shop.${name}" is left out: a restore is making it, or was cut short`]);
    expect(chooseCollections(offers, [`shop.${name}`], []).chosen).toEqual([{ db: 'shop', name }]);
    expect(chooseCollections([{ db: 'shop', name }], ['*.*'], []).chosen).toEqual([]);
  });

  it('may lack those of a pattern, which is a warning', () => {
    const choice = chooseCollections(OFFERS, ['default.x*', 'shop.items'], ['nowhere.*']);
    expect(choice.chosen.map(fullName)).toEqual(['shop.items']);
    expect(choice.warnings).toEqual([
      'no collection matches "default.x*"',
      'the exclusion has no effect: no collection matches "nowhere.*"',
    ]);
  });

  it.each([
    [['x.*'], []],
    [['default.*'], ['*.*']],
  ])('must leave something: %j without %j', (select, exclude) => {
    expect(() => chosen(select, exclude)).toThrow(expect.objectContaining({ code: 'NOTHING_MATCHED' }));
  });

  it('of an empty server are none', () => {
    expect(chooseCollections([], ['*.*'], [])).toEqual({ chosen: [], warnings: [] });
  });
});
