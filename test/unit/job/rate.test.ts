import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RateLimit } from '../../../src/config/types.js';
import { createPacer } from '../../../src/job/rate.js';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const clock = (): number => Date.now() / 1000;
const { signal } = new AbortController();

/** When each of these batches, offered one behind the other, may go: seconds from now on the fake clock. */
async function departures(
  limit: RateLimit | undefined,
  batches: readonly { rows?: number; bytes?: number; idle?: number }[],
): Promise<number[]> {
  const start = clock();
  const times: number[] = [];
  const pacer = createPacer(limit, clock);
  const run = async (): Promise<void> => {
    for (const { rows = 0, bytes = 0, idle = 0 } of batches) {
      if (idle > 0) await new Promise((resolve) => setTimeout(resolve, idle * 1000));
      await pacer.pace(rows, bytes, signal);
      times.push(Math.round((clock() - start) * 1000) / 1000);
    }
  };
  const done = run();
  await vi.runAllTimersAsync();
  await done;
  return times;
}

const times = <T>(count: number, item: T): T[] => new Array<T>(count).fill(item);

describe('the pacer', () => {
  it('without a limit never waits', async () => {
    expect(await departures(undefined, times(3, { rows: 1e9, bytes: 1e12 }))).toStrictEqual([0, 0, 0]);
  });

  it('holds rows to their rate', async () => {
    expect(await departures({ rowsPerSecond: 100 }, times(5, { rows: 50 }))).toStrictEqual([0, 0.5, 1, 1.5, 2]);
  });

  it('holds bytes to theirs, whatever the rows', async () => {
    expect(await departures({ bytesPerSecond: 1000 }, times(4, { rows: 1, bytes: 2000 }))).toStrictEqual([0, 2, 4, 6]);
  });

  it('obeys the stricter of two limits', async () => {
    const limit = { rowsPerSecond: 10, bytesPerSecond: 1000 };
    const batches = [{ rows: 10, bytes: 1 }, { rows: 1, bytes: 3000 }, { rows: 1 }];
    expect(await departures(limit, batches)).toStrictEqual([0, 1, 4]);
  });

  it('makes up for a pause by a burst of one second at most', async () => {
    const batches = [{ rows: 50, idle: 100 }, ...times(5, { rows: 50 })];
    expect(await departures({ rowsPerSecond: 100 }, batches)).toStrictEqual([100, 100, 100, 100.5, 101, 101.5]);
  });

  it('spreads 10,000 rows over their time', async () => {
    const all = await departures({ rowsPerSecond: 1000 }, times(101, { rows: 100 }));
    expect(all.at(-1)).toBeCloseTo(10, 2);
  });

  it('ends its wait when the run is stopped', async () => {
    const controller = new AbortController();
    const pacer = createPacer({ rowsPerSecond: 1 }, clock);
    await pacer.pace(1000, 0, controller.signal);
    const waiting = pacer.pace(1, 0, controller.signal);
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});
