import { describe, expect, it } from 'vitest';
import { createWindow, type Measured, median } from '../../../src/milvus/tuning-window.js';

const LONG_MS = 5000;
const NEVER = Number.NEGATIVE_INFINITY;

/** Gives the number of the acknowledgement that filled the window, and what it measured. */
function filled(inFlight: number, acks: readonly (readonly [began: number, now: number])[], since = NEVER) {
  const window = createWindow(since, inFlight, LONG_MS);
  for (const [i, [began, now]] of acks.entries()) {
    const measured: Measured | undefined = window.add({ began, now, bytes: 1000 });
    if (measured) return { at: i + 1, ...measured };
  }
  return undefined;
}

describe('a window', () => {
  it('measures whole rounds, of requests that are answered one by one', () => {
    const acks = Array.from({ length: 20 }, (_, i) => [i * 100, (i + 1) * 100] as const);
    expect(filled(1, acks)).toStrictEqual({ at: 9, rate: 10, ackMs: 100 });
  });

  it('measures whole rounds, of requests that are answered all at once', () => {
    const acks = Array.from({ length: 20 }, (_, i) => [Math.floor(i / 4) * 400, Math.floor(i / 4 + 1) * 400] as const);
    expect(filled(4, acks)).toStrictEqual({ at: 9, rate: 10, ackMs: 400 });
  });

  it('lasts half a second at least', () => {
    const acks = Array.from({ length: 200 }, (_, i) => [i * 10, (i + 1) * 10] as const);
    expect(filled(1, acks)).toStrictEqual({ at: 51, rate: 100, ackMs: 10 });
  });

  it.each([
    ['together', [0, 0, 0, 0]],
    ['by turns', [0, 3000, 6000, 9000]],
  ] as const)('is over after a round where requests take long, with the same rate when sent %s', (_, begins) => {
    const acks = begins.map((began) => [began, began + 12_000] as const);
    expect(filled(4, acks)).toStrictEqual({ at: 4, rate: 4000 / 12_000, ackMs: 12_000 });
  });

  it('leaves requests out that were sent under another setting', () => {
    const acks = [[0, 12_000] as const, [1000, 13_000] as const, [2000, 14_000] as const];
    expect(filled(1, acks, 2000)).toMatchObject({ at: 3, ackMs: 12_000 });
    expect(filled(1, acks, 2001)).toBe(undefined);
  });
});

it('a window leaves requests out that got their size under another setting', () => {
  const window = createWindow(2000, 1, LONG_MS);
  expect(window.add({ began: 3000, decided: 1000, now: 13_000, bytes: 1000 })).toBe(undefined);
  expect(window.add({ began: 13_000, decided: 2500, now: 19_000, bytes: 600 })).toStrictEqual({
    rate: 0.1,
    ackMs: 6000,
  });
});

describe('the median', () => {
  it.each([
    [[], 0],
    [[7], 7],
    [[9, 1, 5], 5],
    [[10, 9, 100, 1], 10],
  ])('of %j is %d', (values, middle) => {
    expect(median(values)).toBe(middle);
  });
});
