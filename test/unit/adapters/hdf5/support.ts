import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Reader, ReadOptions } from '../../../../src/adapters/types.js';
import { flat, isText, type RawColumn, rawColumns } from '../../../../src/batch/columns.js';
import { fromArrowField } from '../../../../src/batch/fields.js';
import type { Hdf5Source } from '../../../../src/config/types.js';
import { MilvusdmError } from '../../../../src/util/errors.js';

export const FIXTURES: string = fileURLToPath(new URL('../../../../fixtures/hdf5/', import.meta.url));

/** An entry of fixtures/hdf5/expected.json; fixtures/mk-hdf5.py explains the keys. */
export interface Expected {
  readonly outcome: 'ok' | 'refuse';
  readonly code?: string;
  readonly at?: 'open' | 'read';
  readonly rows: number;
  readonly dim: number;
  readonly vector: 'float32' | 'binary';
  readonly sha256: string;
  readonly sha256_ids: string;
  readonly idkind: 'int64' | 'text' | 'none';
  readonly columns?: Readonly<Record<string, { readonly type: string; readonly sha256: string }>>;
  readonly options?: Partial<Pick<Hdf5Source, 'dataset' | 'idsDataset' | 'columns' | 'vectorType'>>;
  readonly bad_rows?: readonly number[];
  readonly max_length?: number;
  readonly metric?: string;
}

export const EXPECTED: readonly (readonly [string, Expected])[] = Object.entries(
  (JSON.parse(readFileSync(`${FIXTURES}expected.json`, 'utf8')) as { files: Record<string, Expected> }).files,
);

export const NAMES = { idField: 'key', vectorField: 'vec' };

/** A source over some files, with the usual names. */
export function source(paths: readonly string[], more: Partial<Hdf5Source> = {}): Hdf5Source {
  return {
    adapter: 'hdf5',
    files: paths.map((path) => ({ path })),
    dataset: 'embeddings',
    idsDataset: 'ids',
    idsOptional: true,
    columns: {},
    ...more,
  };
}

/** Everything of one split: per field the bytes of each row, and where batches began. */
export interface Content {
  readonly fields: Map<string, Buffer[]>;
  readonly starts: number[];
  readonly cursors: string[];
  /** Bytes of the largest batch of more than one row. */
  readonly largest: number;
}

function columnBytes(column: RawColumn): number {
  return isText(column.values)
    ? column.values.offsets[column.rows]! - column.values.offsets[0]!
    : column.rows * column.width * flat(column.values).BYTES_PER_ELEMENT;
}

/** A copy of one row of a column. */
function rowBytes({ values, width }: RawColumn, row: number): Buffer {
  if (isText(values)) return Buffer.from(values.bytes.subarray(values.offsets[row]!, values.offsets[row + 1]!));
  const array = flat(values);
  const size = array.BYTES_PER_ELEMENT * width;
  return Buffer.from(new Uint8Array(array.buffer, array.byteOffset + row * size, size));
}

/** Reads a split to its end, copying every row out of the shared batches. */
export async function readAll(reader: Reader, options: ReadOptions, index = 0): Promise<Content> {
  const split = (await reader.splits())[index]!;
  const content = { fields: new Map<string, Buffer[]>(), starts: [] as number[], cursors: [] as string[], largest: 0 };
  for await (const { batch, cursor, firstRow } of reader.read(split, options)) {
    content.starts.push(firstRow);
    content.cursors.push(cursor);
    const columns = rawColumns(batch);
    const bytes = columns.reduce((sum, column) => sum + columnBytes(column), 0);
    if (batch.numRows > 1) content.largest = Math.max(content.largest, bytes);
    for (const column of columns) {
      const rows = content.fields.get(column.field.name) ?? [];
      for (let row = 0; row < column.rows; row++) rows.push(rowBytes(column, row));
      content.fields.set(column.field.name, rows);
    }
  }
  return content;
}

/** sha256 of rows in an order; text with its length before. */
export function digest(rows: readonly Buffer[], order: readonly number[], text: boolean): string {
  const hash = createHash('sha256');
  for (const i of order) {
    const row = rows[i]!;
    if (text) {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(row.length);
      hash.update(length);
    }
    hash.update(row);
  }
  return hash.digest('hex');
}

/** Checks rows against an entry; `first` is the row that the content begins with (0 unless resumed). */
export function summarize(reader: Reader, content: Content): Record<string, string> {
  const specs = reader.schema.fields.map(fromArrowField);
  const key = specs.find((spec) => spec.primaryKey);
  const rows = content.fields.get(NAMES.vectorField)?.length ?? content.fields.get(NAMES.idField)?.length ?? 0;
  const ids = key ? (content.fields.get(key.name) ?? []) : rowNumbers(rows);
  const textKey = key?.type === 'VARCHAR';
  const order = ids.map((_, i) => i);
  if (textKey) order.sort((a, b) => Buffer.compare(ids[a]!, ids[b]!) || a - b);
  else {
    const numbers = ids.map((id) => id.readBigInt64LE());
    order.sort((a, b) => (numbers[a]! < numbers[b]! ? -1 : numbers[a]! > numbers[b]! ? 1 : a - b));
  }
  const result: Record<string, string> = { ids: digest(ids, order, textKey) };
  for (const spec of specs) {
    const values = content.fields.get(spec.name) ?? [];
    if (!spec.primaryKey) result[spec.name] = digest(values, order, spec.type === 'VARCHAR');
  }
  return result;
}

function rowNumbers(rows: number): Buffer[] {
  return Array.from({ length: rows }, (_, i) => {
    const id = Buffer.alloc(8);
    id.writeBigInt64LE(BigInt(i));
    return id;
  });
}

/** The error of a promise, which must be one of ours. */
export async function errorOf(promise: Promise<unknown>): Promise<MilvusdmError> {
  try {
    await promise;
  } catch (thrown) {
    if (thrown instanceof MilvusdmError) return thrown;
    throw thrown;
  }
  throw new Error('nothing was thrown');
}
