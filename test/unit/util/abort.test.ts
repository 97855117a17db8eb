import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { anySignal, rejectAfterAbort, sleep, throwIfAborted } from '../../../src/util/abort.js';

const INTERRUPTED = expect.objectContaining({ code: 'INTERRUPTED', exitCode: 130 });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('a signal of several is aborted by each of them, and Node warns of no number of listeners', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  for (const which of [0, 1]) {
    const controllers = [new AbortController(), new AbortController()] as const;
    const signal = anySignal(controllers[0].signal, controllers[1].signal);
    const listener = vi.fn();
    for (let n = 0; n < 50; n++) signal.addEventListener('abort', () => listener());
    expect(signal.aborted).toBe(false);
    controllers[which]?.abort();
    expect(signal.aborted).toBe(true);
    expect(listener).toHaveBeenCalledTimes(50);
  }
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

describe('sleep', () => {
  it('ends after its time, leaving no listener behind', async () => {
    const { signal } = new AbortController();
    const done = vi.fn();
    const sleeping = sleep(1000, signal).then(done);
    await vi.advanceTimersByTimeAsync(999);
    expect(done).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await sleeping;
    expect(done).toHaveBeenCalledOnce();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('ends at once when it is aborted, leaving no timer behind', async () => {
    const controller = new AbortController();
    const sleeping = sleep(60_000, controller.signal);
    controller.abort();
    await expect(sleeping).rejects.toStrictEqual(INTERRUPTED);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not begin when it is aborted already', async () => {
    await expect(sleep(1, AbortSignal.abort())).rejects.toStrictEqual(INTERRUPTED);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('needs no signal', async () => {
    const sleeping = sleep(5);
    await vi.advanceTimersByTimeAsync(5);
    await expect(sleeping).resolves.toBeUndefined();
  });
});

describe('throwIfAborted', () => {
  it('throws for an aborted signal only', () => {
    expect(() => throwIfAborted(AbortSignal.abort())).toThrow(INTERRUPTED);
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
    expect(() => throwIfAborted(undefined)).not.toThrow();
  });
});

describe('rejectAfterAbort', () => {
  it.each([false, true])('rejects after the grace (aborted before: %s)', async (before) => {
    const controller = new AbortController();
    if (before) controller.abort();
    const rejected = vi.fn();
    const pending = rejectAfterAbort(controller.signal, 1000).catch(rejected);
    await vi.advanceTimersByTimeAsync(before ? 999 : 5000);
    expect(rejected).not.toHaveBeenCalled();
    controller.abort();
    await vi.advanceTimersByTimeAsync(1000);
    await pending;
    expect(rejected).toHaveBeenCalledExactlyOnceWith(INTERRUPTED);
  });
});
