import { describe, expect, it } from 'vitest';
import { checkInserted } from '../../../../src/job/restore/check.js';
import type { ImportUnit } from '../../../../src/job/restore/folders.js';
import { collection, item } from './support.js';

const ITEM = item(collection('c'));

function unit(rows: number, deltaBytes = 0): ImportUnit {
  return { partition: 'p', insert: 'x/', rows, deltaBytes, bytes: 1, storageVersion: 0, name: 'x' };
}

describe('rows that were inserted', () => {
  it.each<[string, readonly ImportUnit[], number, number, RegExp | undefined]>([
    ['all of them', [unit(10), unit(5)], 15, 15, undefined],
    ['those that deletes leave', [unit(10, 3), unit(5)], 12, 12, undefined],
    ['none, where all were deleted', [unit(10, 3)], 0, 0, undefined],
    ['one too few', [unit(10), unit(5)], 14, 14, /14 rows were inserted, its files have 15/],
    ['one too many', [unit(10, 3)], 11, 11, /11 rows were inserted, its files have 10/],
    ['one that the server does not count', [unit(10)], 10, 9, /10 rows were inserted, the server counts 9/],
    ['one that nobody has sent', [unit(10, 3)], 9, 10, /9 rows were inserted, the server counts 10/],
  ])('%s', (_, units, inserted, counted, message) => {
    const check = (): void => checkInserted(ITEM, units, inserted, counted);
    if (message) expect(check).toThrow(message);
    else expect(check).not.toThrow();
  });
});
