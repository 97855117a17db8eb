import { describe, expect, it } from 'vitest';
import { asBytes, formatBytes, formatCount, plural } from '../../../src/util/bytes.js';

describe('texts of numbers', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [123_456_789, '117.7 MiB'],
    [1024 ** 3, '1.0 GiB'],
    [1024 ** 4 * 5000, '5000.0 TiB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0'],
    [999, '999'],
    [1000, '1,000'],
    [1_234_567, '1,234,567'],
    [-1234, '-1,234'],
    [2n ** 63n - 1n, '9,223,372,036,854,775,807'],
  ])('%d is %s', (count, text) => {
    expect(formatCount(count)).toBe(text);
  });

  it('a noun stands in the plural but for one', () => {
    expect([0, 1, 2, 1n, 1000n].map((n) => plural(n, 'row'))).toStrictEqual([
      '0 rows',
      '1 row',
      '2 rows',
      '1 row',
      '1,000 rows',
    ]);
  });
});

it('asBytes shares memory with exactly the bytes of the view', () => {
  const view = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
  const bytes = asBytes(view);
  expect(bytes.length).toBe(8);
  bytes.fill(0);
  expect([...new Float32Array(view.buffer)]).toStrictEqual([1, 0, 0, 4]);
});
