import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPython } from '../../../src/milvus/embedded-python.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'milvusdm-python-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** An executable that answers the probe like a Python of this version. */
async function fakePython(name: string, version: readonly number[], venv = true): Promise<string> {
  const path = join(folder, name);
  const answer = JSON.stringify({ version, executable: path, venv });
  await writeFile(path, `#!/bin/sh\necho '${answer}'\n`);
  await chmod(path, 0o755);
  return path;
}

const environment = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({ PATH: folder, ...more });

test('takes the first that is new enough', async () => {
  await fakePython('python3', [3, 9, 18]);
  const right = await fakePython('python3.12', [3, 12, 1]);
  await fakePython('python3.10', [3, 10, 0]);
  expect(await findPython(environment())).toBe(right);
});

test('passes over a Python without venv, and over a launcher that fails', async () => {
  await fakePython('python3', [3, 12, 1], false);
  const broken = await fakePython('python3.13', [3, 13, 0]);
  await writeFile(broken, '#!/bin/sh\nexit 127\n');
  const right = await fakePython('python3.11', [3, 11, 4]);
  expect(await findPython(environment())).toBe(right);
});

test('MILVUSDM_PYTHON is taken alone', async () => {
  await fakePython('python3', [3, 12, 1]);
  const chosen = await fakePython('mine', [3, 10, 2]);
  expect(await findPython(environment({ MILVUSDM_PYTHON: chosen }))).toBe(chosen);
  const old = await fakePython('old', [3, 8, 0]);
  await expect(findPython(environment({ MILVUSDM_PYTHON: old }))).rejects.toMatchObject({
    code: 'ENV_PYTHON',
    message: expect.stringContaining(`${old} is 3.8.0`),
  });
});

test('names what was found when nothing fits', async () => {
  await fakePython('python3', [3, 9, 18]);
  await fakePython('python', [2, 7, 18]);
  await expect(findPython(environment())).rejects.toMatchObject({
    code: 'ENV_PYTHON',
    message: expect.stringContaining('python3 is 3.9.18; python is 2.7.18'),
  });
  await expect(findPython({ PATH: `${delimiter}` })).rejects.toMatchObject({
    code: 'ENV_PYTHON',
    message: expect.stringContaining('there is none'),
  });
});

test('says which package brings a missing venv module', async () => {
  await fakePython('python3', [3, 11, 2], false);
  await expect(findPython(environment())).rejects.toMatchObject({
    code: 'ENV_PYTHON',
    message: expect.stringContaining('3.11.2 without the modules venv and ensurepip'),
    hint: expect.stringContaining('python3.11-venv'),
  });
});
