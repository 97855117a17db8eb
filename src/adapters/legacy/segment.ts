import { join } from 'node:path';
import { type Bitmap, createBitmap } from '../../batch/bitmap.js';
import { fail } from '../../util/errors.js';
import type { IdOrdinals } from './id-ordinals.js';
import type { LegacySegment, LegacyTable } from './metadata.js';
import type { Note } from './notes.js';
import {
  assertUnchangedAt,
  look,
  openSource,
  readInto,
  type SourceFile,
  type Stamp,
  stampWord,
} from './source-file.js';

/** A segment whose files were checked against each other. */
export interface Segment {
  readonly id: string;
  readonly tableId: string;
  readonly vectors: string;
  readonly ids: string;
  readonly deletes: string;
  readonly stamps: { readonly vectors: Stamp; readonly ids: Stamp; readonly deletes: Stamp | undefined };
  /** Rows in the files, deleted ones among them. */
  readonly rows: number;
  readonly liveRows: number;
  readonly fingerprint: string;
}

/** What is lacking of a segment. */
export interface MissingSegment {
  readonly id: string;
  readonly missing: string;
  readonly rowCount: bigint;
}

/** Every file begins with the number of bytes that follow (u64). */
export const HEADER_BYTES = 8;
const ID_BYTES = 8;
const OFFSET_BYTES = 4;
const CHUNK_BYTES = 256 * 1024;

/** Bytes behind the header, which must be the whole rest of the file. Throws SRC_TRUNCATED or SRC_CORRUPT. */
async function payloadOf(file: SourceFile, unit: number): Promise<number> {
  const { path, stamp } = file;
  const need = (bytes: number | bigint): string => `need ${bytes} bytes, have ${stamp.size}`;
  if (stamp.size < HEADER_BYTES) throw fail('SRC_TRUNCATED', `${path}: ${need(HEADER_BYTES)}`);
  const header = Buffer.alloc(HEADER_BYTES);
  await readInto(file, 0, header);
  const bytes = header.readBigUInt64LE();
  const total = bytes + BigInt(HEADER_BYTES);
  if (total > BigInt(stamp.size)) throw fail('SRC_TRUNCATED', `${path} announces ${bytes} bytes: ${need(total)}`);
  if (total < BigInt(stamp.size)) throw fail('SRC_CORRUPT', `${path} announces ${bytes} bytes: ${need(total)}`);
  if (Number(bytes) % unit === 0) return Number(bytes);
  throw fail('SRC_CORRUPT', `${path} announces ${bytes} bytes, which is no multiple of ${unit}`);
}

/** Rows that do not count any more. */
export interface Deletes {
  /** Absent where nothing is deleted. */
  readonly deleted?: Bitmap;
  /** Rows that deleted_docs deletes. */
  readonly stored: number;
  /** Entries of deleted_docs, repeated ones among them. */
  readonly entries: number;
  /** Entries that name no row. */
  readonly outside: number;
}

const NO_DELETES: Deletes = { stored: 0, entries: 0, outside: 0 };

/** Reads deleted_docs: offsets of rows (int32), unsorted and possibly repeated. */
async function readDeletedDocs(path: string, stamp: Stamp, rows: number): Promise<Deletes> {
  await using file = await openSource(path, stamp);
  const entries = (await payloadOf(file, OFFSET_BYTES)) / OFFSET_BYTES;
  if (entries === 0) return NO_DELETES;
  const deleted = createBitmap(rows);
  const chunk = new Int32Array(Math.min(entries, CHUNK_BYTES / OFFSET_BYTES));
  let outside = 0;
  for (let done = 0; done < entries; ) {
    const part = chunk.subarray(0, Math.min(chunk.length, entries - done));
    const at = HEADER_BYTES + done * OFFSET_BYTES;
    await readInto(file, at, new Uint8Array(part.buffer, 0, part.byteLength));
    for (const offset of part) {
      if (offset >= 0 && offset < rows) deleted.add(offset);
      else outside++;
    }
    done += part.length;
  }
  await assertUnchangedAt(path, stamp);
  return { ...(deleted.count > 0 ? { deleted } : {}), stored: deleted.count, entries, outside };
}

/** Marks the rows whose ids the log deletes later than the segment was written. */
async function addLogDeletes(
  file: SourceFile,
  rows: number,
  gone: IdOrdinals,
  found: Bitmap | undefined,
): Promise<Bitmap | undefined> {
  let deleted = found;
  const halves = new Int32Array(Math.min(rows * 2, CHUNK_BYTES / 4));
  for (let done = 0; done < rows; ) {
    const count = Math.min(halves.length / 2, rows - done);
    await readInto(file, HEADER_BYTES + done * ID_BYTES, new Uint8Array(halves.buffer, 0, count * ID_BYTES));
    for (let i = 0; i < count; i++) {
      if (gone.get(halves[i * 2]!, halves[i * 2 + 1]!) === 0) continue;
      deleted ??= createBitmap(rows);
      deleted.add(done + i);
    }
    done += count;
  }
  return deleted;
}

