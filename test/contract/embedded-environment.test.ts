import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EnvironmentSpec, ensureEnvironment } from '../../src/milvus/embedded-environment.js';
import { findPython } from '../../src/milvus/embedded-python.js';

/** A package of one module, as a wheel: so these tests need no index. */
const MAKE_WHEEL = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    info = "tiny-1.0.dist-info/"
    wheel.writestr("tiny.py", "answer = 42\\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "RECORD", "tiny.py,,\\n%sMETADATA,,\\n%sWHEEL,,\\n%sRECORD,,\\n" % (info, info, info))
`;

let root: string;
let wheel: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'milvusdm-environment-'));
  wheel = join(root, 'tiny-1.0-py3-none-any.whl');
  execFileSync(await findPython(), ['-c', MAKE_WHEEL, wheel]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const spec = (name: string, more: Partial<EnvironmentSpec> = {}): EnvironmentSpec => ({
  folder: join(root, name, 'environment'),
  requirements: [wheel],
  notice: 'installing',
  log: () => {},
  ...more,
});
const answer = (python: string): string =>
  execFileSync(python, ['-I', '-c', 'import tiny, sys; print(tiny.answer, sys.prefix)'], { encoding: 'utf8' }).trim();

test('installs once, works after the rename, and tells so once', async () => {
  const said: string[] = [];
  const one = spec('once', {
    log: (message) => said.push(message),
    prepare: 'import tiny, sys; open(sys.argv[1] + "/ready", "w")',
  });
  const python = await ensureEnvironment(one);
  expect(answer(python)).toBe(`42 ${one.folder}`);
  expect(await readdir(one.folder)).toContain('ready');
  expect(await ensureEnvironment({ ...one, requirements: ['/nowhere.whl'] })).toBe(python);
  expect(said).toEqual(['installing']);
});

test('two at once both get it, and nothing else is left', async () => {
  const one = spec('race');
  const [a, b] = await Promise.all([ensureEnvironment(one), ensureEnvironment(one)]);
  expect(a).toBe(b);
  expect(answer(a)).toBe(`42 ${one.folder}`);
  expect((await readdir(dirname(one.folder))).sort()).toEqual(['environment', 'environment.install.log']);
});

test('a failed pip is ENV_INSTALL with its last lines and its log; nothing is left', async () => {
  const one = spec('failed', { requirements: [join(root, 'missing-1.0-py3-none-any.whl')] });
  await expect(ensureEnvironment(one)).rejects.toMatchObject({
    code: 'ENV_INSTALL',
    message: expect.stringMatching(/pip install .*exit 1.*environment\.install\.log[\s\S]*missing-1\.0/),
  });
  expect(await readdir(dirname(one.folder))).toEqual(['environment.install.log']);
});

test('a failed check of what was installed is ENV_INSTALL', async () => {
  const one = spec('check', { prepare: 'import not_there' });
  await expect(ensureEnvironment(one)).rejects.toMatchObject({
    code: 'ENV_INSTALL',
    message: expect.stringContaining("No module named 'not_there'"),
  });
  expect(await readdir(dirname(one.folder))).toEqual(['environment.install.log']);
});

test('an abort stops the installation', async () => {
  const stop = new AbortController();
  const busy = join(root, 'busy');
  // A process of a process, as pip has them, that works in the folder.
  const work = `import os, time
end = time.time() + 30
while time.time() < end:
    os.makedirs(os.path.join(FOLDER, "work", str(time.time())))
    open(BUSY, "w").close()`;
  const prepare = `import subprocess, sys
work = ${JSON.stringify(work)}.replace("FOLDER", repr(sys.argv[1])).replace("BUSY", repr(${JSON.stringify(busy)}))
subprocess.run([sys.executable, "-c", work])`;
  const one = spec('abort', { prepare, signal: stop.signal });
  const failing = expect(ensureEnvironment(one)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await expect.poll(() => existsSync(busy)).toBe(true);
  stop.abort();
  await failing;
  expect(await readdir(dirname(one.folder))).toEqual(['environment.install.log']);
});

test('an environment whose Python is gone, and remains of killed installations, are replaced', async () => {
  const one = spec('replaced');
  await mkdir(join(one.folder, 'bin'), { recursive: true });
  await symlink('/nowhere/python3', join(one.folder, 'bin', 'python'));
  const [dead, running] = [`${one.folder}.00000000.tmp`, `${one.folder}.11111111.tmp`];
  await mkdir(dead);
  await writeFile(join(dead, 'half'), '');
  await utimes(dead, 0, 0);
  await mkdir(running);
  expect(answer(await ensureEnvironment(one))).toBe(`42 ${one.folder}`);
  const left = ['environment', 'environment.11111111.tmp', 'environment.install.log'];
  expect((await readdir(dirname(one.folder))).sort()).toEqual(left);
});
