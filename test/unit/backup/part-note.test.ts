import { describe, expect, it } from 'vitest';
import { decodePartNote, encodePartNote, type PartNote } from '../../../src/backup/part-note.js';

const NOTE: PartNote = {
  part: { key: 'data/a/b/c.0001.arrow', rows: 12, size: 900, sum: 'crc32:00000001', digest: '0'.repeat(32) },
  rows: new Map([
    ['a/b#0', [{ from: 0, to: 10 }]],
    [
      'a/b#1',
      [
        { from: 3, to: 4 },
        { from: 9, to: 10 },
      ],
    ],
  ]),
};

describe('the note of a part', () => {
  it('comes back as it was written', () => {
    expect(decodePartNote(encodePartNote(NOTE), 'note')).toStrictEqual(NOTE);
  });

  it.each([
    ['no rows', { rows: undefined }],
    ['rows that are no pairs', { rows: [['a/b#0', [1, 2]]] }],
    ['rows that end before they begin', { rows: [['a/b#0', [[5, 4]]]] }],
    ['rows of no split', { rows: [[7, [[0, 1]]]] }],
    ['no part', { part: undefined }],
  ])('is refused with %s', (_, change) => {
    const text = new TextDecoder().decode(encodePartNote(NOTE));
    const changed = Buffer.from(JSON.stringify({ ...JSON.parse(text), ...change }));
    expect(() => decodePartNote(changed, 'note.json in a folder')).toThrow(/^note\.json in a folder /);
  });
});
