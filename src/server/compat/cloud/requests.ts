import { defaultBackupName } from '../../../backup/names.js';
import { fail } from '../../../util/errors.js';

/** Body of `POST /v2/clusters/{clusterId}/backups/create`. */
export interface CreateRequest {
  readonly backupType: 'CLUSTER' | 'COLLECTION';
  readonly dbCollections?: readonly { readonly dbName?: string; readonly collectionNames?: readonly string[] }[];
  /** Ours: take the time to live of collections along, which the cloud leaves out. */
  readonly includeTtl?: boolean;
}

type Status = 'LOADED' | 'NOT_LOADED' | 'NOTLOADED' | 'KEEP';

/** Body of `.../restoreCollection`. The names of targets have changed in the cloud's documentation: both are taken. */
export interface RestoreCollectionRequest {
  readonly destClusterId?: string;
  readonly dbCollections?: readonly {
    readonly dbName?: string;
    readonly destDbName?: string;
    readonly collections?: readonly {
      readonly collectionName: string;
      readonly destCollectionName?: string;
      readonly targetCollectionName?: string;
      readonly destCollectionStatus?: Status;
      readonly targetCollectionStatus?: Status;
    }[];
  }[];
}

/** Body of `.../restoreCluster`: the cluster is a connection that exists. */
export interface RestoreClusterRequest {
  readonly clusterName?: string;
  readonly destClusterId?: string;
  readonly collectionStatus?: Status;
}

type Keys = Record<string, unknown>;

const fullName = (db: string | undefined, collection: string): string => `${db || 'default'}.${collection}`;

/** The keys of a BACKUP. Throws SRV_REQUEST for a COLLECTION without collections, and a CLUSTER with some. */
export function backupKeys(request: CreateRequest): Keys & { readonly backup_name: string } {
  const { backupType, dbCollections = [], includeTtl = false } = request;
  const names = dbCollections.flatMap(({ dbName, collectionNames = [] }) =>
    collectionNames.length === 0 ? [fullName(dbName, '*')] : collectionNames.map((name) => fullName(dbName, name)),
  );
  if (backupType === 'COLLECTION' && names.length === 0) {
    throw fail('SRV_REQUEST', 'a backup of type COLLECTION names its collections in dbCollections');
  }
  if (backupType === 'CLUSTER' && names.length > 0) {
    throw fail('SRV_REQUEST', 'a backup of type CLUSTER takes everything, and dbCollections names some');
  }
  return {
    backup_name: defaultBackupName(new Date()),
    source_collection: names.length > 0 ? names : undefined,
    ttl: includeTtl,
  };
}

function loadOf(status: Status | undefined): 'restore' | boolean {
  if (status === undefined || status === 'NOT_LOADED' || status === 'NOTLOADED') return false;
  return status === 'LOADED' ? true : 'restore';
}

/** The keys of a RESTORE of some collections. Throws SRV_REQUEST where they are to be loaded in different ways. */
export function restoreCollectionKeys(backup: string, { dbCollections = [] }: RestoreCollectionRequest): Keys {
  const wanted = dbCollections.flatMap(({ dbName, destDbName, collections = [] }) => {
    if (collections.length === 0) {
      return [{ from: fullName(dbName, '*'), to: fullName(destDbName ?? dbName, '*'), status: undefined }];
    }
    return collections.map((one) => {
      const name = one.destCollectionName ?? one.targetCollectionName ?? one.collectionName;
      const status = one.destCollectionStatus ?? one.targetCollectionStatus;
      return { from: fullName(dbName, one.collectionName), to: fullName(destDbName ?? dbName, name), status };
    });
  });
  const loads = new Set(wanted.map(({ status }) => loadOf(status)));
  if (loads.size > 1) {
    throw fail('SRV_REQUEST', 'collections of one request are loaded or not, all of them: their status differs', {
      hint: 'Send one request for those to be loaded and one for the others.',
    });
  }
  const renamed = wanted.filter(({ from, to }) => from !== to).map(({ from, to }) => [from, to]);
  return {
    backup_name: backup,
    source_collection: wanted.length > 0 ? wanted.map(({ from }) => from) : undefined,
    rename: renamed.length > 0 ? { map: Object.fromEntries(renamed) } : undefined,
    load: [...loads][0] ?? false,
  };
}

/** The keys of a RESTORE of everything, and the connection that it goes to. Throws SRV_REQUEST where none is named. */
export function restoreClusterKeys(
  backup: string,
  { clusterName, destClusterId, collectionStatus }: RestoreClusterRequest,
): { readonly dest: string; readonly keys: Keys } {
  const dest = destClusterId ?? clusterName;
  if (!dest) throw fail('SRV_REQUEST', 'clusterName, or destClusterId, names the connection to restore to');
  return { dest, keys: { backup_name: backup, load: loadOf(collectionStatus) } };
}
