import type { ObjectStore, StoreOptions } from '../store/types.js';
import { fail, MilvusdmError } from '../util/errors.js';
import { decodeFullMeta, decodeLevels, type MetaFileBytes } from './decode.js';
import { backupPrefix, META_FILES, type MetaFile, metaKey } from './layout.js';
import { decodeSideFile, type SideFile } from './side-file.js';
import type { BackupInfo } from './types.js';

/** What is at the place of a backup, told without reading its large meta files. */
export interface BackupProbe {
  readonly name: string;
  /**
   * complete: it has its commit mark. unfinished: something is there without one, also what is no backup at all.
   * missing: nothing is there.
   */
  readonly state: 'complete' | 'unfinished' | 'missing';
  /** storage: milvus-backup's layout; logical: ours of Arrow files. */
  readonly strategy: 'storage' | 'logical';
  /** Meta files that are there, with their sizes. */
  readonly meta: ReadonlyMap<MetaFile, number>;
  /** Absent where milvusdm has not made it. */
  readonly side: SideFile | undefined;
}

/** A complete backup in milvus-backup's layout. `name` is that of its folder, which may have been renamed since. */
export interface OpenBackup {
  readonly name: string;
  readonly info: BackupInfo;
  readonly side: SideFile | undefined;
}

const LEVELS = ['backup', 'collection', 'partition', 'segment'] as const;

function where(store: ObjectStore, name: string): string {
  return `${name === '' ? 'the backup' : `backup "${name}"`} in ${store.name}`;
}

async function metaFilesOf(store: ObjectStore, name: string, o: StoreOptions): Promise<Map<MetaFile, number>> {
  const files = new Map<MetaFile, number>();
  const prefix = `${backupPrefix(name)}meta/`;
  for await (const { key, size } of store.list(prefix, o)) {
    for (const [file, called] of Object.entries(META_FILES)) {
      if (key === `${prefix}${called}`) files.set(file as MetaFile, size);
    }
  }
  return files;
}

async function holdsAnything(store: ObjectStore, name: string, o: StoreOptions): Promise<boolean> {
  for await (const _ of store.list(backupPrefix(name), o)) return true;
  return false;
}

async function readMeta(store: ObjectStore, name: string, file: MetaFile, o: StoreOptions): Promise<MetaFileBytes> {
  const key = metaKey(name, file);
  return { where: `${key} in ${store.name}`, bytes: await store.read(key, o) };
}

function isComplete(meta: ReadonlyMap<MetaFile, number>, side: SideFile | undefined): boolean {
  if (side?.strategy === 'logical') return meta.has('manifest');
  // Of others, the oldest have no full_meta.json. Ours without it were cut short.
  return meta.has('full') || (side === undefined && LEVELS.every((level) => meta.has(level)));
}

/** Whoever removes a backup removes its few meta files one after the other. */
const LOOKS = 20;

/** Looks again at what went away while it was looked at. Throws what `look` throws. */
export async function whileItGoes<T>(look: () => Promise<T>): Promise<T> {
  for (let left = LOOKS; ; left--) {
    try {
      return await look();
    } catch (thrown) {
      if (left === 0 || !(thrown instanceof MilvusdmError) || thrown.code !== 'STORE_MISSING') throw thrown;
    }
  }
}

/** Looks what is at the place of a backup. Throws STORE_*, and SRC_CORRUPT or SRC_UNSUPPORTED for a side file. */
export function probeBackup(store: ObjectStore, name: string, o: StoreOptions = {}): Promise<BackupProbe> {
  return whileItGoes(() => probeOnce(store, name, o));
}

async function probeOnce(store: ObjectStore, name: string, o: StoreOptions): Promise<BackupProbe> {
  const meta = await metaFilesOf(store, name, o);
  let side: SideFile | undefined;
  if (meta.has('side')) {
    const file = await readMeta(store, name, 'side', o);
    side = decodeSideFile(file.bytes, file.where);
  }
  const strategy = side?.strategy ?? 'storage';
  if (isComplete(meta, side)) return { name, state: 'complete', strategy, meta, side };
  const there = meta.size > 0 || (await holdsAnything(store, name, o));
  return { name, state: there ? 'unfinished' : 'missing', strategy, meta, side };
}

/** Throws SRC_NOT_FOUND or SRC_UNFINISHED unless the backup is complete. */
export function requireComplete(store: ObjectStore, probe: BackupProbe): void {
  if (probe.state === 'missing') {
    throw fail('SRC_NOT_FOUND', `there is no ${where(store, probe.name)}`, {
      hint: 'Run `milvusdm backup list` to see what is there; check the prefix of the store and the name.',
    });
  }
  if (probe.state === 'complete') return;
  const { side } = probe;
  const lacks = side?.strategy === 'logical' ? META_FILES.manifest : META_FILES.full;
  const begun = side === undefined ? '' : `, begun at ${side.started}`;
  throw fail('SRC_UNFINISHED', `${where(store, probe.name)}${begun}, was never completed: it has no ${lacks}`);
}

async function readInfo(store: ObjectStore, { name, meta }: BackupProbe, o: StoreOptions): Promise<BackupInfo> {
  if (meta.has('full')) return decodeFullMeta(await readMeta(store, name, 'full', o));
  const [backup, collection, partition, segment] = await Promise.all(
    LEVELS.map((level) => readMeta(store, name, level, o)),
  );
  return decodeLevels({ backup: backup!, collection: collection!, partition: partition!, segment: segment! });
}

/**
 * Opens a backup in milvus-backup's layout: full_meta.json, or the four level files where an old backup has none. Throws
 * SRC_NOT_FOUND, SRC_UNFINISHED, SRC_CORRUPT, SRC_UNSUPPORTED (a snapshot bundle of Milvus 3.0, an unknown format, a
 * logical backup) and STORE_*. The store stays the caller's.
 */
export async function openBackup(store: ObjectStore, name: string, o: StoreOptions = {}): Promise<OpenBackup> {
  const probe = await probeBackup(store, name, o);
  requireComplete(store, probe);
  if (probe.strategy === 'logical') {
    throw fail('SRC_UNSUPPORTED', `${where(store, name)} is a logical one: it holds Arrow files, no binlogs`);
  }
  return { name, info: await readInfo(store, probe, o), side: probe.side };
}

/**
 * All backups of a store, also unfinished ones, by name: every folder that has meta files. Throws STORE_*; a side file
 * that cannot be read is the error of its own entry, not of the list.
 */
export async function* listBackups(
  store: ObjectStore,
  o: StoreOptions = {},
): AsyncIterable<BackupProbe | { readonly name: string; readonly error: unknown }> {
  for await (const name of store.folders('', o)) {
    const probe = await probeBackup(store, name, o).catch((error: unknown) => ({ name, error }));
    if ('error' in probe || probe.meta.size > 0) yield probe;
  }
}
