import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isLocked, takeLock } from '../../../../src/job/ledger/lock.js';
import { useStateFolder } from '../support.js';

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

  it('that cannot be placed is ENV_STATE', async () => {
    writeFileSync(join(state.path, 'file'), '');
    await expect(takeLock(join(state.path, 'file', 'a.lock'))).rejects.toMatchObject({ code: 'ENV_STATE' });
  });
});
