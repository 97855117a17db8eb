import { randomUUID } from 'node:crypto';
import { type FileHandle, link, mkdir, open, readdir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LocalStorage } from '../config/types.js';
import { throwIfAborted } from '../util/abort.js';
import { fail, MilvusdmError } from '../util/errors.js';
import { allSettled, createPool } from '../util/pool.js';
import { checkedKey } from './keys.js';
import { FileCopier } from './local-copy.js';
import { inFolder } from './local-folder.js';
import { beginFile } from './local-growing.js';
import { listFiles, listFolders, refused, WORK } from './local-list.js';
import { sized, watched } from './sized.js';
import type {
  ByteRange,
  CopyOptions,
  GrowingObject,
  ObjectStore,
  OpenStoreOptions,
  StoredObject,
  StoreOptions,
} from './types.js';

/** What a killed process left behind there is removed after this time. */
const STALE_MS = 24 * 3600 * 1000;
const PIECE = 1024 * 1024;
const SYNC_EVERY = 32 * 1024 * 1024;
const SYNCS_AT_A_TIME = 32;

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Has the disk work while the next pieces come, so that little is left for it at the end. */
async function writePieces(
  handle: FileHandle,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  let unsynced = 0;
  let syncing: Promise<unknown> | undefined;
  // A disk tells of a failure once.
  let failure: { readonly thrown: unknown } | undefined;
  try {
    for await (const piece of pieces) {
      throwIfAborted(signal);
      await handle.writeFile(piece);
      unsynced += piece.length;
      if (unsynced < SYNC_EVERY || syncing) continue;
      unsynced = 0;
      syncing = handle.datasync().then(
        () => (syncing = undefined),
        (thrown: unknown) => (failure = { thrown }),
      );
    }
  } finally {
    await syncing;
  }
  if (failure) throw (failure as { readonly thrown: unknown }).thrown;
}

/** Removes from the folder of unfinished files what dead processes have left there. */
async function sweep(work: string): Promise<void> {
  const names = await readdir(work).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  for (const name of names) {
    const path = join(work, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts && Date.now() - facts.ctimeMs > STALE_MS) await rm(path, { force: true });
  }
}

/** Nobody else's: containers that share a folder have the same process ids. */
const OWN = randomUUID();
/** Files that were begun by all stores of this process: several may be of one folder. */
let made = 0;

class LocalStore implements ObjectStore {
  readonly kind = 'local';
  readonly name: string;
  readonly folder: string;
  /** Folders with names in them that may not be on the disk yet. */
  readonly #unsynced = new Set<string>();
  readonly #copier = new FileCopier();
  #swept: Promise<void> | undefined;

  constructor(folder: string) {
    this.folder = folder;
    this.name = `folder ${folder}`;
  }

