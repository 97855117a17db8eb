import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, openSync } from 'node:fs';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { interrupted, throwIfAborted } from '../util/abort.js';
import { fail } from '../util/errors.js';
import { logTail } from './embedded-process.js';
import { findPython } from './embedded-python.js';

/** Unfinished installations older than this are of no living process. */
const STALE_MS = 24 * 3600 * 1000;

export interface EnvironmentSpec {
  /** Where the environment is to be; its name tells its content, for an existing one is taken as it is. */
  readonly folder: string;
  /** What pip installs, with exact versions. */
  readonly requirements: readonly string[];
  /** What the user is told when it has to be made. */
  readonly notice: string;
  /** Python source that runs in the new environment, with its folder as argument, before it counts as complete. */
  readonly prepare?: string;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Path of the interpreter of a private Python environment, which is made when it is missing: built under another name and
 * renamed when complete, so that an installation that was killed is never taken for one; of two processes at it the first
 * wins and both use its result. pip reads the user's own configuration (index, proxy, certificates).
 * Throws ENV_PYTHON, ENV_INSTALL (with the end of pip's output) or INTERRUPTED.
 */
export async function ensureEnvironment(spec: EnvironmentSpec): Promise<string> {
  const python = interpreter(spec.folder);
  if (await isExecutable(python)) return python;
  const base = await findPython(spec.env);
  throwIfAborted(spec.signal);
  spec.log(spec.notice);
  const parent = dirname(spec.folder);
  const name = basename(spec.folder);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  await removeStale(parent, name);
  const building = join(parent, `${name}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    await build(base, building, `${spec.folder}.install.log`, spec);
    await putInPlace(building, spec.folder);
  } finally {
    // What was killed has ended, or is about to.
    await rm(building, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
  return python;
}

function interpreter(folder: string): string {
  return process.platform === 'win32' ? join(folder, 'Scripts', 'python.exe') : join(folder, 'bin', 'python');
}

/** False also where the interpreter is a link to a Python that has been removed from the machine. */
async function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}

async function build(base: string, folder: string, logFile: string, spec: EnvironmentSpec): Promise<void> {
  const python = interpreter(folder);
  const env = pipEnvironment(spec.env ?? process.env);
  const pip = ['-I', '-m', 'pip', 'install', '--no-input', '--disable-pip-version-check', '--progress-bar', 'off'];
  const steps: (readonly [string, readonly string[]])[] = [
    [base, ['-I', '-m', 'venv', folder]],
    [python, [...pip, ...spec.requirements]],
  ];
  if (spec.prepare) steps.push([python, ['-I', '-c', spec.prepare, folder]]);
  const log = openSync(logFile, 'w', 0o600);
  try {
    for (const [command, args] of steps) {
      const problem = await runLogged(command, args, env, log, spec.signal);
      if (problem === undefined) continue;
      throwIfAborted(spec.signal);
      const what = args.includes('pip')
        ? `pip install ${spec.requirements.join(' ')}`
        : `${basename(command)} ${args[2]}`;
      throw fail('ENV_INSTALL', `${what} failed (${problem}); its log is ${logFile}, which ends:${logTail(logFile)}`);
    }
  } finally {
    closeSync(log);
  }
}

/** The user's pip settings without those that would lead the installation out of the environment. */
function pipEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { PIP_USER: _user, PIP_TARGET: _target, PIP_PREFIX: _prefix, PIP_ROOT: _root, ...rest } = env;
  return rest;
}

/** Runs a command with its output in the log; undefined when it succeeded, else how it ended. */
function runLogged(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  log: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(interrupted());
      return;
    }
    // In a group of their own: venv and pip work through processes of theirs, which would go on in a folder that is removed.
    const child = spawn(command, args, { env, stdio: ['ignore', log, log], detached: process.platform !== 'win32' });
    const onAbort = (): void => endGroup(child);
    signal?.addEventListener('abort', onAbort, { once: true });
    const done = (problem: string | undefined): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve(problem);
    };
    child.once('error', (error) => done(error.message));
    child.once('exit', (code, killedBy) =>
      done(code === 0 ? undefined : killedBy ? `killed by ${killedBy}` : `exit ${code}`),
    );
  });
}

function endGroup(child: ChildProcess): void {
  try {
    if (process.platform === 'win32' || child.pid === undefined) child.kill();
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ended in the meantime
  }
}

/** Renames the finished environment into place; one that another process has put there meanwhile stays. */
async function putInPlace(building: string, folder: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await rename(building, folder);
      return;
    } catch (cause) {
      if (await isExecutable(interpreter(folder))) return;
      if (attempt > 0)
        throw fail('ENV_INSTALL', `cannot rename ${building} to ${folder}: ${(cause as Error).message}`, { cause });
      // What stands there is an environment whose Python is gone.
      await rename(folder, `${building}.old.tmp`).catch(() => {});
      await rm(`${building}.old.tmp`, { recursive: true, force: true });
    }
  }
}

/** Removes what installations of this environment that were killed long ago have left. */
async function removeStale(parent: string, name: string): Promise<void> {
  const left = (await readdir(parent)).filter((entry) => entry.startsWith(`${name}.`) && entry.endsWith('.tmp'));
  for (const entry of left) {
    const path = join(parent, entry);
    const age = await stat(path).then(
      (s) => Date.now() - s.mtimeMs,
      () => 0,
    );
    if (age > STALE_MS) await rm(path, { recursive: true, force: true });
  }
}
