import { describe, expect, it } from 'vitest';
import { steadily } from '../../../src/job/steady.js';
import { withoutWaiting } from './support.js';

/** Looks that show these numbers one after the other, the last one from then on; and how many there were. */
function showing(...numbers: readonly number[]) {
  let looks = 0;
  return {
    look: async () => numbers[Math.min(looks++, numbers.length - 1)]!,
    merge: Math.max,
    isAll: (seen: number) => seen === 10,
    isSame: (a: number, b: number) => a === b,
    get looks() {
      return looks;
    },
  };
}

const NEVER = new AbortController().signal;

describe('what a target has is what two looks have shown', () => {
  it.each([
    ['all of it at once: one look', [10], 10, 1],
    ['nothing, twice', [0, 0], 0, 2],
    ['some, then all', [4, 10], 10, 2],
    ['more and more', [0, 3, 6, 6], 6, 4],
    ['less than before, which counts as the same', [6, 2], 6, 2],
  ])('%s', async (_, numbers, seen, looks) => {
    const shown = showing(...numbers);
    expect(await withoutWaiting(() => steadily(shown, NEVER))).toBe(seen);
    expect(shown.looks).toBe(looks);
  });

  it('waits three seconds between two looks', async () => {
    const times: number[] = [];
    const slow = {
      ...showing(0),
      async look() {
        times.push(Date.now());
        return 0;
      },
    };
    await withoutWaiting(() => steadily(slow, NEVER));
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(3000);
  });

  it('comes to an end with a target that never shows the same twice', async () => {
    const shown = showing(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14);
    const never = { ...shown, isAll: () => false };
    expect(await withoutWaiting(() => steadily(never, NEVER))).toBe(9);
  });

  it('a stop ends the waiting', async () => {
    const stop = new AbortController();
    const looked = steadily(showing(0), stop.signal);
    setTimeout(() => stop.abort(), 20);
    await expect(looked).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
