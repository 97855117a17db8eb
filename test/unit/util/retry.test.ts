import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fail, type MilvusdmError, type Retry } from '../../../src/util/errors.js';
import { type RetryPolicy, withRetry } from '../../../src/util/retry.js';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const error = (retry: Retry, retryAfterMs?: number): MilvusdmError =>
  fail('NET_UNAVAILABLE', 'gone', { retry, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

interface Told {
  readonly attempts: number[];
  readonly waits: number[];
  readonly result: unknown;
  readonly thrown: unknown;
}

/** Runs an operation that fails with these errors, one after the other, on the fake clock. */
async function attempt(errors: readonly unknown[], policy: Partial<RetryPolicy>, takes = 0): Promise<Told> {
  const start = Date.now();
  const attempts: number[] = [];
  const waits: number[] = [];
  const operation = async (): Promise<string> => {
    const number = attempts.push(Date.now() - start);
    if (takes > 0) await new Promise((resolve) => setTimeout(resolve, takes));
    const next = errors[Math.min(number, errors.length) - 1];
    if (number <= errors.length || errors.at(-1) === FOREVER) throw next === FOREVER ? error('yes') : next;
    return 'done';
  };
  const told = withRetry(operation, { totalMs: 10_000, onRetry: (_, waitMs) => waits.push(waitMs), ...policy }).then(
    (result) => ({ result, thrown: undefined }),
    (thrown: unknown) => ({ result: undefined, thrown }),
  );
  await vi.runAllTimersAsync();
  return { attempts, waits, ...(await told) };
}

const FOREVER = Symbol('forever');

describe('withRetry', () => {
  it('gives the result of the first success', async () => {
    expect(await attempt([], {})).toStrictEqual({ attempts: [0], waits: [], result: 'done', thrown: undefined });
  });

  it('repeats with doubling waits', async () => {
    const { attempts, waits, result } = await attempt([error('yes'), error('after'), error('yes')], {});
    expect(result).toBe('done');
    expect(waits).toStrictEqual([100, 200, 400]);
    expect(attempts).toStrictEqual([0, 100, 300, 700]);
  });

  it('never waits longer than about five seconds', async () => {
    const { waits } = await attempt([FOREVER], { totalMs: 60_000 });
    expect(Math.max(...waits)).toBe(5000);
  });

  it('spreads the waits by a quarter each way', async () => {
    vi.mocked(Math.random).mockReturnValueOnce(0).mockReturnValueOnce(1);
    expect((await attempt([error('yes'), error('yes')], {})).waits).toStrictEqual([75, 250]);
  });

  it('waits as long as the error says', async () => {
    expect((await attempt([error('after', 1234)], {})).waits).toStrictEqual([1234]);
  });

  it('gives up when the time since the first failure is over, with the last error', async () => {
    const { attempts, waits, thrown } = await attempt([FOREVER], { totalMs: 1000 });
    expect(thrown).toMatchObject({ code: 'NET_UNAVAILABLE' });
    expect(attempts.at(-1)).toBe(1000);
    expect(waits.reduce((a, b) => a + b)).toBe(1000);
  });

  it('counts the time that the attempts themselves take', async () => {
    const { attempts } = await attempt([FOREVER], { totalMs: 1000 }, 600);
    // The first fails at 600, waits 100; the second fails at 1300, waits 200; the third fails at 2100: past 600 + 1000.
    expect(attempts).toStrictEqual([0, 700, 1500]);
  });

  it('goes on while the server takes other requests and is only too busy for this one', async () => {
    const busy = Array.from({ length: 40 }, () => error('after'));
    const lastSuccess = (): number => Math.min(Date.now(), 30_000);
    expect((await attempt(busy.slice(0, 9), { totalMs: 1000, lastSuccess })).result).toBe('done');
    const given = await attempt(busy, { totalMs: 1000, lastSuccess: () => 0 });
    expect(given.attempts.at(-1)).toBe(1000);
  });

  it('does not count what other requests achieve when this one fails otherwise', async () => {
    const { thrown, attempts } = await attempt([FOREVER], { totalMs: 1000, lastSuccess: Date.now });
    expect(thrown).toMatchObject({ code: 'NET_UNAVAILABLE' });
    expect(attempts.at(-1)).toBe(1000);
  });

  it('with no time tries once', async () => {
    expect((await attempt([FOREVER], { totalMs: 0 })).attempts).toStrictEqual([0]);
  });

  it.each<[string, unknown]>([
    ['an error that says no', error('no')],
    ['an unknown error', new TypeError('oops')],
    ['no error at all', 'text'],
  ])('does not repeat after %s', async (_, thrown) => {
    expect(await attempt([thrown], {})).toMatchObject({ attempts: [0], thrown });
  });

  it('repeats only what was refused as busy when told so', async () => {
    expect((await attempt([error('after')], { onlyBusy: true })).result).toBe('done');
    expect(await attempt([error('after'), error('yes')], { onlyBusy: true })).toMatchObject({
      attempts: [0, 100],
      thrown: { retry: 'yes' },
    });
  });

  it('ends its wait when the run is stopped', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 1499);
    const { thrown, attempts } = await attempt([FOREVER], { signal: controller.signal });
    expect(thrown).toMatchObject({ code: 'INTERRUPTED' });
    expect(attempts).toStrictEqual([0, 100, 300, 700]);
  });

  it('does not begin when the run was stopped', async () => {
    const { thrown, attempts } = await attempt([], { signal: AbortSignal.abort() });
    expect(thrown).toMatchObject({ code: 'INTERRUPTED' });
    expect(attempts).toStrictEqual([]);
  });
});
