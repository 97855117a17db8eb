import { DEFAULT_PARTITION } from '../../config/selection.js';
import { plural } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import { createIdOrdinals, type IdOrdinals } from './id-ordinals.js';
import type { Log } from './log-files.js';
import { DELETE, INSERT_BINARY, INSERT_VECTOR, type LogRecord, logRecords } from './log-records.js';
import type { LegacyCollection, LegacyPart } from './metadata.js';

/** What only the log holds of a partition. */
export interface UnflushedPart {
  readonly collection: string;
  readonly tag: string;
  /** Inserted rows, whether or not the log deletes them again. */
  readonly rows: number;
  /** Ids to delete; a request to the whole collection counts for each of its partitions. */
  readonly deletes: number;
  /** Records of a kind that is not read. */
  readonly others: number;
}

export interface Unflushed {
  /** Only partitions of which the log holds anything. */
  readonly parts: readonly UnflushedPart[];
  /** Where the log cannot be read any further. */
  readonly damage: MilvusdmError | undefined;
}

/** So many ids that the log deletes are held at a time: up to 48 MiB. */
const MOST_DELETED_IDS = 1_048_576;
const CHUNK_IDS = 8192;

/** Whether a record was meant for a partition and came later than what its segments hold. */
export function concerns(record: LogRecord, collection: string, part: LegacyPart): boolean {
  if (record.collection !== collection || record.lsn <= part.tables[0].flushLsn) return false;
  const tag = record.tag === '' ? DEFAULT_PARTITION : record.tag;
  return tag === part.tag || (record.type === DELETE && record.tag === '');
}

/** Whether a record carries rows. */
export function isInsert(record: LogRecord): boolean {
  return record.type === INSERT_BINARY || record.type === INSERT_VECTOR;
}

/** Counts what only the log holds of the given collections. Damage ends the count and is returned, not thrown. */
export async function countUnflushed(log: Log, collections: readonly LegacyCollection[]): Promise<Unflushed> {
  const byName = new Map(collections.map((collection) => [collection.name, collection]));
  const counts = new Map<
    LegacyPart,
    { collection: string; tag: string; rows: number; deletes: number; others: number }
  >();
  const flushed = collections.flatMap(({ parts }) => parts.map(({ tables }) => tables[0].flushLsn));
  const oldest = flushed.reduce((a, b) => (b < a ? b : a), flushed[0] ?? 0n);
  let damage: MilvusdmError | undefined;
  try {
    for await (const { record } of logRecords(log, oldest)) {
      for (const part of byName.get(record.collection)?.parts ?? []) {
        if (!concerns(record, record.collection, part)) continue;
        const zero = { collection: record.collection, tag: part.tag, rows: 0, deletes: 0, others: 0 };
        const count = counts.get(part) ?? zero;
        if (isInsert(record)) count.rows += record.rows;
        else if (record.type === DELETE) count.deletes += record.rows;
        else count.others++;
        counts.set(part, count);
      }
    }
  } catch (thrown) {
    if (!(thrown instanceof MilvusdmError) || thrown.code === 'SRC_CHANGED') throw thrown;
    damage = thrown;
  }
  if (log.lostUpTo !== undefined && oldest < log.lostUpTo) {
    const file = `${log.lostUpTo >> 32n}.wal`;
    damage ??= fail('SRC_NOT_FOUND', `${log.folder} lacks ${file}, in which its last records stand`, {
      hint: 'Copy the folder again while the old server is stopped.',
    });
  }
  const inOrder = collections.flatMap(({ parts }) => parts.flatMap((part) => counts.get(part) ?? []));
  return { parts: inOrder, damage };
}

/** e.g. `"a"/"_default": 154 rows and 2 deletes`. */
export function describeUnflushed(part: UnflushedPart): string {
  const amounts = [
    ...(part.rows > 0 ? [plural(part.rows, 'row')] : []),
    ...(part.deletes > 0 ? [plural(part.deletes, 'delete')] : []),
    ...(part.others > 0 ? [`${plural(part.others, 'record')} of an unknown kind`] : []),
  ];
  return `"${part.collection}"/"${part.tag}" ${amounts.join(', ')}`;
}

/**
 * The ids that the log deletes from a partition, each with the ordinal of the last record that does. Throws
 * SRC_UNSUPPORTED beyond 1,048,576 different ids, and what reading the log throws.
 */
export async function deletedByLog(
  log: Log,
  collection: string,
  part: LegacyPart,
  signal?: AbortSignal,
  most: number = MOST_DELETED_IDS,
): Promise<IdOrdinals> {
  const gone = createIdOrdinals(most);
  const chunk = new Int32Array(CHUNK_IDS * 2);
  for await (const { record, window } of logRecords(log, part.tables[0].flushLsn, signal)) {
    if (record.type !== DELETE || !concerns(record, collection, part)) continue;
    for (let done = 0; done < record.rows; done += CHUNK_IDS) {
      const count = Math.min(CHUNK_IDS, record.rows - done);
      await window.copy(record.idsAt + done * 8, new Uint8Array(chunk.buffer, 0, count * 8));
      for (let i = 0; i < count; i++) {
        if (gone.set(chunk[i * 2]!, chunk[i * 2 + 1]!, record.ordinal)) continue;
        const message = `${log.folder} deletes more than ${plural(most, 'id')} of "${collection}"/"${part.tag}", need room for all of them`;
        throw fail('SRC_UNSUPPORTED', message, {
          hint: 'Start the old server on the folder and flush its collections, then run again.',
        });
      }
    }
  }
  return gone;
}
