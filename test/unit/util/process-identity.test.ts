import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { sleep } from '../../../src/util/abort.js';
import { isGone, ownIdentity } from '../../../src/util/process-identity.js';

const identityOf = (pid: number) => ({ pid, host: hostname(), began: '' });

describe('a process', () => {
  it('that runs is not gone, and a later one with its number is another', () => {
    expect(isGone(ownIdentity())).toBe(false);
    expect(isGone({ ...ownIdentity(), began: 'long ago/1' })).toBe(existsSync('/proc/self/stat'));
    expect(isGone({ ...ownIdentity(), host: 'elsewhere', began: 'long ago/1' })).toBe(false);
  });

  it('that has ended is gone', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'exit');
    expect(isGone(identityOf(child.pid!))).toBe(true);
  });

  // Needs the state of processes, which only Linux shows in files.
  it.runIf(existsSync('/proc/self/stat'))(
    'that has ended without being fetched by its parent is gone, too',
    async () => {
      // The shell becomes a program that knows nothing of the child it has begun, while that is still at work.
      const parent = spawn('sh', ['-c', 'sleep 1 & echo $!; exec sleep 300']);
      try {
        const [line] = (await once(parent.stdout, 'data')) as [Buffer];
        const pid = Number(line.toString());
        for (let i = 0; i < 5000 && !isGone(identityOf(pid)); i++) await sleep(20);
        expect(isGone(identityOf(pid))).toBe(true);
        expect(existsSync(`/proc/${pid}/stat`)).toBe(true);
      } finally {
        parent.kill('SIGKILL');
      }
    },
  );
});