/** The deleted rows of a segment in the state in which it was checked. Throws SRC_*. */
export async function deletesOf(
  segment: Pick<Segment, 'ids' | 'deletes' | 'stamps' | 'rows'>,
  gone: IdOrdinals | undefined,
): Promise<Deletes> {
  const { ids, deletes, stamps, rows } = segment;
  const stored = stamps.deletes ? await readDeletedDocs(deletes, stamps.deletes, rows) : NO_DELETES;
  if (!gone || gone.size === 0) return stored;
  await using file = await openSource(ids, stamps.ids);
  const deleted = await addLogDeletes(file, rows, gone, stored.deleted);
  return { ...stored, ...(deleted ? { deleted } : {}) };
}

/** The folder of a segment: the first that has its vectors, else the first there is. */
async function folderOf(roots: readonly string[], tableId: string, id: string): Promise<string | undefined> {
  let first: string | undefined;
  for (const root of roots) {
    const folder = join(root, tableId, id);
    if ((await look(folder))?.kind !== 'folder') continue;
    if (await look(join(folder, `${id}.rv`))) return folder;
    first ??= folder;
  }
  return first;
}

export interface SegmentCheck {
  /** Folders of `tables`, in order. */
  readonly roots: readonly string[];
  readonly rowBytes: number;
  /** Ids that the log deletes. */
  readonly gone: IdOrdinals | undefined;
}

/** The outcome for one segment, with what the user should know of it. */
export interface CheckedSegment {
  readonly found: Segment | MissingSegment;
  readonly notes: readonly Note[];
}

function notesOn(row: LegacySegment, rows: number, deletes: Deletes, known: boolean): Note[] {
  const live = rows - deletes.stored;
  const notes: Note[] = [];
  if (!known) notes.push(['segments without deleted_docs, taken as without deleted rows', row.id]);
  if (deletes.outside > 0) {
    const where = `${row.id} (${deletes.outside} of ${deletes.entries})`;
    notes.push(['entries of deleted_docs that name no row are ignored', where]);
  }
  // The server lowered row_count by every entry, also by repeated ones.
  const expected = [rows - deletes.entries, live].map(BigInt);
  if (!expected.includes(row.rowCount)) {
    const where = `${row.id} (${row.rowCount}, files ${live})`;
    notes.push(['row_count of the metadata differs from the files, which count', where]);
  }
  return notes;
}

/**
 * Checks the files of a segment against each other and against the dimension; reads headers and deleted_docs, and the ids
 * where the log deletes some. Throws SRC_TRUNCATED and SRC_CORRUPT, naming file and numbers.
 */
export async function checkSegment(table: LegacyTable, row: LegacySegment, o: SegmentCheck): Promise<CheckedSegment> {
  const lacking = (missing: string): CheckedSegment => ({
    found: { id: row.id, missing, rowCount: row.rowCount },
    notes: [],
  });
  const folder = await folderOf(o.roots, table.tableId, row.id);
  if (folder === undefined) return lacking('no folder');
  const paths = {
    vectors: join(folder, `${row.id}.rv`),
    ids: join(folder, `${row.id}.uid`),
    deletes: join(folder, 'deleted_docs'),
  };
  const [hasVectors, hasIds] = [await look(paths.vectors), await look(paths.ids)];
  const absent = [...(hasVectors ? [] : ['.rv']), ...(hasIds ? [] : ['.uid'])];
  if (absent.length > 0) return lacking(`no ${absent.join(' and ')}`);
  await using vectors = await openSource(paths.vectors);
  await using ids = await openSource(paths.ids);
  const rows = (await payloadOf(ids, ID_BYTES)) / ID_BYTES;
  const vectorBytes = await payloadOf(vectors, 1);
  if (vectorBytes !== rows * o.rowBytes) {
    const need = `${rows} ids of ${paths.ids} need ${rows * o.rowBytes} (${o.rowBytes} a row)`;
    throw fail('SRC_CORRUPT', `${paths.vectors} has ${vectorBytes} bytes of vectors, the ${need}`);
  }
  const stamps = { vectors: vectors.stamp, ids: ids.stamp, deletes: (await look(paths.deletes))?.stamp };
  const deletes = await deletesOf({ ...paths, stamps, rows }, o.gone);
  const found: Segment = {
    id: row.id,
    tableId: table.tableId,
    ...paths,
    stamps,
    rows,
    liveRows: rows - (deletes.deleted?.count ?? 0),
    fingerprint: [stamps.vectors, stamps.ids, stamps.deletes].map(stampWord).join('+'),
  };
  return { found, notes: notesOn(row, rows, deletes, stamps.deletes !== undefined) };
}
