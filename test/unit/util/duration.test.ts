import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/util/duration.js';

describe('a duration', () => {
  it.each([
    ['30s', 'smh', 30_000],
    ['10m', 'smh', 600_000],
    ['1h', 'smh', 3_600_000],
    ['12h', 'hdw', 43_200_000],
    ['30d', 'hdw', 2_592_000_000],
    ['4w', 'hdw', 2_419_200_000],
    ['4w', 'smh', undefined],
    ['30s', 'hdw', undefined],
    ['0h', 'hdw', 0],
    ['1234567h', 'hdw', undefined],
    ['1.5h', 'hdw', undefined],
    ['h', 'hdw', undefined],
    ['', 'hdw', undefined],
  ])('%s in %s is %s ms', (text, units, ms) => {
    expect(parseDuration(text, units)).toBe(ms);
  });
});
