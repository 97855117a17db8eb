import type { SegmentBackupInfo } from '../../backup/types.js';
import { type Bitmap, createBitmap } from '../../batch/bitmap.js';
import { createDeleteSet, type DeleteSet } from '../../binlog/delete-set.js';
import { type KeyType, readDeletes } from '../../binlog/delta-log.js';
import { countStoredRows, markDeleted } from '../../binlog/rows.js';
import type { StoredField } from '../../binlog/segment.js';
import type { ByteSource } from '../../binlog/source.js';
import { throwIfAborted } from '../../util/abort.js';
import { type BackupPlace, type BackupSegment, deleteLogs } from './segments.js';

/**
 * Deletes that are held at a time. More of them are applied in as many passes over the keys of the segment: memory is
 * bounded by this and by one bit per row, whatever the number of deletes.
 */
const SET_BYTES = 64 << 20;
/** Bitmaps that are kept between the counting of rows and their reading; others are made again. */
const KEPT_BYTES = 16 << 20;

/** Rows of a segment that were deleted. */
export interface Gone {
  /** Absent where no row is. */
  readonly rows: Bitmap | undefined;
  /** Rows of the segment's files. */
  readonly stored: number;
}

/** Says which rows of a segment are gone. */
export interface GoneRows {
  of(segment: BackupSegment, signal?: AbortSignal): Promise<Gone>;
}

/** The deletes of logs, in sets of bounded size. */
async function* deleteSets(
  logs: readonly ByteSource[],
  type: KeyType,
  signal: AbortSignal | undefined,
): AsyncGenerator<DeleteSet> {
  let set = createDeleteSet(type);
  for (const log of logs) {
    for await (const { keys, times, rows } of readDeletes(log, type)) {
      throwIfAborted(signal);
      set.add(keys, times, 0, rows);
      if (set.bytes < SET_BYTES) continue;
      yield set;
      set = createDeleteSet(type);
    }
  }
  if (set.size > 0) yield set;
}

/** Rows of a partition's or collection's L0 segments; kept, because they concern many segments, where they are one set. */
class LevelZeroSets {
  private readonly place: BackupPlace;
  private readonly type: KeyType;
  private last: { readonly key: string; readonly sets: readonly DeleteSet[] } | undefined;

  constructor(place: BackupPlace, type: KeyType) {
    this.place = place;
    this.type = type;
  }

  async *of(zeros: readonly SegmentBackupInfo[], signal: AbortSignal | undefined): AsyncGenerator<DeleteSet> {
    const key = zeros.map(({ segment_id }) => segment_id).join();
    if (this.last?.key === key) {
      yield* this.last.sets;
      return;
    }
    const logs = zeros.flatMap((zero) => deleteLogs(this.place, zero));
    const sets: DeleteSet[] = [];
    for await (const set of deleteSets(logs, this.type, signal)) {
      if (sets.length < 2) sets.push(set);
      yield set;
    }
    this.last = sets.length < 2 ? { key, sets } : undefined;
  }
}

/** Finds out, segment by segment, which rows are gone. Throws SRC_* errors. */
export function createGoneRows(place: BackupPlace, key: StoredField): GoneRows {
  const type = key.spec.type as KeyType;
  const zeros = new LevelZeroSets(place, type);
  const kept = new Map<bigint, Gone>();
  let keptRows = 0;

  async function find(segment: BackupSegment, signal: AbortSignal | undefined): Promise<Gone> {
    const hasDeletes = segment.deletes.length > 0 || segment.levelZero.length > 0;
    const { num_of_rows: said } = segment.info;
    if (!hasDeletes && said > 0) return { rows: undefined, stored: said };
    const stored = await countStoredRows(segment.files, key);
    if (!hasDeletes) return { rows: undefined, stored };
    const rows = createBitmap(stored);
    const mark = (set: DeleteSet): Promise<void> =>
      markDeleted(segment.files, key, set, rows, { signal, time: segment.time });
    for await (const set of deleteSets(segment.deletes, type, signal)) await mark(set);
    for await (const set of zeros.of(segment.levelZero, signal)) await mark(set);
    return { rows: rows.count > 0 ? rows : undefined, stored };
  }

  return {
    async of(segment, signal) {
      const { segment_id: id } = segment.info;
      const known = kept.get(id);
      if (known) return known;
      const gone = await find(segment, signal);
      if ((keptRows + gone.stored) / 8 <= KEPT_BYTES) {
        kept.set(id, gone);
        keptRows += gone.rows ? gone.stored : 0;
      }
      return gone;
    },
  };
}
