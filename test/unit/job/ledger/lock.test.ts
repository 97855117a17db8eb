import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { isLocked, takeLock } from '../../../../src/job/ledger/lock.js';
import { deferred } from '../../../../src/util/deferred.js';
import { useStateFolder } from '../support.js';

/** Keeps the next call of a function of the file system waiting; the lock's own steps are seen from outside by nothing else. */
const slow = vi.hoisted(() => ({ call: '', until: Promise.resolve() }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const taken = (call: string): Promise<void> | undefined => {
    if (slow.call !== call) return undefined;
    slow.call = '';
    return slow.until;
  };
  return {
    ...real,
    async rename(from: string, to: string) {
      await taken('rename');
      await real.rename(from, to);
    },
    async readFile(path: string, encoding: 'utf8') {
      const late = taken('readFile');
      const text = await real.readFile(path, encoding);
      await late;
      return text;
    },
  };
});

const state = useStateFolder();
const path = (): string => join(state.path, 'a.lock');
const holder = (more: object): string =>
  JSON.stringify({ pid: process.pid, host: hostname(), began: '', since: 'then', token: 'x', ...more });

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

describe('a lock', () => {
  it('is held by one, and free again when that one gives it back', async () => {
    const first = await takeLock(path());
    await expect(takeLock(path())).rejects.toMatchObject({
      code: 'JOB_RUNNING',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect(await isLocked(path())).toBe(true);
    await first[Symbol.asyncDispose]();
    expect(await isLocked(path())).toBe(false);
    await (await takeLock(path()))[Symbol.asyncDispose]();
    expect(readdirSync(state.path)).toStrictEqual([]);
  });

  it('of a process that has died is nobody’s', async () => {
    writeFileSync(path(), holder({ pid: await deadPid() }));
    expect(await isLocked(path())).toBe(false);
    await using _ = await takeLock(path());
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ pid: process.pid });
  });

  it.skipIf(!existsSync('/proc/self/stat'))('of a process whose number another one has now is nobody’s', async () => {
    writeFileSync(path(), holder({ began: 'another-boot/1' }));
    await using _ = await takeLock(path());
    expect(await isLocked(path())).toBe(true);
  });

  it('of another machine or of unknown form stands', async () => {
    for (const text of [holder({ host: 'elsewhere', pid: await deadPid() }), 'not JSON']) {
      writeFileSync(path(), text);
      await expect(takeLock(path())).rejects.toMatchObject({ code: 'JOB_RUNNING' });
    }
  });

  it('that is stale goes to one of many', async () => {
    writeFileSync(path(), holder({ pid: await deadPid() }));
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path())));
    expect(all.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
  });

  it.each(['readFile', 'rename'])('that is stale goes to one of two, of whom one is slow at its %s', async (call) => {
    writeFileSync(path(), holder({ pid: await deadPid() }));
    const gate = deferred<void>();
    Object.assign(slow, { call, until: gate.promise });
    const first = takeLock(path());
    await vi.waitFor(() => expect(slow.call).toBe(''), 30_000);
    const second = await takeLock(path()).then(
      () => 'held',
      (thrown: { code: string }) => thrown.code,
    );
    gate.resolve();
    const outcomes = [
      await first.then(
        () => 'held',
        (thrown: { code: string }) => thrown.code,
      ),
      second,
    ];
    expect(outcomes.sort()).toStrictEqual(['JOB_RUNNING', 'held']);
    expect(readdirSync(state.path)).toStrictEqual(['a.lock']);
  });

  it('is taken though its heir has died, too', async () => {
    const dead = holder({ pid: await deadPid() });
    for (const name of ['a.lock', 'a.lock.heir', 'a.lock.heir.heir']) writeFileSync(join(state.path, name), dead);
    await using _ = await takeLock(path());
    expect(JSON.parse(readFileSync(path(), 'utf8'))).toMatchObject({ pid: process.pid });
    expect(readdirSync(state.path)).toStrictEqual(['a.lock']);
  });

  it('that cannot be placed is ENV_STATE', async () => {
    writeFileSync(join(state.path, 'file'), '');
    await expect(takeLock(join(state.path, 'file', 'a.lock'))).rejects.toMatchObject({ code: 'ENV_STATE' });
  });
});
