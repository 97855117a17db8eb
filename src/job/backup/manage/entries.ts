import { parseJson } from '../../../backup/json.js';
import { metaKey } from '../../../backup/layout.js';
import { type BackupProbe, listBackups, openBackup, probeBackup, whileItGoes } from '../../../backup/open.js';
import type { ObjectStore, StoreOptions } from '../../../store/types.js';
import { toMilvusdmError } from '../../../util/errors.js';

/** A backup as `backup list` shows it. */
export interface BackupEntry {
  readonly name: string;
  readonly state: 'complete' | 'unfinished' | 'unreadable';
  /** storage: the layout of milvus-backup; logical: Arrow files. */
  readonly strategy: 'storage' | 'logical';
  /** UTC, ISO 8601; null where nothing tells it. */
  readonly created: string | null;
  /** Of all its data; null where it is not known. */
  readonly bytes: number | null;
  readonly milvus_version: string | null;
  /** Backup that unchanged files came from; it is not needed any more. */
  readonly base: string | null;
  /** The milvusdm that made it; null for others' backups. */
  readonly milvusdm: string | null;
  /** Why it cannot be read. */
  readonly error: string | null;
}

/** What backup_meta.json, which is small however large the backup is, says of a backup. */
async function headOf(store: ObjectStore, { name, meta }: BackupProbe, o: StoreOptions): Promise<Partial<BackupEntry>> {
  if (!meta.has('backup')) return {};
  const head = parseJson(Buffer.from(await store.read(metaKey(name, 'backup'), o)).toString());
  if (typeof head !== 'object' || head === null || Array.isArray(head)) return {};
  const { size, milvus_version: version } = head as { readonly size?: unknown; readonly milvus_version?: unknown };
  return {
    bytes: typeof size === 'number' ? size : null,
    milvus_version: typeof version === 'string' ? version : null,
  };
}

/** The time in the name that milvus-backup and milvusdm give by default. */
function timeInName(name: string): string | undefined {
  const found = /^backup_(\d{4})_(\d\d)_(\d\d)_(\d\d)_(\d\d)_(\d\d)_\d+$/.exec(name);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1);
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}

/** When the last collection of somebody else's backup was sealed: only its large meta file says so. */
async function sealedAt(store: ObjectStore, probe: BackupProbe, o: StoreOptions): Promise<string | undefined> {
  if (probe.state !== 'complete' || probe.strategy === 'logical') return undefined;
  const { info } = await openBackup(store, probe.name, o);
  const seconds = info.collection_backups.map(({ backup_physical_timestamp }) => Number(backup_physical_timestamp));
  const last = Math.max(0, ...seconds);
  return last === 0 ? undefined : new Date(last * 1000).toISOString();
}

async function entryOf(store: ObjectStore, probe: BackupProbe, o: StoreOptions): Promise<BackupEntry> {
  const { name, state, strategy, side } = probe;
  const created = side?.started ?? timeInName(name) ?? (await sealedAt(store, probe, o)) ?? null;
  return {
    name,
    state: state === 'complete' ? 'complete' : 'unfinished',
    strategy,
    created,
    bytes: strategy === 'logical' && side ? Object.values(side.files).reduce((sum, { size }) => sum + size, 0) : null,
    milvus_version: side?.milvus_version ?? null,
    base: side?.base ?? null,
    milvusdm: side?.tool ?? null,
    error: null,
    ...(await headOf(store, probe, o)),
  };
}

/** Undefined for one that is being removed, once nothing tells of it any more. */
async function entryOfWhatIsThere(
  store: ObjectStore,
  found: BackupProbe,
  o: StoreOptions,
): Promise<BackupEntry | undefined> {
  let probe: BackupProbe | undefined = found;
  return await whileItGoes(async () => {
    const seen = probe ?? (await probeBackup(store, found.name, o));
    probe = undefined;
    return seen.meta.size > 0 ? await entryOf(store, seen, o) : undefined;
  });
}

/** All backups of a store by name, unfinished and unreadable ones, too. Throws STORE_*. */
export async function backupEntries(store: ObjectStore, o: StoreOptions = {}): Promise<BackupEntry[]> {
  const entries: BackupEntry[] = [];
  for await (const found of listBackups(store, o)) {
    try {
      if ('error' in found) throw found.error;
      const entry = await entryOfWhatIsThere(store, found, o);
      if (entry) entries.push(entry);
    } catch (thrown) {
      const error = toMilvusdmError(thrown);
      // A store that fails says nothing about a backup.
      if (!error.code.startsWith('SRC_')) throw error;
      const none = { created: timeInName(found.name) ?? null, bytes: null, milvus_version: null };
      const rest = { base: null, milvusdm: null, strategy: 'storage' as const };
      entries.push({ name: found.name, state: 'unreadable', ...none, ...rest, error: error.message });
    }
  }
  return entries;
}
