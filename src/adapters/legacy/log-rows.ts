import { fail } from '../../util/errors.js';
import type { ReadBatch, ReadOptions } from '../types.js';
import { type BatchPlan, type BatchRows, layOut, type MemoryPool } from './batch-memory.js';
import type { IdOrdinals } from './id-ordinals.js';
import type { Log, LogWindow } from './log-files.js';
import { type LogRecord, logRecords } from './log-records.js';
import type { LegacyPart } from './metadata.js';
import { rowsBefore } from './segment-rows.js';
import { concerns, isInsert } from './unflushed.js';

const ID_BYTES = 8;

/** The rows of one partition that only the log holds. */
export interface LogPart {
  readonly log: Log;
  readonly collection: string;
  readonly part: LegacyPart;
  /** Ids that the log deletes, and where it last does. */
  readonly gone: IdOrdinals;
  readonly rowBytes: number;
}

function checkSize(record: LogRecord, rowBytes: number): void {
  if (record.dataBytes === record.rows * rowBytes) return;
  const need = `${record.rows} rows need ${record.rows * rowBytes} bytes (${rowBytes} a row)`;
  throw fail(
    'SRC_CORRUPT',
    `${record.file.path}: the record at byte ${record.idsAt} has ${record.dataBytes} bytes, its ${need}`,
  );
}

/** Whether row `i` of ids given in halves is deleted by a later record. */
function isGone(gone: IdOrdinals, halves: Int32Array, i: number, ordinal: number): boolean {
  return gone.get(halves[i * 2]!, halves[i * 2 + 1]!) > ordinal;
}

const SCAN_IDS = 8192;

/** Counts the inserted rows, and those that the log does not delete again. Throws what reading the log throws. */
export async function countLogRows(o: LogPart, signal?: AbortSignal): Promise<{ rows: number; liveRows: number }> {
  const halves = new Int32Array(SCAN_IDS * 2);
  let rows = 0;
  let liveRows = 0;
  for await (const { record, window } of logRecords(o.log, o.part.tables[0].flushLsn, signal)) {
    if (!isInsert(record) || !concerns(record, o.collection, o.part)) continue;
    checkSize(record, o.rowBytes);
    rows += record.rows;
    liveRows += record.rows;
    for (let done = 0; o.gone.size > 0 && done < record.rows; done += SCAN_IDS) {
      const count = Math.min(SCAN_IDS, record.rows - done);
      await window.copy(record.idsAt + done * ID_BYTES, new Uint8Array(halves.buffer, 0, count * ID_BYTES));
      for (let i = 0; i < count; i++) if (isGone(o.gone, halves, i, record.ordinal)) liveRows--;
    }
  }
  return { rows, liveRows };
}

/** Copies `count` rows of a record, from its row `from` on, to row `at` of a batch. */
async function fill(
  window: LogWindow,
  record: LogRecord,
  o: { from: number; count: number; at: number; vectors: boolean },
  rows: BatchRows,
  rowBytes: number,
): Promise<void> {
  const part = (bytes: Uint8Array, size: number): Uint8Array => bytes.subarray(o.at * size, (o.at + o.count) * size);
  await window.copy(record.idsAt + o.from * ID_BYTES, part(rows.ids, ID_BYTES));
  if (o.vectors) await window.copy(record.dataAt + o.from * rowBytes, part(rows.vectors, rowBytes));
}

/**
 * The inserted rows of a partition that only the log holds, in its order, without those that it deletes again. A cursor
 * counts all of them, `firstRow` those that stay. Throws SRC_CORRUPT, SRC_TRUNCATED, SRC_CHANGED, INTERRUPTED.
 * @param total number of inserted rows, for checking the cursor
 * @param plan must have room for ids
 */
export async function* logRows(
  o: LogPart,
  total: number,
  plan: BatchPlan,
  options: ReadOptions,
  pool: MemoryPool,
): AsyncGenerator<ReadBatch> {
  const skip = rowsBefore(options.after, total, `the log of ${o.collection}/${o.part.tag}`);
  const memory = pool.take(plan.bytes);
  try {
    const rows = layOut(plan, memory);
    let row = 0;
    let filled = 0;
    let firstRow = 0;
    for await (const { record, window } of logRecords(o.log, o.part.tables[0].flushLsn, options.signal)) {
      if (!isInsert(record) || !concerns(record, o.collection, o.part)) continue;
      checkSize(record, o.rowBytes);
      for (let from = 0; from < record.rows; ) {
        // Rows before the cursor are gone over by their ids alone, for the live ones among them count.
        const before = row < skip;
        const count = Math.min(
          plan.capacity - filled,
          record.rows - from,
          before ? skip - row : Number.POSITIVE_INFINITY,
        );
        await fill(
          window,
          record,
          { from, count, at: filled, vectors: plan.wantVectors && !before },
          rows,
          plan.rowBytes,
        );
        const at = filled;
        const kept = rows.compact(at, count, (i) => isGone(o.gone, rows.halves, at + i, record.ordinal));
        from += count;
        row += count;
        if (before) {
          firstRow += kept;
          continue;
        }
        filled += kept;
        if (filled < plan.capacity) continue;
        yield { batch: rows.batch(filled), cursor: String(row), firstRow };
        firstRow += filled;
        filled = 0;
      }
    }
    if (filled > 0) yield { batch: rows.batch(filled), cursor: String(row), firstRow };
  } finally {
    pool.giveBack(memory);
  }
}
