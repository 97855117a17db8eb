import { backupFiles, backupPrefix } from '../../backup/layout.js';
import { openBackup } from '../../backup/open.js';
import type { ObjectStore, StoreOptions } from '../../store/types.js';
import type { BaseFile, WantedFile } from './copy-files.js';

/** What an earlier backup has. */
export type Base = (file: WantedFile) => BaseFile | undefined;

/**
 * Opens the base of an incremental backup. A file counts as the same when collection, partition, segment, field, log and
 * size are: logs are written once, and the server gives no id twice. Throws as {@link openBackup}.
 */
export async function openBase(store: ObjectStore, base: string, name: string, o: StoreOptions = {}): Promise<Base> {
  const { info, side } = await openBackup(store, base, o);
  const cut = backupPrefix(base).length;
  const files = new Map<string, { readonly key: string; readonly size: number }>();
  for (const { key, size, segment, field, log } of backupFiles(base, info)) {
    const { collection_id, partition_id, segment_id } = segment;
    files.set([collection_id, partition_id, segment_id, field ?? 'delta', log].join('/'), { key, size });
  }
  const prefix = `${backupPrefix(name)}binlogs/`;
  return (file) => {
    const found = files.get(identityOf(file.key.slice(prefix.length)));
    if (!found || found.size !== file.size) return undefined;
    return { key: found.key, sum: side?.files[found.key.slice(cut)]?.sum };
  };
}

/** Collection, partition, segment, field and log of a key as milvus-backup lays it, with or without a group. */
function identityOf(key: string): string {
  const [kind, collection, partition, ...rest] = key.split('/');
  const parts = kind === 'insert_log' ? rest.slice(-3) : [rest.at(-2), 'delta', rest.at(-1)];
  return [collection, partition, ...parts].join('/');
}