  #path(key: string): string {
    return join(this.folder, checkedKey(key));
  }

  list(prefix: string, o: StoreOptions = {}): AsyncIterable<StoredObject> {
    return listFiles(this, prefix, o);
  }

  folders(prefix: string, o: StoreOptions = {}): AsyncIterable<string> {
    return listFolders(this, prefix, o);
  }

  async read(
    key: string,
    o: StoreOptions & { readonly range?: ByteRange; readonly into?: Uint8Array } = {},
  ): Promise<Uint8Array> {
    throwIfAborted(o.signal);
    try {
      const handle = await open(this.#path(key), 'r');
      try {
        const { range, into } = o;
        const fits = range && into && range.to - range.from <= into.length;
        // Reading ends where the file does: only memory of our own needs to be sized before.
        const size = fits ? range.to : (await handle.stat()).size;
        const from = Math.min(range?.from ?? 0, size);
        const length = Math.max(0, Math.min(range?.to ?? size, size) - from);
        const bytes = into && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafeSlow(length);
        let got = 0;
        for (let n = 1; got < bytes.length && n > 0; got += n) {
          ({ bytesRead: n } = await handle.read(bytes, got, bytes.length - got, from + got));
        }
        return bytes.subarray(0, got);
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw refused(this.name, thrown, key);
    }
  }

  async *stream(key: string, o: StoreOptions & { passing?: boolean } = {}): AsyncGenerator<Uint8Array> {
    const handle = await open(this.#path(key), 'r').catch((thrown) => {
      throw refused(this.name, thrown, key);
    });
    let piece = Buffer.allocUnsafeSlow(PIECE);
    try {
      for (;;) {
        throwIfAborted(o.signal);
        const { bytesRead } = await handle.read(piece, 0, PIECE).catch((thrown) => {
          throw refused(this.name, thrown, key);
        });
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
        if (!o.passing) piece = Buffer.allocUnsafeSlow(PIECE);
      }
    } finally {
      await handle.close();
    }
  }

  write(
    key: string,
    body: Uint8Array | AsyncIterable<Uint8Array>,
    o: StoreOptions & { size?: number } = {},
  ): Promise<void> {
    return this.#place(key, o, async (temporary) => {
      const handle = await open(temporary, 'wx', 0o644);
      try {
        if (body instanceof Uint8Array) await handle.writeFile(body);
        else await writePieces(handle, sized(body, o.size, key), o.signal);
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  async begin(key: string, headBytes: number, o: StoreOptions = {}): Promise<GrowingObject> {
    throwIfAborted(o.signal);
    return await beginFile(this.#path(key), headBytes, `${key} in ${this.name}`);
  }

  copy(from: ObjectStore, source: StoredObject, key: string, o: CopyOptions = {}): Promise<void> {
    if (!(from instanceof LocalStore)) {
      if (o.link) return Promise.reject(noLink(`${from.name} is no folder`));
      return this.write(key, watched(from.stream(source.key, o), o.watch), { ...o, size: source.size });
    }
    const path = from.#path(source.key);
    const later = { ...o, later: true };
    return this.#place(key, later, async (temporary) => {
      try {
        if (o.link) await link(path, temporary);
        else await this.#copier.copy(path, temporary, source, o);
      } catch (thrown) {
        const { code } = thrown as NodeJS.ErrnoException;
        if (o.link && (code === 'EXDEV' || code === 'EPERM' || code === 'ENOTSUP' || code === 'EMLINK')) {
          throw noLink(`${this.name} and ${from.name} do not share a file system that has them (${code})`);
        }
        throw refused(from.name, thrown, source.key);
      }
    });
  }

  /**
   * Lets `make` fill a file and gives that its name; what was there under the name is replaced. `later`: the name need not
   * outlive a power failure before something else is written.
   */
  async #place(
    key: string,
    o: StoreOptions & { readonly later?: boolean },
    make: (temporary: string) => Promise<void>,
  ): Promise<void> {
    const path = this.#path(key);
    throwIfAborted(o.signal);
    const work = join(this.folder, WORK);
    const temporary = join(work, `${OWN}-${made++}`);
    const held = `${temporary}.held`;
    try {
      this.#swept ??= sweep(work);
      await this.#swept;
      // While this is there nobody takes the folder for empty, and removes it.
      await inFolder(work, async () => (await open(held, 'wx')).close());
      await make(temporary);
      const folder = dirname(path);
      // What was placed before stays, once this has its name: a mark that all is there must not outlive a part of it.
      if (!o.later) await this.#syncNames();
      await inFolder(folder, () => rename(temporary, path));
      for (let up = folder; up.startsWith(this.folder) && !this.#unsynced.has(up); up = dirname(up)) {
        this.#unsynced.add(up);
      }
      if (!o.later) await this.#syncNames();
    } catch (thrown) {
      throw thrown instanceof MilvusdmError
        ? thrown
        : fail('STORE_REFUSED', `${key} in ${this.name} cannot be written: ${(thrown as Error).message}`, {
            cause: thrown,
          });
    } finally {
      // After a link to itself, rename leaves both names.
      for (const left of [temporary, held]) await rm(left, { force: true }).catch(() => {});
    }
  }

  async #syncNames(): Promise<void> {
    const folders = [...this.#unsynced];
    this.#unsynced.clear();
    // Together, so that the disk is waited for once and not for each.
    const pool = createPool(SYNCS_AT_A_TIME);
    const sync = async (folder: string): Promise<void> => {
      await syncFolder(folder).catch((thrown: NodeJS.ErrnoException) => {
        // Removed again meanwhile.
        if (thrown.code !== 'ENOENT') throw thrown;
      });
    };
    await allSettled(folders.map((folder) => pool(() => sync(folder))));
  }

  async remove(keys: readonly string[], o: StoreOptions = {}): Promise<void> {
    const paths = keys.map((key) => [key, this.#path(key)] as const);
    const folders = new Set<string>();
    for (const [key, path] of paths) {
      throwIfAborted(o.signal);
      await unlink(path).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code !== 'ENOENT' && thrown.code !== 'ENOTDIR') throw refused(this.name, thrown, key);
      });
      folders.add(dirname(path));
    }
    for (const folder of folders) await this.#removeEmpty(folder);
  }

  /** Folders exist in a store of objects only as long as something is in them. */
  async #removeEmpty(folder: string): Promise<void> {
    for (let path = folder; path !== this.folder && path.startsWith(this.folder); path = dirname(path)) {
      const gone = await rmdir(path).then(
        () => true,
        (thrown: NodeJS.ErrnoException) => thrown.code === 'ENOENT',
      );
      if (!gone) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#swept) return;
    await this.#syncNames().catch((thrown) => {
      throw refused(this.name, thrown);
    });
    await rmdir(join(this.folder, WORK)).catch(() => {});
  }
}

function noLink(why: string): MilvusdmError {
  const hint = 'Leave `link` out, or put both on one file system.';
  return fail('CFG_CONFLICT', `hard links were asked for, but ${why}`, { hint });
}

/** Opens a folder as a store. Throws STORE_NOT_FOUND, STORE_REFUSED. */
export async function openLocal(config: LocalStorage, o: OpenStoreOptions = {}): Promise<ObjectStore> {
  const name = `folder ${config.path}`;
  try {
    if (o.create) await mkdir(config.path, { recursive: true });
    if (!(await stat(config.path)).isDirectory()) throw fail('STORE_NOT_FOUND', `${config.path} is not a folder`);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') {
      throw fail('STORE_NOT_FOUND', `the ${name} does not exist`, { cause: thrown });
    }
    throw refused(name, thrown);
  }
  return new LocalStore(config.path);
}
