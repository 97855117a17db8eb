import { defaultBackupName, requireBackupName } from '../../../backup/names.js';
import { fail } from '../../../util/errors.js';

/** `filter` of milvus-backup: collections by database; none, or `*`, is all of them. */
type Filter = Readonly<Record<string, { readonly colls?: readonly string[] }>>;
type Databases = Readonly<Record<string, readonly string[]>>;

/** `CreateBackupRequest` of backup.proto. */
export interface CreateRequest {
  readonly backup_name?: string;
  readonly async?: boolean;
  readonly collection_names?: readonly string[];
  readonly db_collections?: Databases | string;
  readonly filter?: Filter;
  readonly force?: boolean;
  readonly meta_only?: boolean;
  readonly strategy?: string;
  readonly format?: string;
  readonly rbac?: boolean;
  readonly backup_root_path?: string;
}

/** `RestoreBackupRequest` of backup.proto. */
export interface RestoreRequest {
  readonly backup_name?: string;
  readonly id?: string;
  readonly async?: boolean;
  readonly collection_names?: readonly string[];
  readonly db_collections?: Databases | string;
  readonly db_collections_after_rename?: unknown;
  readonly collection_suffix?: string;
  readonly collection_renames?: Readonly<Record<string, string>>;
  readonly restorePlan?: RestorePlan;
  readonly bucket_name?: string;
  readonly path?: string;
  readonly metaOnly?: boolean;
  readonly restoreIndex?: boolean;
  readonly useAutoIndex?: boolean;
  readonly dropExistCollection?: boolean;
  readonly skipCreateCollection?: boolean;
  readonly rbac?: boolean;
  readonly maxShardNum?: number;
  readonly skipParams?: Readonly<Record<string, readonly string[]>>;
  readonly ezkMapping?: Readonly<Record<string, string>>;
}

interface RestorePlan {
  readonly mapping?: readonly {
    readonly source?: string;
    readonly target?: string;
    readonly colls?: readonly { readonly source?: string; readonly target?: string; readonly override?: unknown }[];
  }[];
  readonly filter?: Filter;
}

type Keys = Record<string, unknown>;

/** Refuses what a request asks for and no task here does: better no backup than another one than was meant. */
function refuse(asked: Readonly<Record<string, string | undefined>>): void {
  const found = Object.entries(asked).filter(([, hint]) => hint !== undefined);
  if (found.length === 0) return;
  const names = found.map(([name]) => name).join(', ');
  throw fail('SRV_UNSUPPORTED', `this server cannot do what the request says with ${names}`, {
    hint: found.map(([, hint]) => hint).join(' '),
  });
}

const isSet = (value: unknown): boolean =>
  typeof value === 'object' && value !== null
    ? Object.values(value).some((part) => !Array.isArray(part) || part.length > 0)
    : Boolean(value);

const when = (value: unknown, hint: string): string | undefined => (isSet(value) ? hint : undefined);

const ELSEWHERE = 'Backups lie in backup_store of the connection.';

function ofDatabases(databases: Databases): string[] {
  return Object.entries(databases).flatMap(([db, colls]) => {
    const name = db === '' ? 'default' : db;
    return colls.length === 0 || colls.includes('*') ? [`${name}.*`] : colls.map((coll) => `${name}.${coll}`);
  });
}

function parsed(databases: Databases | string): Databases {
  if (typeof databases !== 'string') return databases;
  try {
    const value: unknown = JSON.parse(databases || '{}');
    if (typeof value === 'object' && value !== null && Object.values(value).every(Array.isArray))
      return value as Databases;
  } catch {
    // Said below.
  }
  throw fail('SRV_REQUEST', 'db_collections is neither an object of lists nor JSON of one');
}

/** Which collections are meant, in the order in which milvus-backup looks; undefined for all. */
function selected(request: {
  readonly filter?: Filter | undefined;
  readonly db_collections?: Databases | string | undefined;
  readonly collection_names?: readonly string[] | undefined;
}): string[] | undefined {
  const { filter = {}, db_collections = {}, collection_names = [] } = request;
  if (Object.keys(filter).length > 0) {
    return ofDatabases(Object.fromEntries(Object.entries(filter).map(([db, { colls = [] }]) => [db, colls])));
  }
  const databases = ofDatabases(parsed(db_collections));
  if (databases.length > 0) return databases;
  return collection_names.length > 0 ? collection_names.map(qualified) : undefined;
}

