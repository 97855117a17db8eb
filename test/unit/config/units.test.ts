import { describe, expect, it } from 'vitest';
import { nearest } from '../../../src/config/suggest.js';
import { parseBytes, parseRate } from '../../../src/config/units.js';

describe('parseBytes', () => {
  it.each([
    [5, 5],
    ['8MiB', 8_388_608],
    ['8 mib', 8_388_608],
    ['8 MB', 8_000_000],
    ['64KiB', 65_536],
    ['1.5 kB', 1500],
    ['0.3B', 0],
    ['7 B', 7],
  ])('%s', (size, bytes) => {
    expect(parseBytes(size)).toBe(bytes);
  });

  it.each(['', '8', '8 M', 'MiB', '-1 MiB', '1e3 B', '8  MiB', '8MiB/s', '1.MiB', '8 TiB'])('%j is none', (size) => {
    expect(parseBytes(size)).toBeUndefined();
  });
});

describe('parseRate', () => {
  it.each([
    [5000, { rowsPerSecond: 5000 }],
    ['5000 rows/s', { rowsPerSecond: 5000 }],
    ['1 row/s', { rowsPerSecond: 1 }],
    ['0.5 rows/s', { rowsPerSecond: 0.5 }],
    ['20 MB/s', { bytesPerSecond: 20_000_000 }],
    ['20MiB/s', { bytesPerSecond: 20_971_520 }],
    ['1.5 gb/s', { bytesPerSecond: 1_500_000_000 }],
  ])('%s', (rate, limit) => {
    expect(parseRate(rate)).toEqual(limit);
  });

  it.each([0, -1, Number.NaN, '', '0 rows/s', '0 MB/s', '5 rows', '5 MB', 'rows/s', '-5 rows/s', '5 rows/min'])(
    '%s is none',
    (rate) => {
      expect(parseRate(rate)).toBeUndefined();
    },
  );
});

describe('nearest', () => {
  it.each([
    ['apend', 'append'],
    ['ovewrite', 'overwrite'],
    ['appned', 'append'],
    ['APPEND', 'append'],
    ['write', 'overwrite'],
    ['skp', 'skip'],
    ['zzz', undefined],
    ['', undefined],
    ['o', undefined],
    ['x'.repeat(100_000), undefined],
  ])('%s', (word, best) => {
    expect(nearest(word, ['skip', 'append', 'overwrite'])).toBe(best);
  });

  it('does not guess between several that contain the word', () => {
    expect(nearest('dest', ['dest_partition', 'dest_collection'])).toBeUndefined();
    expect(nearest('collect', ['dest_partition', 'dest_collection'])).toBe('dest_collection');
  });
});
