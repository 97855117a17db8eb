import type { RestoreConfig } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import type { RestoreItem } from './choose.js';
import { takesPartitions } from './folders.js';

/**
 * Bytes of a restore up to which rows are inserted into Milvus 2.2 and 2.3. They import about 30 MB a second and take a multiple
 * of two seconds for each import; requests bring twice as much, but from some size on a server is better spared them.
 */
export const MOST_INSERTED_BYTES: number = 2 ** 30;

function makesKeys({ info }: RestoreItem): boolean {
  return info.schema?.fields.some((field) => field.is_primary_key && field.autoID) ?? false;
}

/**
 * Whether the rows of a collection are inserted, and not imported by the server.
 * @param bytes of all files of the restore
 * Throws DST_UNSUPPORTED for keys that no request may bring.
 */
export function isInserted(
  item: RestoreItem,
  { way }: Pick<RestoreConfig, 'way'>,
  version: string,
  bytes: number,
): boolean {
  if (way === 'import') return false;
  if (!makesKeys(item)) return way === 'insert' || (takesPartitions(version) && bytes <= MOST_INSERTED_BYTES);
  if (way === undefined) return false;
  throw fail('DST_UNSUPPORTED', `"${item.source}": its keys are made by the server, which takes none of a request`, {
    hint: 'Leave `write: insert` out: an import keeps the keys.',
  });
}
