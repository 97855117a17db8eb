import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { isGone, ownIdentity, type ProcessIdentity } from '../../util/process-identity.js';
import { stateError } from './file.js';

/** Whom a lock belongs to. */
interface Holder extends ProcessIdentity {
  readonly since: string;
  readonly token: string;
}

async function holderOf(path: string): Promise<Holder | 'none' | 'unreadable'> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'ENOENT' ? 'none' : 'unreadable';
  }
}

function held(holder: Holder | 'unreadable', path: string): MilvusdmError {
  const who =
    holder === 'unreadable'
      ? `somebody holds ${path}`
      : `process ${holder.pid} on ${holder.host} runs it since ${holder.since} (${path})`;
  return fail('JOB_RUNNING', `this job is running already: ${who}`);
}

async function placeLock(path: string, own: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

/**
 * Gives the lock of a process that has died to us. Several may find it stale in the same moment, and any of them may be slow: who
 * replaces it holds another lock while looking and replacing, so that nobody replaces the lock of one who is alive.
 */
async function inherit(path: string, own: string, token: string): Promise<boolean> {
  const claim = `${path}.heir`;
  await take(claim, own);
  const now = await holderOf(path);
  if (typeof now === 'object' && now.token === token) {
    await rename(claim, path);
    return true;
  }
  await rm(claim, { force: true });
  return false;
}

async function take(path: string, own: string): Promise<void> {
  while (!(await placeLock(path, own))) {
    const holder = await holderOf(path);
    if (holder === 'none') continue;
    if (holder === 'unreadable' || !isGone(holder)) throw held(holder, path);
    if (await inherit(path, own, holder.token)) return;
  }
}

/** Whether somebody who is alive holds the lock. */
export async function isLocked(path: string): Promise<boolean> {
  const holder = await holderOf(path);
  return holder !== 'none' && (holder === 'unreadable' || !isGone(holder));
}

/**
 * Takes the lock file, which a process that has died does not hold any more. Throws JOB_RUNNING when another process has it and
 * ENV_STATE when it cannot be written. Disposing gives it back.
 */
export async function takeLock(path: string): Promise<AsyncDisposable> {
  const token = randomBytes(8).toString('hex');
  const own = `${path}.${token}`;
  const holder: Holder = {
    ...ownIdentity(),
    since: new Date().toISOString(),
    token,
  };
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const handle = await open(own, 'wx', 0o600);
    await handle.writeFile(JSON.stringify(holder));
    await handle.close();
    await take(path, own);
  } catch (thrown) {
    await rm(own, { force: true }).catch(() => {});
    throw (thrown as { code?: unknown }).code === 'JOB_RUNNING' ? thrown : stateError(path, thrown);
  }
  await rm(own, { force: true });
  return {
    async [Symbol.asyncDispose]() {
      const now = await holderOf(path);
      if (typeof now === 'object' && now.token === token) await rm(path, { force: true });
    },
  };
}
