import type { RawValues } from '../../../../src/batch/columns.js';
import type { FieldSpec } from '../../../../src/batch/fields.js';
import {
  type CompareOptions,
  type Comparison,
  compareContents,
  type Side,
} from '../../../../src/job/contents/compare.js';
import { type ContentSource, contentSource, wholeSplits } from '../../../../src/job/contents/source.js';
import { type MemoryFile, type MemoryReaderOptions, memoryReader } from '../../../support/memory-reader.js';
import { schemaOf, textColumn } from '../../batch/support.js';
import { KEY, VECTOR } from '../support.js';

export const FIELDS: readonly FieldSpec[] = [KEY, VECTOR, { name: 'price', type: 'DOUBLE' }];

/** A row of {@link FIELDS}: its vector is four times one number. */
export interface Row {
  readonly id: bigint | string;
  readonly vector: number;
  readonly price: number;
}

function keys(rows: readonly Row[]): RawValues {
  if (rows.some((r) => typeof r.id === 'string')) return textColumn(rows.map((r) => String(r.id)));
  return BigInt64Array.from(rows, (r) => r.id as bigint);
}

export function fileOfRows(rows: readonly Row[], more: Partial<MemoryFile> = {}): MemoryFile {
  const vectors = Float32Array.from(rows.flatMap((r) => new Array<number>(4).fill(r.vector)));
  return {
    name: 'a',
    rows: rows.length,
    columns: [keys(rows), vectors, Float64Array.from(rows, (r) => r.price)],
    ...more,
  };
}

export async function contentOf(
  fields: readonly FieldSpec[],
  files: readonly MemoryFile[],
  o: MemoryReaderOptions & { batchBytes?: number } = {},
): Promise<ContentSource> {
  const reader = memoryReader(schemaOf(...fields), files, o);
  return contentSource(reader, wholeSplits(await reader.splits()), { batchBytes: o.batchBytes ?? 200 });
}

export async function rowsContent(rows: readonly Row[]): Promise<ContentSource> {
  return contentOf(FIELDS, [fileOfRows(rows)]);
}

export const side = (content: ContentSource, more: Partial<Side> = {}): Side => ({ content, queried: false, ...more });

export const NEVER: AbortSignal = new AbortController().signal;

export async function compareRows(
  a: readonly Row[],
  b: readonly Row[],
  o: Partial<CompareOptions> & { queriedA?: boolean; queriedB?: boolean } = {},
): Promise<Comparison> {
  const { queriedA = false, queriedB = false, ...rest } = o;
  const [sideA, sideB] = [await rowsContent(a), await rowsContent(b)];
  return compareContents(side(sideA, { queried: queriedA }), side(sideB, { queried: queriedB }), {
    signal: NEVER,
    ...rest,
  });
}

/** Rows with ids from 0, all different. */
export function rowsOf(count: number, first = 0): (Row & { id: bigint })[] {
  return Array.from({ length: count }, (_, i) => ({
    id: BigInt(first + i),
    vector: first + i,
    price: (first + i) / 2,
  }));
}
