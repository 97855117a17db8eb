import { openBackup, probeBackup, requireComplete } from '../../backup/open.js';
import type { BackupInfo } from '../../backup/types.js';
import type { RestoreConfig } from '../../config/types.js';
import { describeCollection } from '../../milvus/collections.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { createDisposables } from '../../util/disposables.js';
import { fail } from '../../util/errors.js';
import type { Emit } from '../open-job.js';
import { chooseItems, type RestoreItem, shownName } from './choose.js';
import { type Databases, openDatabases } from './databases.js';
import { backupLayout, type CollectionFiles, collectionFiles, takesPartitions } from './folders.js';
import { type Reach, reachOf } from './places.js';
import { BY_ROWS, createRequest, lateFieldRequests } from './schema.js';
import { insertsPay, isInserted } from './way.js';

/** A collection of the plan. */
export interface PlannedItem {
  readonly item: RestoreItem;
  /** skip: it exists, and is to stay. replace: it exists, and goes when the new one is complete. */
  readonly what: 'create' | 'skip' | 'replace';
  readonly files: CollectionFiles;
  /** Rows are read here and inserted; else the server imports them. */
  readonly insert: boolean;
}

/** Everything that is open while a backup is restored. */
export interface OpenRestore extends AsyncDisposable {
  readonly backup: ObjectStore;
  readonly info: BackupInfo;
  readonly databases: Databases;
  readonly reach: Reach;
  readonly items: readonly PlannedItem[];
  readonly warnings: readonly string[];
}

const NO_FILES: CollectionFiles = { units: [], files: [] };

function versionOf(text: string): readonly [number, number] | undefined {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(text) ?? [];
  return major === undefined ? undefined : [Number(major), Number(minor)];
}

/** What a newer server wrote, an older one may read wrongly or not at all. */
function requireNotOlder(info: BackupInfo, version: string): void {
  const [from, to] = [versionOf(info.milvus_version), versionOf(version)];
  if (!from || !to || to[0] > from[0] || (to[0] === from[0] && to[1] >= from[1])) return;
  throw fail(
    'DST_UNSUPPORTED',
    `the backup is of Milvus ${info.milvus_version}, the server is ${version}, which is older`,
    {
      hint: 'Restore into the same or a newer minor version, or row by row: M2M with source_backup.',
    },
  );
}

function requireNoLateFields(item: RestoreItem, version: string): void {
  const [late] = lateFieldRequests({ name: item.name, info: item.info, source: item.source });
  if (!late) return;
  throw fail(
    'DST_UNSUPPORTED',
    `"${item.source}": field "${late.name}" was added after the collection was made, which the server (${version}) cannot do`,
    { hint: `Restore into Milvus 2.6 or later. ${BY_ROWS}` },
  );
}

/** Throws SRC_UNSUPPORTED for a logical backup, whose rows come back by inserts. */
async function openMeta(store: ObjectStore, config: RestoreConfig, signal: AbortSignal): Promise<BackupInfo> {
  const probe = await probeBackup(store, config.name, { signal });
  requireComplete(store, probe);
  if (probe.strategy === 'logical') {
    throw fail(
      'SRC_UNSUPPORTED',
      `backup "${config.name}" in ${store.name} is a logical one, which holds rows, no segments`,
      {
        hint: 'Restore it row by row: M2M with source_backup.',
      },
    );
  }
  return (await openBackup(store, config.name, { signal })).info;
}

async function whatOf(databases: Databases, item: RestoreItem, config: RestoreConfig): Promise<PlannedItem['what']> {
  if (!databases.has(item.db)) return 'create';
  const existing = await describeCollection(await databases.open(item.db), item.name);
  if (!existing) return 'create';
  if (existing.name !== item.name) {
    throw fail('DST_SCHEMA_MISMATCH', `"${shownName(item)}" is an alias of "${existing.name}" in the target`, {
      hint: 'Drop the alias, or restore under another name (rename).',
    });
  }
  return config.mode === 'overwrite' ? 'replace' : 'skip';
}

/**
 * Opens a backup and a server, and finds out what is to be done; changes nothing. All files that will be read are looked
 * up in the store. Throws NOTHING_MATCHED, SRC_*, DST_*, NET_*, STORE_* and CFG_CONFLICT.
 */
export async function openRestore(config: RestoreConfig, emit: Emit, signal: AbortSignal): Promise<OpenRestore> {
  await using stack = createDisposables();
  const log = (message: string): void => emit({ type: 'log', message });
  emit({ type: 'phase', phase: 'plan' });
  const backup = stack.use(await openStore(config.store, { retryFor: config.retryFor, log }));
  const info = await openMeta(backup, config, signal);
  const { items: chosen, warnings } = chooseItems(info, config);
  // What can be refused without a server is.
  for (const item of chosen) createRequest({ name: item.name, info: item.info, source: item.source });
  emit({ type: 'phase', phase: 'connect' });
  const databases = stack.use(await openDatabases({ config, info, log, signal }));
  const { version, features } = databases.main;
  if (features.lite) {
    throw fail('DST_UNSUPPORTED', 'Milvus Lite takes no segments of a server', {
      hint: 'Restore row by row: M2M with source_backup.',
    });
  }
  requireNotOlder(info, version);
  if (!features.addsFields) for (const item of chosen) requireNoLateFields(item, version);
  const reach = reachOf(config);
  const found: Omit<PlannedItem, 'insert'>[] = [];
  for (const item of chosen) {
    const what = await whatOf(databases, item, config);
    const o = { signal, together: takesPartitions(version), staged: reach.how === 'staged' };
    const none = what === 'skip' || config.metaOnly;
    found.push({
      item,
      what,
      files: none ? NO_FILES : await collectionFiles(backup, backupLayout(config.name), item, o),
    });
  }
  const pays = insertsPay(
    version,
    found.map(({ files }) => files),
  );
  const items = found.map((one) => {
    const hasRows = one.files.units.length > 0;
    return { ...one, insert: hasRows && isInserted(one.item, config, pays) };
  });
  const kept = stack.release();
  return {
    backup,
    info,
    databases,
    reach,
    items,
    warnings: [...config.notes, ...warnings],
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}
