import { Schema } from 'apache-arrow';
import type { CollectionBackupInfo } from '../../backup/types.js';
import { isVector, toArrowField, vectorBytes } from '../../batch/fields.js';
import { LaneMemory } from '../../binlog/lane.js';
import { type RowPlace, readSegment, SEGMENT_START } from '../../binlog/rows.js';
import { formatCount, plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { Cursor, ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import type { BackupField } from './fields.js';
import { createGoneRows, type Gone } from './gone.js';
import type { BackupPlace, BackupSegment } from './segments.js';

/** One collection of a backup. */
export interface BackupCollection {
  readonly place: BackupPlace;
  readonly info: CollectionBackupInfo;
  /** That are read. */
  readonly fields: readonly BackupField[];
  readonly segments: readonly BackupSegment[];
  /** Rows name their partition. */
  readonly named: boolean;
}

interface KnownSplit {
  readonly split: Split;
  readonly segment: BackupSegment;
}

const SCALAR_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FLOAT: 4,
  DOUBLE: 8,
};
/** Text, JSON and arrays take about this many times the bytes of their compressed files. */
const INFLATED = 3;

/** Bytes of a segment's values; an estimate where they vary in length. */
function bytesOf({ fields }: BackupCollection, { info }: BackupSegment, rows: number): number {
  const stored = new Map(
    info.binlogs.map(({ fieldID, binlogs }) => [fieldID, binlogs.reduce((sum, { log_size }) => sum + log_size, 0)]),
  );
  const share = rows / Math.max(1, info.num_of_rows);
  return fields.reduce((sum, { id, spec }) => {
    const fixed = isVector(spec.type) ? vectorBytes(spec.type, spec.dim ?? 0) : SCALAR_BYTES[spec.type];
    return sum + (fixed === undefined ? Math.ceil((stored.get(id) ?? 0) * INFLATED * share) : fixed * rows);
  }, 0);
}

/** Changes when the files of the segment may have: log ids are never used twice. */
function fingerprintOf({ info, levelZero }: BackupSegment): string {
  const logs = [info, ...levelZero].flatMap((s) => [...s.binlogs, ...s.deltalogs]).flatMap(({ binlogs }) => binlogs);
  const sum = logs.reduce((total, { log_id, log_size }) => total + log_id * 31n + BigInt(log_size), 0n);
  return `${info.num_of_rows}/${logs.length}/${BigInt.asUintN(64, sum).toString(16)}`;
}

function splitOf(collection: BackupCollection, segment: BackupSegment, rows: number): Split {
  const { info, partition } = segment;
  return {
    id: `${partition}/${info.segment_id}`,
    source: `${collection.info.collection_name}/${partition}`,
    ...(collection.named ? { partition } : {}),
    rows,
    bytes: bytesOf(collection, segment, rows),
    fingerprint: fingerprintOf(segment),
  };
}

function infoOf(collection: BackupCollection, known: readonly KnownSplit[], stored: number): SourceInfo {
  const { fields, info, place } = collection;
  const vector = fields.find(({ spec }) => isVector(spec.type))?.spec;
  const rows = known.reduce((sum, { split }) => sum + split.rows, 0);
  const partitions = info.partition_backups.map(({ partition_name }) => partition_name);
  return {
    path: `${place.name === '' ? place.store.name : `${place.name} in ${place.store.name}`}: ${info.collection_name}`,
    format: place.kind?.format ?? 'backup',
    kind:
      place.kind?.text ?? (place.live ? 'segments of a running Milvus 2.x' : 'collection in a backup of Milvus 2.x'),
    rows,
    dim: vector?.dim ?? 0,
    vectorType: vector?.type ?? 'FLOAT_VECTOR',
    ids: 'stored',
    bytes: known.reduce((sum, { split }) => sum + split.bytes, 0),
    fields: fields.map(({ spec }) => spec),
    details: [
      `partitions: ${partitions.join(', ')}`,
      `${plural(known.length, 'segment')}, ${plural(stored - rows, 'deleted row')}`,
    ],
  };
}

interface Position extends RowPlace {
  /** Rows that were given before. */
  readonly given: number;
}

const toCursor = ({ chunk, row, before, given }: Position): Cursor => [chunk, row, before, given].join('/');

function fromCursor(cursor: Cursor | undefined): Position {
  if (cursor === undefined) return { ...SEGMENT_START, given: 0 };
  const [chunk, row, before, given] = cursor.split('/').map(Number);
  if (![chunk, row, before, given].every((part) => Number.isSafeInteger(part))) {
    throw fail('INTERNAL', `"${cursor}" is no cursor of a backup's reader`);
  }
  return { chunk: chunk!, row: row!, before: before!, given: given! };
}

function wantedFields(fields: readonly BackupField[], columns: readonly string[] | undefined): BackupField[] {
  const unknown = columns?.find((name) => !fields.some(({ spec }) => spec.name === name));
  if (unknown !== undefined) throw fail('INTERNAL', `the source has no field "${unknown}"`);
  return fields.filter(({ spec }) => columns?.includes(spec.name) ?? true);
}

async function* readRows(
  segment: BackupSegment,
  fields: readonly BackupField[],
  gone: Gone,
  memory: LaneMemory,
  o: ReadOptions,
): AsyncGenerator<ReadBatch> {
  const after = fromCursor(o.after);
  let { given } = after;
  const options = { after, maxBytes: o.maxBytes, gone: gone.rows, memory, signal: o.signal };
  for await (const { batch, place } of readSegment(segment.files, fields, options)) {
    const firstRow = given;
    given += batch.numRows;
    yield { batch, firstRow, cursor: toCursor({ ...place, given }) };
  }
}

function shortfall({ segment, split }: KnownSplit, given: number): string {
  const [have, need] = [formatCount(given), formatCount(split.rows)];
  return `${segment.name} gives ${have} rows, the backup says ${need}: it is incomplete`;
}

/** What a server counts in a segment and what its files have must be the same: which files belong to it was found by listing. */
function requireCounted({ name, info }: BackupSegment, rows: number): void {
  if (rows === info.num_of_rows) return;
  const [have, need] = [formatCount(rows), formatCount(info.num_of_rows)];
  throw fail('SRC_CORRUPT', `${name}: its files have ${have} rows, the server counts ${need}`, {
    hint: 'Read through the server instead, without source_storage.',
  });
}

/**
 * Reads a collection of a backup, segment by segment. Every copy of a key that no delete removes is given, as the restored
 * collection would hold it. Which rows are gone is found out here, from the keys and timestamps of segments with deletes. The
 * caller disposes of it. Throws SRC_* and STORE_* errors.
 */
export async function openBackupReader(collection: BackupCollection, signal?: AbortSignal): Promise<Reader> {
  const { fields, segments, info } = collection;
  const key = fields.find(({ spec }) => spec.primaryKey)!;
  const goneRows = createGoneRows(collection.place, key);
  const known: KnownSplit[] = [];
  let stored = 0;
  for (const segment of segments) {
    const gone = await goneRows.of(segment, signal);
    if (collection.place.live) requireCounted(segment, gone.stored);
    stored += gone.stored;
    known.push({ segment, split: splitOf(collection, segment, gone.stored - (gone.rows?.count ?? 0)) });
  }
  const functions = info.schema?.functions ?? [];
  const late: string[] = [];
  const idle: LaneMemory[] = [];
  let disposed = false;

  async function* read(split: Split, o: ReadOptions): AsyncGenerator<ReadBatch> {
    if (disposed) throw fail('INTERNAL', 'the reader of a backup was read after it was disposed of');
    const found = known.find((one) => one.split.id === split.id);
    if (!found) throw fail('INTERNAL', `the reader of the backup has no split "${split.id}"`);
    const wanted = wantedFields(fields, o.columns);
    if (wanted.length === 0) return;
    // One per pass at a time: passes over two splits may run side by side.
    const memory = idle.pop() ?? new LaneMemory();
    let given = fromCursor(o.after).given;
    try {
      for await (const one of readRows(found.segment, wanted, await goneRows.of(found.segment, o.signal), memory, o)) {
        yield one;
        given = one.firstRow + one.batch.numRows;
      }
    } finally {
      if (!disposed) idle.push(memory);
    }
    if (given === split.rows) return;
    if (collection.place.live) requireCounted(found.segment, given + found.segment.info.num_of_rows - split.rows);
    const line = shortfall(found, given);
    if (!late.includes(line)) late.push(line);
  }

  return {
    schema: new Schema(fields.map(({ spec }) => toArrowField(spec))),
    info: [infoOf(collection, known, stored)],
    warnings: functions.map(({ name }) => `the function "${name}" of "${info.collection_name}" is not carried over`),
    lateWarnings: () => late,
    splits: () => Promise.resolve(known.map(({ split }) => split)),
    read,
    async [Symbol.asyncDispose]() {
      disposed = true;
      idle.length = 0;
    },
  };
}
