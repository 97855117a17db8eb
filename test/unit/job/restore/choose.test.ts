import { describe, expect, it } from 'vitest';
import { backupCodec } from '../../../../src/backup/meta.js';
import type { RestoreConfig } from '../../../../src/config/types.js';
import { chooseItems, renamed, shownName } from '../../../../src/job/restore/choose.js';
import { CONFIG, collection } from './support.js';

const INFO = {
  ...backupCodec.zero,
  collection_backups: [
    collection('articles'),
    collection('tmp_1', { db_name: 'default' }),
    collection('users', { db_name: 'shop' }),
    collection('articles', { db_name: 'shop' }),
  ],
};

function chosen(config: Partial<RestoreConfig>): string[] {
  return chooseItems(INFO, { ...CONFIG, ...config }).items.map((item) => `${item.source} -> ${shownName(item)}`);
}

describe('what is restored', () => {
  it('is everything, into the databases that it came from', () => {
    expect(chosen({})).toEqual([
      'default.articles -> articles',
      'default.tmp_1 -> tmp_1',
      'shop.users -> shop.users',
      'shop.articles -> shop.articles',
    ]);
  });

  it('is chosen by the names in the backup, before they are changed', () => {
    const rename = { map: {}, suffix: '_x' };
    expect(chosen({ select: ['*.articles'], exclude: ['shop.*'], rename })).toEqual(['default.articles -> articles_x']);
    expect(() => chosen({ select: ['default.articles_x'], rename })).toThrow('the backup has no collection');
  });

  it('warns of patterns without effect', () => {
    const { warnings } = chooseItems(INFO, {
      ...CONFIG,
      select: ['default.*', 'shop.x*'],
      exclude: ['a.b'],
      rename: { map: { 'default.nobody': '.x' } },
    });
    expect(warnings).toEqual([
      'no collection of the backup matches "shop.x*"',
      'the exclusion has no effect: no collection of the backup matches "a.b"',
      'rename.map has no effect: the backup has no "default.nobody"',
    ]);
  });

  it.each<[Partial<RestoreConfig>, object]>([
    [
      { select: ['default.none'] },
      { code: 'NOTHING_MATCHED', exitCode: 8, hint: expect.stringContaining('shop.users') },
    ],
    [{ select: ['none.*'] }, { code: 'NOTHING_MATCHED' }],
    [{ exclude: ['*.*'] }, { code: 'NOTHING_MATCHED', message: 'everything that is selected is also excluded' }],
    [
      { rename: { map: {}, db: 'one' } },
      { code: 'CFG_CONFLICT', message: expect.stringContaining('both become "one.articles"') },
    ],
    [{ rename: { map: { 'default.tmp_1': '.articles' } } }, { code: 'CFG_CONFLICT' }],
    [
      { rename: { map: {}, suffix: 'x'.repeat(255) } },
      { code: 'CFG_CONFLICT', message: expect.stringContaining('no name') },
    ],
  ])('refuses %j', (config, error) => {
    let thrown: unknown;
    try {
      chosen(config);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toMatchObject(error);
  });

  it('may be nothing, of a backup of nothing', () => {
    expect(chooseItems({ ...INFO, collection_backups: [] }, CONFIG).items).toEqual([]);
  });
});

it.each<[string, Parameters<typeof renamed>[1], string]>([
  ['default.a', { map: {} }, 'a'],
  ['shop.a', { map: {}, suffix: '_x' }, 'shop.a_x'],
  ['shop.a', { map: { 'shop.a': '.b' }, suffix: '_x' }, 'shop.b'],
  ['shop.a', { map: { 'shop.a': 'other.b' } }, 'other.b'],
  ['shop.a', { map: { 'shop.*': 'other.*' }, suffix: '_x' }, 'other.a_x'],
  ['shop.a', { map: { 'shop.*': 'other.*', 'shop.a': 'third.c' } }, 'third.c'],
  ['shop.a', { map: {}, db: 'one' }, 'one.a'],
  ['shop.a', { map: { 'shop.a': '.b' }, db: 'one' }, 'one.b'],
  ['shop.a', { map: { 'shop.*': 'default.*' } }, 'a'],
])('%s by %j becomes %s', (source, rules, name) => {
  expect(shownName(renamed(source, rules))).toBe(name);
});
