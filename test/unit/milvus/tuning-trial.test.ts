import { describe, expect, it } from 'vitest';
import { createTrial, type Trial } from '../../../src/milvus/tuning-trial.js';
import { seeded } from './simulated-server.js';

/** Runs a trial of two rates, with noise; gives the windows that it took. */
function run(trial: Trial, lower: number, upper: number, noise = 0, seed = 1): number {
  const random = seeded(seed);
  let windows = 0;
  for (; !trial.over; windows++) {
    trial.add((trial.lower ? lower : upper) * (1 + noise * (2 * random() - 1)) * (1 + windows / 50));
  }
  return windows;
}

const seeds = Array.from({ length: 200 }, (_, i) => i + 1);

/** Verdicts of 200 trials. */
function tally(up: boolean, lower: number): { free: number; costs: number; none: number } {
  const found = { free: 0, costs: 0, none: 0 };
  for (const seed of seeds) {
    const trial = createTrial(up);
    run(trial, lower, 1, 0.15, seed);
    found[trial.verdict ?? 'none']++;
  }
  return found;
}

describe('a trial', () => {
  it.each([true, false])('begins with the setting at hand and swaps the order of every other pair (up: %s)', (up) => {
    const trial = createTrial(up);
    const order: boolean[] = [];
    for (let i = 0; i < 8 && !trial.over; i++) {
      order.push(trial.lower === up);
      trial.add(1);
    }
    expect(order).toStrictEqual([true, false, false, true, true, false, false, true]);
  });

  it('is soon over where the lower setting costs much, whatever grows meanwhile', () => {
    const trial = createTrial(false);
    expect(run(trial, 0.8, 1)).toBe(8);
    expect(trial.verdict).toBe('costs');
  });

  it('finds what is the same', () => {
    const trial = createTrial(false);
    run(trial, 1, 1);
    expect(trial.verdict).toBe('free');
  });

  it('knows nothing of what lies at its limit', () => {
    const trial = createTrial(false);
    expect(run(trial, Math.exp(-0.05), 1)).toBe(48);
    expect(trial.verdict).toBe(undefined);
  });

  it('is hardly ever wrong with 15 %% of noise', () => {
    expect(tally(false, 0.83).free).toBeLessThanOrEqual(2);
    expect(tally(false, 1).free).toBeGreaterThan(120);
    expect(tally(true, 1).costs).toBeLessThanOrEqual(2);
    expect(tally(true, 0.83).costs).toBeGreaterThan(150);
  });
});
