import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { lockServer } from '../../../../src/job/backup/server-lock.js';
import { deferred } from '../../../../src/util/deferred.js';
import { fail } from '../../../../src/util/errors.js';
import { ownIdentity } from '../../../../src/util/process-identity.js';
import { createMemoryStore, type MemoryStore } from '../../../support/memory-store.js';

const LOCKS = 'milvusdm/locks/';

function options(kind: 'manual' | 'automatic' = 'manual', backup = 'mine') {
  const log: string[] = [];
  const lost: unknown[] = [];
  return {
    kind,
    backup,
    log: (message: string) => log.push(message),
    onLost: (error: unknown) => lost.push(error),
    logged: log,
    lost,
  };
}

/** Writes the lock of somebody else. */
function hold(store: MemoryStore, changes: object): string {
  const key = `${LOCKS}other.json`;
  const entry = {
    ...ownIdentity(),
    host: 'elsewhere',
    kind: 'manual',
    backup: 'theirs',
    since: '2026-11-21T17:00:00.000Z',
    expires: new Date(Date.now() + 30_000).toISOString(),
    held: true,
    ...changes,
  };
  store.objects.set(key, Buffer.from(JSON.stringify(entry)));
  return key;
}

const locks = (store: MemoryStore): string[] => [...store.objects.keys()].filter((key) => key.startsWith(LOCKS));

describe('the lock of a server', () => {
  it('is an object while it is held', async () => {
    const store = createMemoryStore();
    const lock = await lockServer(store, options());
    expect(JSON.parse(Buffer.from(store.objects.get(locks(store)[0]!)!).toString())).toMatchObject({
      kind: 'manual',
      backup: 'mine',
      held: true,
      pid: process.pid,
    });
    await lock[Symbol.asyncDispose]();
    expect(locks(store)).toEqual([]);
  });

  it.each([
    ['manual', 'manual', false],
    ['manual', 'automatic', false],
    ['automatic', 'manual', true],
    ['automatic', 'automatic', false],
  ] as const)('a %s backup beside a running %s one: %s', async (kind, running, allowed) => {
    const store = createMemoryStore();
    await using _ = await lockServer(store, options(running, 'first'));
    const second = lockServer(store, options(kind, 'second'));
    if (allowed) await (await second)[Symbol.asyncDispose]();
    else {
      await expect(second).rejects.toMatchObject({
        code: 'JOB_RUNNING',
        message: expect.stringContaining(
          `the ${running} backup "first" of this server is running: process ${process.pid}`,
        ),
      });
    }
    expect(locks(store)).toHaveLength(1);
  });

  it('holds also an automatic one under the same name', async () => {
    const store = createMemoryStore();
    await using _ = await lockServer(store, options('manual', 'nightly'));
    const second = lockServer(store, options('automatic', 'nightly'));
    await expect(second).rejects.toMatchObject({ code: 'JOB_RUNNING' });
  });

  it('of another machine holds until it expires', async () => {
    const store = createMemoryStore();
    const key = hold(store, {});
    await expect(lockServer(store, options())).rejects.toMatchObject({
      message: expect.stringContaining('"theirs"'),
      hint: expect.stringContaining(key),
    });
    hold(store, { expires: new Date(Date.now() - 1).toISOString() });
    await using _ = await lockServer(store, options());
    expect(locks(store)).not.toContain(key);
  });

  it('of a process of this machine that has died holds nobody up', async () => {
    const store = createMemoryStore();
    hold(store, { host: hostname(), pid: 2 ** 22 + 1 });
    await using _ = await lockServer(store, options());
    expect(locks(store)).toHaveLength(1);
  });

  it('that is damaged holds nobody up', async () => {
    const store = createMemoryStore();
    store.objects.set(`${LOCKS}x.json`, Buffer.from('?'));
    await using _ = await lockServer(store, options());
    expect(locks(store)).toHaveLength(1);
  });

  it('stays where it cannot be read', async () => {
    const store = createMemoryStore();
    const key = hold(store, {});
    store.read = async () => {
      throw fail('STORE_UNAVAILABLE', 'away');
    };
    await expect(lockServer(store, options())).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(store.objects.has(key)).toBe(true);
  });

  it('goes to at most one of many who come at once', async () => {
    const store = createMemoryStore();
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => lockServer(store, options())));
    const won = outcomes.filter((one) => one.status === 'fulfilled');
    expect(won.length).toBeLessThanOrEqual(1);
    for (const { value } of won) await value[Symbol.asyncDispose]();
    expect(locks(store)).toEqual([]);
  });
});

describe('renewing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('moves the end before it comes', async () => {
    const store = createMemoryStore();
    await using _ = await lockServer(store, options());
    const expires = (): number =>
      Date.parse(JSON.parse(Buffer.from(store.objects.get(locks(store)[0]!)!).toString()).expires);
    const first = expires();
    await vi.advanceTimersByTimeAsync(41_000);
    expect(expires()).toBeGreaterThan(first + 30_000);
  });

  it('that a slow store keeps does not bring back a lock that was given back', async () => {
    const store = createMemoryStore();
    const lock = await lockServer(store, options());
    const { write } = store;
    const gate = deferred<void>();
    store.write = async (...args) => {
      store.write = write;
      await gate.promise;
      await write.apply(store, args);
    };
    await vi.advanceTimersByTimeAsync(41_000);
    const given = lock[Symbol.asyncDispose]();
    await vi.advanceTimersByTimeAsync(1000);
    gate.resolve();
    await given;
    await vi.advanceTimersByTimeAsync(1000);
    expect(locks(store)).toEqual([]);
  });

  it('that fails is told, and as a loss once the time is over', async () => {
    const store = createMemoryStore();
    const o = options();
    await using _ = await lockServer(store, o);
    const { write } = store;
    store.write = async () => {
      throw fail('STORE_UNAVAILABLE', 'away');
    };
    await vi.advanceTimersByTimeAsync(41_000);
    expect([o.logged.length, o.lost.length]).toEqual([2, 0]);
    await vi.advanceTimersByTimeAsync(21_000);
    expect(o.lost).toEqual([expect.objectContaining({ code: 'JOB_RUNNING' })]);
    store.write = write;
  });
});
