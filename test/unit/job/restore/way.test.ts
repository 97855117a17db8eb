import { describe, expect, it } from 'vitest';
import { isInserted, MOST_INSERTED_BYTES } from '../../../../src/job/restore/way.js';
import { collection, field, item } from './support.js';

const PLAIN = item(collection('a'));
const schema = PLAIN.info.schema!;
const OWN_KEYS = item(
  collection('b', {
    schema: {
      ...schema,
      fields: [field(100n, 'id', 5, { is_primary_key: true, autoID: true }), field(101n, 'v', 101)],
    },
  }),
);

describe('whether rows are inserted', () => {
  it.each<[string, number, boolean]>([
    ['2.2.16', 1000, true],
    ['v2.3.5', MOST_INSERTED_BYTES, true],
    ['v2.3.5', MOST_INSERTED_BYTES + 1, false],
    ['2.4.0', 1000, false],
    ['3.0.0', 1000, false],
  ])('is decided by the server (%s) and the bytes (%d): %s', (version, bytes, expected) => {
    expect(isInserted(PLAIN, {}, version, bytes)).toBe(expected);
  });

  it('is what the task says, whatever the server and the bytes', () => {
    expect(isInserted(PLAIN, { way: 'import' }, '2.3.5', 1)).toBe(false);
    expect(isInserted(PLAIN, { way: 'insert' }, '2.6.0', 2 ** 40)).toBe(true);
  });

  it('is no where the server makes the keys, and refused where the task says yes', () => {
    expect(isInserted(OWN_KEYS, {}, '2.3.5', 1)).toBe(false);
    expect(isInserted(OWN_KEYS, { way: 'import' }, '2.3.5', 1)).toBe(false);
    expect(() => isInserted(OWN_KEYS, { way: 'insert' }, '2.3.5', 1)).toThrow(
      /"default.b": its keys are made by the server/,
    );
  });
});
