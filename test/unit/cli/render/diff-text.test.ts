import { describe, expect, it } from 'vitest';
import { diffText } from '../../../../src/cli/render/diff-text.js';
import type { DiffReport } from '../../../../src/job/diff/diff.js';

const EQUAL: DiffReport = {
  version: 1,
  command: 'diff',
  status: 'equal',
  exit_code: 0,
  a: { place: 'a.h5', what: 'HDF5' },
  b: { place: 'http://h/c', what: 'collection on Milvus v2.3.5' },
  fields: [],
  parts: [
    {
      partition: null,
      equal: true,
      rows_a: 1234,
      rows_b: 1234,
      digest_a: 'a'.repeat(32),
      digest_b: 'a'.repeat(32),
      missing: 0,
      extra: 0,
      different: 0,
      complete: true,
      hidden: 0,
      differences: [],
    },
  ],
  warnings: [],
  seconds: 1.5,
};

describe('the text of diff', () => {
  it('of equal sides is their counts and digests', () => {
    expect(diffText(EQUAL, { color: false }).split('\n')).toEqual([
      'diff equal in 1.5 s',
      '  A a.h5 (HDF5)',
      '  B http://h/c (collection on Milvus v2.3.5)',
      expect.stringMatching(/^ {2}partition/),
      `  -           1,234   1,234  ${'a'.repeat(32)}  ${'a'.repeat(32)}  equal`,
    ]);
  });

  it('names what differs, and what it cannot say', () => {
    const text = diffText(
      {
        ...EQUAL,
        status: 'different',
        fields: [{ name: 'price', a: null, b: 'DOUBLE' }],
        parts: [
          {
            ...EQUAL.parts[0]!,
            ...{ partition: 'red', equal: false, missing: 1, extra: 2, different: 1, complete: false, hidden: 3 },
            differences: [
              { id: '5', kind: 'different', fields: ['price', 'name'] },
              { id: '6', kind: 'missing', fields: [] },
              { id: '7', kind: 'extra', fields: [] },
              { id: null, kind: 'missing', fields: [] },
            ],
          },
        ],
        warnings: ['beware'],
      },
      { color: false },
    );
    expect(text.split('\n').slice(5)).toEqual([
      'fields that differ, left out of the digests:',
      '  - price: none in A, DOUBLE in B',
      'red: at least 1 row only in A, 2 rows only in B, 1 row with other values',
      '  id 5 differs: price, name',
      '  id 6 only in A',
      '  id 7 only in B',
      'red: 3 rows that a Milvus does not show left out',
      'warnings:',
      '  - beware',
    ]);
  });
});
