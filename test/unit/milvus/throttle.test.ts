import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Status } from '../../../src/milvus/decode.js';
import { statusError } from '../../../src/milvus/status.js';
import { createThrottle, type Throttle } from '../../../src/milvus/throttle.js';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

const status: Status = { code: 8, legacyCode: 49, reason: 'rate limit exceeded', retriable: true };
const limit = (): Error => statusError(status, 'insert');
const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A made-up server that takes `perSecond` requests a second (a bucket of one second) and 20 ms for each. */
function limitedServer(perSecond: number): { take(): Promise<void>; taken: number; refused: number; most: number } {
  let tokens = perSecond;
  let filledAt = 0;
  let inFlight = 0;
  const server = {
    taken: 0,
    refused: 0,
    most: 0,
    async take() {
      tokens = Math.min(perSecond, tokens + ((Date.now() - filledAt) / 1000) * perSecond);
      filledAt = Date.now();
      server.most = Math.max(server.most, ++inFlight);
      try {
        if (tokens < 1) {
          server.refused++;
          throw limit();
        }
        tokens--;
        await after(20);
        server.taken++;
      } finally {
        inFlight--;
      }
    },
  };
  return server;
}

/** Sends as fast as the throttle lets, from `senders` at a time, for `ms` of the fake clock. */
async function flood(throttle: Throttle, take: () => Promise<void>, senders: number, ms: number): Promise<void> {
  const end = Date.now() + ms;
  const sender = async (): Promise<void> => {
    while (Date.now() < end) await throttle.run(take).catch(() => after(100));
  };
  const all = Promise.all(Array.from({ length: senders }, sender));
  await vi.advanceTimersByTimeAsync(ms + 120_000);
  await all;
}

describe('a throttle', () => {
  it('lets as many requests run as it may, and says nothing', async () => {
    const log: string[] = [];
    const server = limitedServer(10_000);
    await flood(createThrottle({ most: 4, log: (m) => log.push(m) }), server.take, 6, 1000);
    expect(server.most).toBe(4);
    expect(server.taken).toBeGreaterThanOrEqual(196);
    expect(log).toStrictEqual([]);
  });

  it.each([1, 5, 40])('finds the pace of a server that takes %d requests a second', async (perSecond) => {
    const log: string[] = [];
    const server = limitedServer(perSecond);
    await flood(createThrottle({ most: 8, log: (m) => log.push(m) }), server.take, 8, 120_000);
    expect(server.taken).toBeGreaterThan(perSecond * 120 * 0.6);
    expect(server.refused).toBeLessThan(server.taken * 0.5);
    expect(log).toStrictEqual([
      'insert: rate limit exceeded (Milvus code 8): slowing down until the server takes more',
    ]);
  });

  it('comes back to full pace when the limit is gone, and says so once', async () => {
    const log: string[] = [];
    const throttle = createThrottle({ most: 8, log: (m) => log.push(m) });
    await flood(throttle, limitedServer(2).take, 8, 20_000);
    expect(throttle.limited).toBe(true);
    const free = limitedServer(1_000_000);
    await flood(throttle, free.take, 8, 60_000);
    expect([free.most, throttle.limited]).toStrictEqual([8, false]);
    expect(log.slice(1)).toStrictEqual(['the server takes requests at full pace again']);
    await flood(throttle, limitedServer(2).take, 8, 1000);
    expect(log).toHaveLength(3);
  });

  it('keeps to a bound that changes while requests are in flight', async () => {
    const server = limitedServer(10_000);
    let bound = 4;
    const throttle = createThrottle({ most: 4, bound: () => bound, log: (m) => expect.unreachable(m) });
    const most: number[] = [];
    for (const next of [4, 1, 3, 9]) {
      bound = next;
      server.most = 0;
      await flood(throttle, server.take, 6, 1000);
      most.push(server.most);
    }
    expect([most, throttle.limited]).toStrictEqual([[4, 1, 3, 4], false]);
  });

  it('counts the refusals of one round once', async () => {
    const throttle = createThrottle({ most: 8, log: () => {} });
    /** Requests that were in flight together, of eight that are all refused. */
    const together = async (): Promise<number> => {
      let [inFlight, most] = [0, 0];
      const request = async (): Promise<never> => {
        most = Math.max(most, ++inFlight);
        await after(10);
        inFlight--;
        throw limit();
      };
      const all = Promise.allSettled(Array.from({ length: 8 }, () => throttle.run(request)));
      await vi.advanceTimersByTimeAsync(60_000);
      await all;
      return most;
    };
    expect([await together(), await together()]).toStrictEqual([8, 4]);
  });

  it('ends the wait for its pace when the signal says so', async () => {
    const throttle = createThrottle({ most: 1, log: () => {} });
    const refuse = async (): Promise<never> => {
      throw limit();
    };
    for (let i = 0; i < 8; i++) {
      const one = throttle.run(refuse).catch(() => {});
      await vi.advanceTimersByTimeAsync(60_000);
      await one;
    }
    await throttle.run(refuse).catch(() => {});
    const controller = new AbortController();
    const waiting = throttle.run(async () => 'sent', controller.signal);
    const outcome = expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
    controller.abort();
    await outcome;
    const later = throttle.run(async () => 'sent');
    await vi.advanceTimersByTimeAsync(600_000);
    expect(await later).toBe('sent');
  });

  it('passes every other failure on and does not slow down for it', async () => {
    const throttle = createThrottle({ most: 2, log: (m) => expect.unreachable(m) });
    const other = statusError({ ...status, code: 1100 }, 'insert');
    await expect(throttle.run(() => Promise.reject(other))).rejects.toBe(other);
    expect(throttle.lastAccepted).toBe(0);
    await vi.advanceTimersByTimeAsync(500);
    await throttle.run(async () => {});
    expect(throttle.lastAccepted).toBe(500);
  });
});
