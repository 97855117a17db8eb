import { mkdtemp, readdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inFolder } from '../../../src/store/local-folder.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'milvusdm-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

it('makes a folder again that others remove level by level', async () => {
  const levels = ['a/b/c', 'a/b', 'a'].map((level) => join(root, level));
  const folder = levels[0] as string;
  let made = 0;
  const make = async (by: number): Promise<void> => {
    for (let round = 0; round < 600; round++) {
      const file = join(folder, `${by}`);
      await inFolder(folder, () => writeFile(file, 'x'));
      await rm(file);
      made++;
    }
  };
  let over = false;
  const remove = async (): Promise<void> => {
    while (!over) for (const level of levels) await rmdir(level).catch(() => {});
  };
  const removers = [remove(), remove()];
  const makers = await Promise.allSettled([make(0), make(1)]);
  over = true;
  await Promise.all(removers);
  expect(makers.filter(({ status }) => status === 'rejected')).toEqual([]);
  expect(made).toBe(1200);
});

it('does not wait for a file in the way to go', async () => {
  await writeFile(join(root, 'a'), '');
  await expect(inFolder(join(root, 'a/b/c'), () => readdir(root))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(inFolder(join(root, 'a'), () => readdir(root))).rejects.toMatchObject({ code: 'EEXIST' });
});
