import { type RecordBatch, Schema } from 'apache-arrow';
import type { Bitmap } from '../batch/bitmap.js';
import { makeBatch } from '../batch/columns.js';
import { toArrowField } from '../batch/fields.js';
import { sliceByBytes } from '../batch/slices.js';
import { throwIfAborted } from '../util/abort.js';
import type { DeleteSet } from './delete-set.js';
import type { KeyType } from './delta-log.js';
import { type Lane, LaneMemory } from './lane.js';
import { type Chunk, chunkCount, openChunk, type SegmentFiles, type StoredField, TIMESTAMP_ID } from './segment.js';
import { survivors } from './survivors.js';

/** A place in a segment: the next row of a chunk, and how many rows of the segment are before it. */
export interface RowPlace {
  readonly chunk: number;
  readonly row: number;
  readonly before: number;
}

export const SEGMENT_START: RowPlace = { chunk: 0, row: 0, before: 0 };

export interface SegmentBatch {
  /** Its memory is used again for the next one. */
  readonly batch: RecordBatch;
  /** Behind its rows, and those that are gone. */
  readonly place: RowPlace;
}

export interface SegmentReadOptions {
  readonly after: RowPlace;
  readonly maxBytes: number;
  /** Rows that are not given, by their number in the segment. */
  readonly gone?: Bitmap | undefined;
  readonly memory: LaneMemory;
  readonly signal?: AbortSignal | undefined;
}

/** Rows that are looked at together: as many as fit by their average. */
async function holdRows(lanes: readonly Lane[], left: number, maxBytes: number): Promise<number> {
  const rowBytes = lanes.reduce((sum, lane) => sum + lane.rowBytes, 0);
  let rows = Math.min(left, Math.max(1, Math.floor(maxBytes / Math.max(1, rowBytes))));
  // A column of long texts may hold fewer rows than it was asked for; the others then give as many.
  const order = [...lanes].sort((a, b) => Number(a.fixed) - Number(b.fixed));
  for (const lane of order) rows = await lane.hold(rows, maxBytes);
  return rows;
}

async function* readChunk(
  { lanes, rows }: Chunk,
  schema: Schema,
  start: RowPlace,
  o: SegmentReadOptions,
): AsyncGenerator<{ batch: RecordBatch; row: number }> {
  if (start.row > 0) for (const lane of lanes) await lane.skip(start.row);
  for (let row = start.row; row < rows; ) {
    throwIfAborted(o.signal);
    const take = await holdRows(lanes, rows - row, o.maxBytes);
    const taken = lanes.map((lane) => lane.take(take));
    const batch = makeBatch(
      schema,
      take,
      taken.map(({ values }) => values),
      taken.map(({ valid }) => valid),
    );
    for (const [from, to] of sliceByBytes(batch, o.maxBytes)) {
      throwIfAborted(o.signal);
      yield { batch: to - from === take ? batch : batch.slice(from, to), row: row + from };
    }
    for (const lane of lanes) lane.drop(take);
    row += take;
  }
}

/** The rows of a segment that are not gone, chunk by chunk, in batches of the given fields. Throws SRC_* errors. */
export async function* readSegment(
  segment: SegmentFiles,
  fields: readonly StoredField[],
  o: SegmentReadOptions,
): AsyncGenerator<SegmentBatch> {
  const schema = new Schema(fields.map(({ spec }) => toArrowField(spec)));
  let { before } = o.after;
  for (let index = o.after.chunk; index < chunkCount(segment); index++) {
    const start = index === o.after.chunk ? o.after : { chunk: index, row: 0, before };
    const base = start.before - start.row;
    const chunk = await openChunk(segment, index, fields, o.memory);
    for await (const { batch, row } of readChunk(chunk, schema, start, o)) {
      const end = row + batch.numRows;
      const left = survivors(batch, base + row, o.gone);
      if (left) yield { batch: left, place: { chunk: index, row: end, before: base + end } };
    }
    before = base + chunk.rows;
  }
}

/** Rows in the files of a segment, whether deleted or not; opens the logs of one field. */
export async function countStoredRows(segment: SegmentFiles, key: StoredField): Promise<number> {
  let rows = 0;
  const memory = new LaneMemory();
  for (let index = 0; index < chunkCount(segment); index++)
    rows += (await openChunk(segment, index, [key], memory)).rows;
  return rows;
}

const SCAN_BYTES = 2 << 20;

export interface MarkOptions {
  readonly signal?: AbortSignal | undefined;
  /** When all rows were written, in place of what is stored with each. */
  readonly time?: bigint | undefined;
}

/**
 * Marks the rows of a segment that one of these deletes removes: same key, and written strictly before it. Reads the columns
 * of keys and timestamps. Throws SRC_* errors.
 */
export async function markDeleted(
  segment: SegmentFiles,
  key: StoredField,
  deletes: DeleteSet,
  gone: Bitmap,
  { signal, time }: MarkOptions = {},
): Promise<void> {
  const spec = { name: 'key', type: key.spec.type as KeyType };
  const stored = { id: TIMESTAMP_ID, spec: { name: 'time', type: 'INT64' as const } };
  const fields = [{ id: key.id, spec }, ...(time === undefined ? [stored] : [])];
  const memory = new LaneMemory();
  let before = 0;
  for (let index = 0; index < chunkCount(segment); index++) {
    const { lanes, rows } = await openChunk(segment, index, fields, memory);
    for (let done = 0; done < rows; ) {
      throwIfAborted(signal);
      const take = await holdRows(lanes, rows - done, SCAN_BYTES);
      const [keys, times] = lanes.map((lane) => lane.take(take).values);
      const at = time === undefined ? (times as BigInt64Array) : new BigInt64Array(take).fill(time);
      const isGone = deletes.createLookup(keys!, at);
      for (let i = 0; i < take; i++) if (isGone(i)) gone.add(before + done + i);
      for (const lane of lanes) lane.drop(take);
      done += take;
    }
    before += rows;
  }
}
