import { randomBytes } from 'node:crypto';
import type { BackupConfig } from '../../config/types.js';
import type { ObjectStore } from '../../store/types.js';
import { sleep } from '../../util/abort.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { isGone, ownIdentity, type ProcessIdentity } from '../../util/process-identity.js';

type Kind = BackupConfig['kind'];

/** An entry of a lock: one object in its folder, named by its token. */
interface Entry extends ProcessIdentity {
  readonly kind: Kind;
  readonly backup: string;
  readonly since: string;
  /** UTC; after that nobody holds it any more. */
  readonly expires: string;
  /** Whether its owner has looked at the others. */
  readonly held: boolean;
  /** What runs, where that is no backup: "creation of snapshot nightly". */
  readonly what?: string;
  /** Bears others that are shared. */
  readonly shared?: boolean;
}

/** Milvus and its garbage collection look at insert_log, delta_log and their like only. */
const LOCKS = 'milvusdm/locks/';
const LIFE_MS = 60_000;
const RENEW_MS = 20_000;
/** For those who came at the same time. */
const ATTEMPTS = 6;

export interface LockOptions {
  readonly kind: Kind;
  /** Name of the backup, for the others. */
  readonly backup: string;
  /** What is locked, with "/" at its end; the server where absent. */
  readonly folder?: string;
  readonly what?: string;
  readonly shared?: boolean;
  readonly log: (message: string) => void;
  /** Told when the lock could not be renewed before it had expired. */
  readonly onLost: (error: MilvusdmError) => void;
}

/** A manual backup wants to be alone; an automatic one bears a manual one. Two may run, but not into one folder. */
function excludes(own: Entry, other: Entry): boolean {
  if (own.shared || other.shared) return !(own.shared && other.shared);
  return own.kind === 'manual' || other.kind === 'automatic' || own.backup === other.backup;
}

/** Undefined for one that went away meanwhile, and for what nobody who renews it has written. */
async function readEntry(store: ObjectStore, key: string): Promise<Entry | undefined> {
  const bytes = await store.read(key).catch((thrown: unknown) => {
    if (thrown instanceof MilvusdmError && thrown.code === 'STORE_MISSING') return new Uint8Array();
    throw thrown;
  });
  try {
    const entry = JSON.parse(Buffer.from(bytes).toString()) as Entry;
    return Number.isNaN(Date.parse(entry.expires)) ? undefined : entry;
  } catch {
    return undefined;
  }
}

interface Other {
  readonly key: string;
  readonly entry: Entry;
}

/** The entries of others that stand in the way; those of the dead are removed. */
async function othersOf(store: ObjectStore, own: string, mine: Entry): Promise<Other[]> {
  const others: Other[] = [];
  const keys: string[] = [];
  const folder = own.slice(0, own.lastIndexOf('/') + 1);
  for await (const { key } of store.list(folder)) if (key !== own) keys.push(key);
  for (const key of keys) {
    const entry = await readEntry(store, key);
    if (entry && !isGone(entry) && Date.parse(entry.expires) > Date.now()) {
      if (excludes(mine, entry)) others.push({ key, entry });
    } else await store.remove([key]);
  }
  return others;
}

function running(store: ObjectStore, { key, entry }: Other): MilvusdmError {
  const { kind, backup, pid, host, since, expires, what = `${kind} backup "${backup}" of this server` } = entry;
  return fail('JOB_RUNNING', `the ${what} is running: process ${pid} on ${host}, since ${since}`, {
    hint: `Wait until it has ended, or stop it. Its lock ends at ${expires} unless it goes on (${key} in ${store.name}).`,
  });
}

async function take(store: ObjectStore, key: string, entry: () => Entry): Promise<void> {
  const write = (held: boolean): Promise<void> => store.write(key, Buffer.from(JSON.stringify({ ...entry(), held })));
  for (let attempt = 1; ; attempt++) {
    // Both of two who come at once have written before they look, so that at least one sees the other.
    await write(false);
    const others = await othersOf(store, key, entry());
    if (others.length === 0) {
      await write(true);
      return;
    }
    await store.remove([key]);
    const holder = others.find(({ entry: other }) => other.held);
    if (holder || attempt === ATTEMPTS) throw running(store, holder ?? others[0]!);
    await sleep(50 * attempt * (1 + Math.random()));
  }
}

/**
 * Takes the lock of a server for a backup: an object in a store that all who back it up reach. It ends by itself when its
 * owner does not renew it any more, and at once when that was a process of this machine that has died. Throws JOB_RUNNING
 * and STORE_*. Disposing gives it back.
 */
export async function lockServer(store: ObjectStore, o: LockOptions): Promise<AsyncDisposable> {
  const key = `${o.folder ?? LOCKS}${randomBytes(8).toString('hex')}.json`;
  const since = new Date().toISOString();
  const entry = (): Entry => ({
    ...ownIdentity(),
    kind: o.kind,
    backup: o.backup,
    ...(o.what === undefined ? {} : { what: o.what }),
    ...(o.shared ? { shared: true } : {}),
    since,
    expires: new Date(Date.now() + LIFE_MS).toISOString(),
    held: true,
  });
  await take(store, key, entry);
  let expires = Date.now() + LIFE_MS;
  let busy: Promise<void> = Promise.resolve();
  const renew = async (): Promise<void> => {
    try {
      await store.write(key, Buffer.from(JSON.stringify(entry())));
      expires = Date.now() + LIFE_MS;
    } catch (cause) {
      const why = (cause as Error).message;
      if (Date.now() < expires) o.log(`the lock of the server could not be renewed, tried again soon: ${why}`);
      else o.onLost(fail('JOB_RUNNING', `the lock of the server was lost: ${why}`, { cause }));
    }
  };
  const timer = setInterval(() => {
    // One that a slow store keeps must not bring the lock back once it has been given back.
    busy = Promise.all([busy, renew()]).then(() => {});
  }, RENEW_MS);
  timer.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await busy;
      // The backup is what it is; a lock that stays ends by itself.
      await store.remove([key]).catch((thrown: Error) => o.log(`the lock of the server stays: ${thrown.message}`));
    },
  };
}
