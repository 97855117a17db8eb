import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sleep } from '../../util/abort.js';
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

/** Two who find the same stale lock may both replace it; after this long only the last one sees its own. */
const TAKE_OVER_MS = 100;

async function placeLock(path: string, own: string): Promise<boolean> {
  try {
    await link(own, path);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw thrown;
  }
}

async function take(path: string, own: string, token: string): Promise<void> {
  if (await placeLock(path, own)) return;
  const holder = await holderOf(path);
  if (holder === 'none') return take(path, own, token);
  if (holder === 'unreadable' || !isGone(holder)) throw held(holder, path);
  await rename(own, path);
  await sleep(TAKE_OVER_MS);
  const now = await holderOf(path);
  if (now === 'none' || now === 'unreadable' || now.token !== token) throw held(now === 'none' ? holder : now, path);
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
    await take(path, own, token);
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
