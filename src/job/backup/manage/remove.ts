import { backupPrefix, META_FILES } from '../../../backup/layout.js';
import { requireBackupName } from '../../../backup/names.js';
import { probeBackup, requireComplete } from '../../../backup/open.js';
import type { ObjectStore, StoreOptions } from '../../../store/types.js';
import { fail } from '../../../util/errors.js';
import { reasonToStay } from '../../retention.js';
import { type BackupEntry, backupEntries } from './entries.js';

export interface RemoveOptions extends StoreOptions {
  /** Remove; otherwise only say what would go. */
  readonly apply: boolean;
}

/** A backup that was removed, or would be. */
export interface RemovedBackup {
  readonly name: string;
  readonly state: BackupEntry['state'];
  readonly created: string | null;
  readonly files: number;
  readonly bytes: number;
  readonly removed: boolean;
}

const AT_A_TIME = 1000;

/**
 * Removes everything of a backup. The meta files go first, so that what is left of a removal that is cut short does not
 * look whole, and our side file last, so that it still shows as unfinished.
 */
async function removeAll(
  store: ObjectStore,
  name: string,
  o: RemoveOptions,
): Promise<{ readonly files: number; readonly bytes: number }> {
  const prefix = backupPrefix(name);
  const side = `${prefix}meta/${META_FILES.side}`;
  const [meta, rest]: [string[], string[]] = [[], []];
  let [files, bytes] = [0, 0];
  for await (const { key, size } of store.list(prefix, o)) {
    files++;
    bytes += size;
    if (key !== side) (key.startsWith(`${prefix}meta/`) ? meta : rest).push(key);
  }
  if (o.apply) {
    await store.remove(meta, o);
    for (let at = 0; at < rest.length; at += AT_A_TIME) await store.remove(rest.slice(at, at + AT_A_TIME), o);
    await store.remove([side], o);
  }
  return { files, bytes };
}

/** Removes a backup, complete or not, or says what would go. Throws SRC_NOT_FOUND and STORE_*. */
export async function deleteBackup(store: ObjectStore, name: string, o: RemoveOptions): Promise<RemovedBackup> {
  requireBackupName(name);
  // One whose side file cannot be read any more must be possible to remove, too.
  const probe = await probeBackup(store, name, o).catch((thrown: { code?: string }) => {
    if (thrown.code?.startsWith('SRC_')) return undefined;
    throw thrown;
  });
  if (probe?.state === 'missing') requireComplete(store, probe);
  const { files, bytes } = await removeAll(store, name, o);
  const state = probe === undefined ? 'unreadable' : probe.state === 'complete' ? 'complete' : 'unfinished';
  return { name, state, created: probe?.side?.started ?? null, files, bytes, removed: o.apply };
}

export interface PruneOptions extends RemoveOptions {
  /** The newest complete backups, which stay. */
  readonly keepLast?: number;
  /** Milliseconds; what is younger stays. */
  readonly olderThanMs?: number;
  /** Remove unfinished ones, too, where they are older than a day and `olderThanMs`. */
  readonly unfinished: boolean;
  readonly now: number;
}

export interface PruneResult {
  readonly pruned: readonly RemovedBackup[];
  readonly kept: readonly { readonly name: string; readonly why: string }[];
}

const DAY_MS = 24 * 3600 * 1000;

/** Why a backup stays; undefined when it is to go. */
function reasonToKeep(entry: BackupEntry, rank: number, o: PruneOptions): string | undefined {
  if (entry.state === 'unreadable') return 'it cannot be read, remove it by name';
  if (entry.created === null) return 'nothing tells how old it is';
  const age = o.now - Date.parse(entry.created);
  if (entry.state === 'unfinished') {
    if (!o.unfinished) return 'it is unfinished';
    return age < Math.max(DAY_MS, o.olderThanMs ?? 0) ? 'it is unfinished, and may be at work' : undefined;
  }
  return reasonToStay({ rank, ageMs: age }, o);
}

/**
 * Removes the complete backups that are neither among the last ones nor young enough, the oldest first. A backup stands
 * alone, also one that others were made on top of. Throws USAGE when nothing says what may go.
 */
export async function pruneBackups(store: ObjectStore, o: PruneOptions): Promise<PruneResult> {
  if (o.keepLast === undefined && o.olderThanMs === undefined) {
    throw fail('USAGE', 'nothing says which backups may go', { hint: 'Use --keep-last N, --older-than 30d, or both.' });
  }
  const entries = (await backupEntries(store, o)).sort((a, b) => ((a.created ?? '') < (b.created ?? '') ? 1 : -1));
  const complete = entries.filter(({ state, created }) => state === 'complete' && created !== null);
  const pruned: RemovedBackup[] = [];
  const kept: { name: string; why: string }[] = [];
  for (const entry of entries.reverse()) {
    const why = reasonToKeep(entry, complete.indexOf(entry), o);
    if (why !== undefined) kept.push({ name: entry.name, why });
    else {
      const { name, state, created } = entry;
      pruned.push({ name, state, created, ...(await removeAll(store, name, o)), removed: o.apply });
    }
  }
  return { pruned, kept };
}