/** A name with its database, as milvus-backup reads it: `db.collection`, or one of `default`. */
function qualified(name: string): string {
  return name.includes('.') ? name.replace(/^\./, 'default.') : `default.${name}`;
}

const FLUSH: Readonly<Record<string, boolean>> = {
  '': true,
  auto: true,
  bulk_flush: true,
  serial_flush: true,
  skip_flush: false,
};

/** The keys of a BACKUP. Throws SRV_UNSUPPORTED, SRV_REQUEST and CFG_INVALID for a name. */
export function backupKeys(request: CreateRequest): Keys & { readonly backup_name: string } {
  const { strategy = '', format = '', backup_name = '' } = request;
  refuse({
    meta_only: when(
      request.meta_only || strategy === 'meta_only',
      'A backup has rows here; restore it with metaOnly where they are not wanted.',
    ),
    backup_root_path: when(request.backup_root_path, ELSEWHERE),
    format: when(!['', 'auto', 'binlog'].includes(format), 'Snapshots have routes of their own, under /api/v1.'),
  });
  const flush = strategy === '' && request.force ? false : FLUSH[strategy];
  if (flush === undefined) throw fail('SRV_REQUEST', `strategy ${JSON.stringify(strategy)} is not known`);
  return {
    backup_name: backup_name === '' ? defaultBackupName(new Date()) : requireBackupName(backup_name),
    source_collection: selected(request),
    flush,
    rbac: request.rbac,
  };
}

function renames({ collection_suffix, collection_renames = {}, restorePlan }: RestoreRequest): Keys | undefined {
  const suffix = collection_suffix === '' ? undefined : collection_suffix;
  const map = restorePlan ? planned(restorePlan) : Object.entries(collection_renames);
  if (restorePlan && (suffix !== undefined || Object.keys(collection_renames).length > 0)) {
    throw fail('SRV_REQUEST', 'restorePlan stands beside collection_suffix or collection_renames: it replaces both');
  }
  // With renames, milvus-backup takes no notice of a suffix.
  if (map.length > 0) return { map: Object.fromEntries(map) };
  return suffix === undefined ? undefined : { suffix };
}

function planned({ mapping = [] }: RestorePlan): [string, string][] {
  return mapping.flatMap(({ source = '', target = '', colls = [] }) => {
    if (source === '' || target === '') throw fail('SRV_REQUEST', 'a mapping of restorePlan lacks source or target');
    refuse({
      override: when(
        colls.some((one) => isSet(one.override)),
        'Collections keep their description and shards.',
      ),
    });
    if (colls.length === 0) return [[`${source}.*`, `${target}.*`]];
    return colls.map((one): [string, string] => [`${source}.${one.source ?? ''}`, `${target}.${one.target ?? ''}`]);
  });
}

/** The keys of a RESTORE. Throws SRV_UNSUPPORTED and SRV_REQUEST. */
export function restoreKeys(request: RestoreRequest): Keys {
  const { backup_name = '', restorePlan, restoreIndex, useAutoIndex, dropExistCollection } = request;
  if (backup_name === '') throw fail('SRV_REQUEST', 'backup name is required');
  refuse({
    bucket_name: when(request.bucket_name, ELSEWHERE),
    path: when(request.path, ELSEWHERE),
    db_collections_after_rename: when(request.db_collections_after_rename, 'Choose by the names in the backup.'),
    skipCreateCollection: when(request.skipCreateCollection, 'A restore makes its collections anew.'),
    maxShardNum: when(request.maxShardNum, 'Shards are restored as they were.'),
    skipParams: when(request.skipParams, 'Properties and parameters are restored as they were.'),
    ezkMapping: when(request.ezkMapping, 'Encrypted databases are not restored.'),
  });
  return {
    backup_name: requireBackupName(backup_name),
    source_collection: selected({ ...request, filter: restorePlan?.filter }),
    rename: renames(request),
    mode: dropExistCollection ? 'overwrite' : 'skip',
    index: restoreIndex ? (useAutoIndex ? 'auto' : 'restore') : 'none',
    load: false,
    meta_only: request.metaOnly,
    rbac: request.rbac,
  };
}
