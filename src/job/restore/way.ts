import type { RestoreConfig } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import type { RestoreItem } from './choose.js';
import { type CollectionFiles, type ImportUnit, takesPartitions } from './folders.js';

/** Collections whose rows are read and sent here at a time, each with batches in memory. */
export const INSERTED_AT_ONCE = 2;
/** From here on a server is better spared the requests, whatever they take. */
const MOST_INSERTED_BYTES = 2 ** 30;
/** Inserts burden a server more than imports, and have to be worth it. */
const WORTH = 0.7;
/** Milvus 2.3.5 on two cores (decision 15): an import at a time, each a multiple of what its clock strikes. */
const IMPORT = { bytesPerSecond: 38e6, stepSeconds: 2 };
const INSERT = { bytesPerSecond: 45e6, flushSeconds: 3 };

function importSeconds({ bytes }: ImportUnit): number {
  const { bytesPerSecond, stepSeconds } = IMPORT;
  return Math.max(1, Math.ceil(bytes / bytesPerSecond / stepSeconds)) * stepSeconds;
}

/**
 * Whether a server takes a restore clearly sooner as requests than by imports: 2.2 and 2.3, for little, or for many small
 * partitions.
 * @param collections what is to be restored
 */
export function insertsPay(version: string, collections: readonly Pick<CollectionFiles, 'units'>[]): boolean {
  const filled = collections.filter((one) => one.units.length > 0);
  const units = filled.flatMap((one) => one.units);
  const bytes = units.reduce((sum, unit) => sum + unit.bytes, 0);
  if (!takesPartitions(version) || bytes > MOST_INSERTED_BYTES) return false;
  const imports = units.reduce((sum, unit) => sum + importSeconds(unit), 0);
  const flushes = Math.ceil(filled.length / INSERTED_AT_ONCE);
  return bytes / INSERT.bytesPerSecond + flushes * INSERT.flushSeconds <= WORTH * imports;
}

function makesKeys({ info }: RestoreItem): boolean {
  return info.schema?.fields.some((field) => field.is_primary_key && field.autoID) ?? false;
}

/**
 * Whether the rows of a collection are inserted, and not imported by the server.
 * @param pays see {@link insertsPay}
 * Throws DST_UNSUPPORTED for keys that no request may bring.
 */
export function isInserted(item: RestoreItem, { way }: Pick<RestoreConfig, 'way'>, pays: boolean): boolean {
  if (way === 'import') return false;
  if (!makesKeys(item)) return way === 'insert' || pays;
  if (way === undefined) return false;
  throw fail('DST_UNSUPPORTED', `"${item.source}": its keys are made by the server, which takes none of a request`, {
    hint: 'Leave `write: insert` out: an import keeps the keys.',
  });
}
