import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import type { ObjectStore } from '../../store/types.js';
import { sleep } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { isGone, ownIdentity, type ProcessIdentity } from '../../util/process-identity.js';

/** An entry of a lock: one object in its folder, named by its token. */
interface Entry extends ProcessIdentity {
  /** Kernel and process namespace: only there the number means this process. */
  readonly machine: string;
  readonly since: string;
  /** Grows with every sign of life. */
  readonly beat: number;
}

/** Somebody who has given no sign of life for so long holds a lock no more. */
export const LIFE_MS = 30_000;
const BEAT_MS = 5000;
const LOOK_MS = 1000;
/** For those who came at the same time. */
const ATTEMPTS = 6;

/** Two containers have processes of the same number, and a pod that is made anew has the name of the one before. */
function ownMachine(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

async function readEntry(store: ObjectStore, key: string): Promise<Entry | undefined> {
  try {
    return JSON.parse(Buffer.from(await store.read(key)).toString()) as Entry;
  } catch (thrown) {
    // Removed meanwhile, or nothing of ours.
    if (thrown instanceof SyntaxError) return undefined;
    if (thrown instanceof MilvusdmError && thrown.code === 'STORE_MISSING') return undefined;
    throw thrown;
  }
}

interface Other {
  readonly key: string;
  readonly entry: Entry;
}

/** Holders of a lock but for `own`; entries of processes that have died on this machine are removed. */
async function holders(store: ObjectStore, folder: string, own?: string): Promise<Other[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(`${folder}/`)) if (key !== own) keys.push(key);
  const others: Other[] = [];
  for (const key of keys) {
    const entry = await readEntry(store, key);
    const here = entry !== undefined && entry.machine !== '' && entry.machine === ownMachine();
    if (entry === undefined || (here && isGone(entry))) await store.remove([key]);
    else others.push({ key, entry });
  }
  return others;
}

export interface LockOptions {
  /** Folder of the lock in the store. */
  readonly folder: string;
  /** What is locked, for messages: "shard 2 of 8". */
  readonly what: string;
  readonly log: (message: string) => void;
  readonly signal: AbortSignal;
}

function running(store: ObjectStore, what: string, { key, entry }: Other): MilvusdmError {
  return fail(
    'JOB_RUNNING',
    `${what} is running already: process ${entry.pid} on ${entry.host}, since ${entry.since} (${key} in ${store.name})`,
    { hint: `Wait until it has ended, or stop it; ${LIFE_MS / 1000} s after a machine has died its shard can be run.` },
  );
}

/**
 * Waits until none of the holders shows a sign of life any more, by our own clock; those of other machines may differ. Throws
 * JOB_RUNNING as soon as one does.
 */
async function outlive(store: ObjectStore, others: readonly Other[], o: LockOptions): Promise<void> {
  const here = others.find(({ entry }) => entry.machine !== '' && entry.machine === ownMachine());
  if (here) throw running(store, o.what, here);
  o.log(`${o.what} was taken by ${others[0]!.entry.host}; waiting for a sign of life from there`);
  for (const end = performance.now() + LIFE_MS; performance.now() < end; ) {
    await sleep(LOOK_MS, o.signal);
    for (const other of others) {
      const now = await readEntry(store, other.key);
      if (now && now.beat !== other.entry.beat) throw running(store, o.what, { key: other.key, entry: now });
    }
  }
  await store.remove(others.map((other) => other.key));
}

/** A lock in a store that is held until it is disposed of. */
export interface StoreLock extends AsyncDisposable {
  /** Aborted when the lock could not be renewed in time: others may hold it now. */
  readonly lost: AbortSignal;
}

/** Throws JOB_RUNNING while somebody holds the lock who may be alive. */
export async function requireFree(store: ObjectStore, o: LockOptions): Promise<void> {
  const others = await holders(store, o.folder);
  if (others.length > 0) await outlive(store, others, o);
}

/**
 * Takes a lock in a store that several machines reach: stores have no lock of their own, so each writes that it is there and
 * then looks for others. Throws JOB_RUNNING while another process has it; one that has died on this machine has it no more at
 * once, one of another machine after {@link LIFE_MS}. Throws STORE_* as the store does.
 */
export async function takeStoreLock(store: ObjectStore, o: LockOptions): Promise<StoreLock> {
  const key = `${o.folder}/${randomBytes(8).toString('hex')}.json`;
  const since = new Date().toISOString();
  const machine = ownMachine();
  let beat = 0;
  const show = (): Promise<void> => {
    const entry: Entry = { ...ownIdentity(), machine, since, beat: beat++ };
    return store.write(key, Buffer.from(JSON.stringify(entry)));
  };
  for (let attempt = 1; ; attempt++) {
    await requireFree(store, o);
    await show();
    // Both of two who come at once have written before they look, so that at least one sees the other.
    const [other] = await holders(store, o.folder, key);
    if (!other) return keepLock(store, key, show, o);
    await store.remove([key]);
    if (attempt === ATTEMPTS) throw running(store, o.what, other);
    await sleep(50 * attempt * (1 + Math.random()), o.signal);
  }
}

function keepLock(store: ObjectStore, key: string, show: () => Promise<void>, o: LockOptions): StoreLock {
  const lost = new AbortController();
  let shown = performance.now();
  let busy: Promise<void> = Promise.resolve();
  const renew = async (): Promise<void> => {
    const begun = performance.now();
    try {
      await show();
      shown = begun;
    } catch (thrown) {
      o.log(`${o.what}: its lock could not be renewed: ${(thrown as Error).message}`);
    }
  };
  const timer = setInterval(() => {
    // Well before others may take it.
    if (performance.now() - shown > LIFE_MS / 2) lost.abort();
    busy = Promise.all([busy, renew()]).then(() => {});
  }, BEAT_MS);
  timer.unref();
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await busy;
      // The work is what it is; a lock that stays ends by itself.
      await store.remove([key]).catch((thrown: Error) => o.log(`${o.what}: its lock stays: ${thrown.message}`));
    },
  };
}
