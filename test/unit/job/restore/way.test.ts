import { describe, expect, it } from 'vitest';
import type { ImportUnit } from '../../../../src/job/restore/folders.js';
import { insertsPay, isInserted } from '../../../../src/job/restore/way.js';
import { collection, field, item } from './support.js';

const PLAIN = item(collection('a'));
const schema = PLAIN.info.schema!;
const KEY = field(100n, 'id', 5, { is_primary_key: true, autoID: true });
const OWN_KEYS = item(collection('b', { schema: { ...schema, fields: [KEY, field(101n, 'v', 101)] } }));
const MB = 1e6;

/** A collection with one import for each of these. */
function files(...sizes: readonly number[]): { units: ImportUnit[] } {
  const unit = (bytes: number): ImportUnit => ({
    partition: 'p',
    insert: 'x/',
    rows: 1,
    deltaBytes: 0,
    bytes,
    storageVersion: 0,
    name: 'x',
  });
  return { units: sizes.map(unit) };
}

describe('inserts pay', () => {
  it.each<[string, string, readonly { units: ImportUnit[] }[], boolean]>([
    ['partitions that just miss the clock', '2.3.5', [files(77 * MB, 77 * MB, 77 * MB, 77 * MB)], true],
    ['tiny partitions', 'v2.2.16', [files(500), files(500, 700)], true],
    ['one tiny partition', '2.3.5', [files(500)], false],
    ['one large partition', '2.3.5', [files(300 * MB)], false],
    ['more than a GiB in many partitions', '2.3.5', [files(...Array.from({ length: 300 }, () => 4 * MB))], false],
    ['less than a GiB in many partitions', '2.3.5', [files(...Array.from({ length: 200 }, () => 4 * MB))], true],
    ['a server that imports side by side', '2.4.0', [files(500), files(500, 700)], false],
    ['nothing at all', '2.3.5', [], true],
  ])('%s (%s)', (_, version, collections, expected) => {
    expect(insertsPay(version, collections)).toBe(expected);
  });
});

describe('whether rows are inserted', () => {
  it('is what the task says, else what pays', () => {
    expect([true, false].map((pays) => isInserted(PLAIN, {}, pays))).toEqual([true, false]);
    expect(isInserted(PLAIN, { way: 'import' }, true)).toBe(false);
    expect(isInserted(PLAIN, { way: 'insert' }, false)).toBe(true);
  });

  it('is no where the server makes the keys, and refused where the task says yes', () => {
    expect(isInserted(OWN_KEYS, {}, true)).toBe(false);
    expect(isInserted(OWN_KEYS, { way: 'import' }, true)).toBe(false);
    const refused = expect.objectContaining({
      code: 'DST_UNSUPPORTED',
      message: expect.stringContaining('"default.b"'),
    });
    expect(() => isInserted(OWN_KEYS, { way: 'insert' }, true)).toThrow(refused);
  });
});
