import { throwIfAborted } from '../../util/abort.js';
import { fail, type MilvusdmError } from '../../util/errors.js';
import { assertLogUnchanged, type Log, type LogFile, type LogWindow, openWindow, WINDOW_BYTES } from './log-files.js';
import { openSource } from './source-file.js';

/** Kinds of records by their number. */
export const INSERT_BINARY = 1;
export const INSERT_VECTOR = 2;
export const DELETE = 3;
const FLUSH = 5;

/** A record of the log: a request to insert or delete, as the old server took it. */
export interface LogRecord {
  /** Counts the records of a pass from 1 on. */
  readonly ordinal: number;
  readonly lsn: bigint;
  readonly type: number;
  readonly collection: string;
  /** Tag of the partition, or ''. */
  readonly tag: string;
  readonly rows: number;
  readonly dataBytes: number;
  /** Offsets in the file, for the window that comes with the record. */
  readonly idsAt: number;
  readonly dataAt: number;
  readonly file: LogFile;
}

/** Layout: u64 lsn, u8 type, u16 bytes of the collection name, u16 of the tag, u32 ids, u32 bytes of data; then all of them in this order. */
const HEADER_BYTES = 21;
const ID_BYTES = 8;

function damage(file: LogFile, at: number, what: string): MilvusdmError {
  return fail('SRC_CORRUPT', `${file.path}: the record at byte ${at} ${what}`, {
    hint: 'Start the old server on the folder and flush its collections, or copy the folder again.',
  });
}

async function recordAt(
  window: LogWindow,
  file: LogFile,
  at: number,
  ordinal: number,
): Promise<LogRecord & { end: number }> {
  const have = file.end - at;
  if (have < HEADER_BYTES) throw damage(file, at, `is cut off: need ${HEADER_BYTES} bytes, have ${have}`);
  const raw = await window.bytes(at, HEADER_BYTES);
  const header = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const lsn = header.getBigUint64(0, true);
  const type = header.getUint8(8);
  const nameBytes = header.getUint16(9, true);
  const tagBytes = header.getUint16(11, true);
  const rows = header.getUint32(13, true);
  const dataBytes = header.getUint32(17, true);
  const idsAt = at + HEADER_BYTES + nameBytes + tagBytes;
  const dataAt = idsAt + rows * ID_BYTES;
  const end = dataAt + dataBytes;
  if (end > file.end) throw damage(file, at, `is cut off: need ${end - at} bytes, have ${have}`);
  // A record is numbered by where it ends: whatever else stands here is none.
  if (lsn !== (BigInt(file.number) << 32n) + BigInt(end)) {
    throw damage(file, at, `is none: it ends at byte ${end}, its number says ${lsn & 0xffffffffn}`);
  }
  const names = Buffer.from(await window.bytes(at + HEADER_BYTES, nameBytes + tagBytes));
  return {
    ordinal,
    lsn,
    type,
    collection: names.toString('utf8', 0, nameBytes),
    tag: names.toString('utf8', nameBytes),
    rows,
    dataBytes,
    idsAt,
    dataAt,
    file,
    end,
  };
}

/**
 * All records of the log in their order, each with a window to read it through, which is valid until the next record is
 * asked for. Files that only hold records up to `after` are left out. Holds 256 KiB, whatever the size of the log. Throws SRC_CORRUPT, SRC_TRUNCATED, SRC_CHANGED, INTERRUPTED.
 */
export async function* logRecords(
  log: Log,
  after: bigint,
  signal?: AbortSignal,
): AsyncGenerator<{ readonly record: LogRecord; readonly window: LogWindow }> {
  const memory = new Uint8Array(WINDOW_BYTES);
  let ordinal = 0;
  for (const file of log.files) {
    if (file.end === 0 || BigInt(file.number) < after >> 32n) continue;
    throwIfAborted(signal);
    if (file.stamp.size < file.end) {
      await assertLogUnchanged(file);
      throw fail('SRC_TRUNCATED', `${file.path}: need ${file.end} bytes, have ${file.stamp.size}`);
    }
    await using source = await openSource(file.path, file.stamp);
    const window = openWindow(source, file.end, memory);
    for (let at = 0; at < file.end; ) {
      const { end, ...record } = await recordAt(window, file, at, ++ordinal);
      // A flush is a request too, but one without rows.
      if (record.type !== FLUSH) yield { record, window };
      throwIfAborted(signal);
      at = end;
    }
    await assertLogUnchanged(file);
  }
}
