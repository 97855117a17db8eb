import { describe, expect, it, vi } from 'vitest';
import { LIFE_MS, takeStoreLock } from '../../../../src/job/shards/lock.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

const options = (log: (message: string) => void = () => {}) => ({
  folder: 'locks/shard-0',
  what: 'shard 0 of 2',
  log,
  signal: new AbortController().signal,
});

/** Puts the entry of a process of elsewhere there. */
function foreign(store: MemoryStore, beat: number, more: object = {}): void {
  const entry = { pid: 1, host: 'pod-0', began: 'x', machine: 'another pid:[1]', since: 'then', beat, ...more };
  store.objects.set('locks/shard-0/f.json', Buffer.from(JSON.stringify(entry)));
}

async function withClock<T>(work: () => Promise<T>, eachSecond: () => void = () => {}): Promise<T> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  try {
    let over = false;
    const result = work().finally(() => {
      over = true;
    });
    result.catch(() => {});
    while (!over) {
      eachSecond();
      await vi.advanceTimersByTimeAsync(1000);
    }
    return await result;
  } finally {
    vi.useRealTimers();
  }
}

describe('a lock in a store', () => {
  it('is held by one at a time, and free again when it is given back', async () => {
    const store = createMemoryStore();
    await using first = await takeStoreLock(store, options());
    await expect(takeStoreLock(store, options())).rejects.toMatchObject({ code: 'JOB_RUNNING' });
    await first[Symbol.asyncDispose]();
    await using second = await takeStoreLock(store, options());
    expect(second.lost.aborted).toBe(false);
    expect(store.objects.size).toBe(1);
  });

  it('is got by one at most of many who come at once', async () => {
    for (let round = 0; round < 5; round++) {
      const store = createMemoryStore();
      const all = await Promise.allSettled(Array.from({ length: 4 }, () => takeStoreLock(store, options())));
      expect(all.filter((r) => r.status === 'fulfilled').length).toBeLessThanOrEqual(1);
      for (const one of all) if (one.status === 'fulfilled') await one.value[Symbol.asyncDispose]();
      expect(store.objects.size).toBe(0);
    }
  });

  it('of another machine is taken over when that shows no life any more', async () => {
    const store = createMemoryStore();
    foreign(store, 7);
    const said: string[] = [];
    const lock = await withClock(() =>
      takeStoreLock(
        store,
        options((m) => said.push(m)),
      ),
    );
    await lock[Symbol.asyncDispose]();
    expect(said).toStrictEqual(['shard 0 of 2 was taken by pod-0; waiting for a sign of life from there']);
    expect(store.objects.size).toBe(0);
  });

  it('of another machine stays where that is alive, even if it was made a moment ago under the same name', async () => {
    const store = createMemoryStore();
    let beat = 0;
    const taking = withClock(
      () => takeStoreLock(store, options()),
      () => foreign(store, Math.floor(beat++ / 5)),
    );
    await expect(taking).rejects.toMatchObject({ code: 'JOB_RUNNING', message: expect.stringContaining('pod-0') });
  });

  it('is lost, before others may take it, when it cannot be renewed', async () => {
    const store = createMemoryStore();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
    try {
      let broken = false;
      const write = (key: string, body: Uint8Array): Promise<void> =>
        broken ? Promise.reject(new Error('away')) : store.write(key, body);
      const lock = await takeStoreLock({ ...store, write: write as MemoryStore['write'] }, options());
      await vi.advanceTimersByTimeAsync(LIFE_MS * 2);
      expect(lock.lost.aborted).toBe(false);
      broken = true;
      await vi.advanceTimersByTimeAsync(LIFE_MS - 5000);
      expect(lock.lost.aborted).toBe(true);
      await lock[Symbol.asyncDispose]();
    } finally {
      vi.useRealTimers();
    }
  });
});
