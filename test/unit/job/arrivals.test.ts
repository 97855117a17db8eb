import { describe, expect, it } from 'vitest';
import { decideMissing, type Key } from '../../../src/job/arrivals.js';

const counted = (counts: Readonly<Record<string, number>>) => (key: Key) => counts[String(key)] ?? 0;
const of = (...keys: readonly number[]) => ({ keys: keys.map(BigInt) });

describe('what has arrived of requests in flight', () => {
  it('is told by each key that was sent once', () => {
    expect(decideMissing([of(1, 2), of(3)], counted({ 1: 1, 3: 1 }))).toStrictEqual([[false, true], [false]]);
  });

  it('is all or nothing of a key that one request holds several times', () => {
    expect(decideMissing([of(1, 1, 2)], counted({ 1: 2 }))).toStrictEqual([[false, false, true]]);
    expect(() => decideMissing([of(1, 1)], counted({ 1: 1 }))).toThrow(/id 1 .* 1 of 2 copies/);
  });

  it('is told by the other keys where two requests share one', () => {
    expect(decideMissing([of(1, 2), of(1, 3)], counted({ 1: 1, 3: 1 }))).toStrictEqual([
      [true, true],
      [false, false],
    ]);
  });

  it('is refused where the counts allow two answers', () => {
    expect(() => decideMissing([of(1), of(1)], counted({ 1: 1 }))).toThrow(
      expect.objectContaining({ code: 'DST_UNFINISHED' }),
    );
    // 1 says half of the two has arrived, 2 and 3 say both have.
    expect(() => decideMissing([of(1, 2), of(1, 3)], counted({ 1: 1, 2: 1, 3: 1 }))).toThrow(/id 1 /);
  });

  it('takes rows of somebody else for arrived ones, and fewer than before for none', () => {
    expect(decideMissing([of(1, 2)], counted({ 1: 5, 2: -3 }))).toStrictEqual([[false, true]]);
  });

  it('goes by the other rows of a request for keys that no query finds', () => {
    const arrived = (key: Key) => (key === 9n ? undefined : key === 1n ? 1 : 0);
    expect(decideMissing([of(1, 9), of(2)], arrived)).toStrictEqual([[false, false], [true]]);
    expect(() => decideMissing([of(9)], arrived)).toThrow(/an unknown number of 1 copies/);
  });
});
