import { createHash } from 'node:crypto';
import { type RecordBatch, Schema } from 'apache-arrow';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../../src/adapters/types.js';
import { keyIndex, makeBatch, type RawValues, rawColumns, rowBytes } from '../../src/batch/columns.js';
import { fromArrowField, isVector } from '../../src/batch/fields.js';
import { takeRows } from '../../src/batch/gather.js';
import { throwIfAborted } from '../../src/util/abort.js';
import { fail } from '../../src/util/errors.js';

/** One split of a memory source: its columns in schema order, each of `rows` rows. */
export interface MemoryFile {
  readonly name: string;
  readonly partition?: string;
  readonly rows: number;
  readonly columns: readonly RawValues[];
}

export interface MemoryReaderOptions {
  readonly metric?: string;
  readonly warnings?: readonly string[];
  /** Its splits can only be read from their start or behind a batch. */
  readonly whole?: boolean;
  /** Called before every batch with the split and the number of its first row; may throw or wait. */
  readonly beforeBatch?: (split: Split, firstRow: number) => void | Promise<void>;
}

/** A memory source, with what the tests want to know of its use. */
export interface MemoryReader extends Reader {
  /** How often it was disposed of. */
  readonly disposals: number;
  /** Splits read so far, with the columns that were asked for ('*' = all). */
  readonly reads: readonly string[];
}

function bytesOfRow(batch: RecordBatch, row: number): number {
  return rawColumns(batch).reduce((sum, column) => sum + rowBytes(column, row).length, 0);
}

function bytesOf(batch: RecordBatch): number {
  let sum = 0;
  for (let row = 0; row < batch.numRows; row++) sum += bytesOfRow(batch, row);
  return sum;
}

/** What a reader is allowed to do with a batch once the next one is asked for. */
function spoil(batch: RecordBatch): void {
  for (const column of rawColumns(batch)) {
    for (let row = 0; row < column.rows; row++) rowBytes(column, row).fill(0xa5);
  }
}

function narrowed(batch: RecordBatch, names: readonly string[] | undefined): RecordBatch {
  if (!names) return batch;
  const columns = rawColumns(batch).filter((column) => names.includes(column.field.name));
  return makeBatch(
    new Schema(columns.map((column) => column.field)),
    batch.numRows,
    columns.map((column) => column.values),
  );
}

function startOf(split: Split, after: string | undefined): number {
  if (after === undefined) return 0;
  const row = Number(after);
  if (Number.isInteger(row) && row >= 0 && row <= split.rows) return row;
  throw fail('INTERNAL', `the cursor ${after} is none of ${split.id}`);
}

function fingerprintOf(file: MemoryFile, batch: RecordBatch): string {
  const hash = createHash('sha256').update(file.name);
  for (const column of rawColumns(batch))
    for (let row = 0; row < batch.numRows; row++) hash.update(rowBytes(column, row));
  return hash.digest('hex').slice(0, 16);
}

function describe(schema: Schema, split: Split, metric: string | undefined): SourceInfo {
  const fields = schema.fields.map(fromArrowField);
  const vector = fields.find((field) => isVector(field.type));
  return {
    path: split.source,
    format: 'memory',
    kind: 'rows in memory',
    rows: split.rows,
    dim: vector?.dim ?? 0,
    vectorType: vector?.type ?? 'FLOAT_VECTOR',
    ...(metric === undefined ? {} : { metric }),
    ids: keyIndex(schema) < 0 ? 'none' : 'stored',
    bytes: split.bytes,
    fields,
    details: [],
  };
}

/**
 * A reader over rows in memory. As a reader may, it spoils the memory of a batch when the next one is asked for, so
 * that whoever holds on to a batch is found out.
 */
export function memoryReader(
  schema: Schema,
  files: readonly MemoryFile[],
  options: MemoryReaderOptions = {},
): MemoryReader {
  const stored = files.map((file) => {
    const batch = makeBatch(schema, file.rows, file.columns);
    const split: Split = {
      id: file.name,
      source: file.name,
      ...(file.partition === undefined ? {} : { partition: file.partition }),
      rows: file.rows,
      bytes: bytesOf(batch),
      fingerprint: fingerprintOf(file, batch),
    };
    return { split, batch };
  });
  const reads: string[] = [];
  let disposals = 0;

  async function* read(split: Split, o: ReadOptions): AsyncIterable<ReadBatch> {
    const { batch: all } = stored.find((s) => s.split.id === split.id)!;
    reads.push(`${split.id}: ${o.columns?.join(',') ?? '*'}`);
    const source = narrowed(all, o.columns);
    let row = startOf(split, o.after);
    while (row < split.rows) {
      throwIfAborted(o.signal);
      await options.beforeBatch?.(split, row);
      const rows = [row];
      let bytes = bytesOfRow(source, row);
      for (let next = row + 1; next < split.rows; next++) {
        bytes += bytesOfRow(source, next);
        if (bytes > o.maxBytes) break;
        rows.push(next);
      }
      const batch = takeRows(source, rows);
      yield { batch, cursor: String(row + rows.length), firstRow: row };
      spoil(batch);
      row += rows.length;
    }
  }

  return {
    schema,
    info: stored.map(({ split }) => describe(schema, split, options.metric)),
    warnings: options.warnings ?? [],
    splits: async () => stored.map(({ split }) => split),
    ...(options.whole ? {} : { cursorAt: (_split: Split, row: number) => String(row) }),
    read,
    reads,
    get disposals() {
      return disposals;
    },
    async [Symbol.asyncDispose]() {
      disposals++;
    },
  };
}
