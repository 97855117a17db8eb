import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { temporaryFolder } from '../../support/temporary.js';

const fault = vi.hoisted(() => ({ link: undefined as string | undefined }));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  return {
    ...real,
    link: async (from: string, to: string) => {
      if (fault.link) throw Object.assign(new Error(fault.link), { code: fault.link });
      return real.link(from, to);
    },
  };
});

const { writeWhole } = await import('../../../src/util/atomic.js');

afterEach(() => {
  fault.link = undefined;
});

describe.each([undefined, 'EPERM'])('a file written as a whole, where links say %s', (code) => {
  it('is there with its content, and never replaces another', async () => {
    fault.link = code;
    const path = join(temporaryFolder('atomic'), 'deep', 'a.txt');
    await writeWhole(path, 'first');
    await expect(writeWhole(path, 'second')).rejects.toMatchObject({ code: 'DST_STORAGE' });
    expect(readFileSync(path, 'utf8')).toBe('first');
    expect(readdirSync(join(path, '..'))).toEqual(['a.txt']);
  });
});

it('a disk that is full leaves nothing behind', async () => {
  fault.link = 'ENOSPC';
  const path = join(temporaryFolder('atomic'), 'a.txt');
  await expect(writeWhole(path, 'x')).rejects.toMatchObject({ code: 'DST_STORAGE' });
  expect(readdirSync(join(path, '..'))).toEqual([]);
});
