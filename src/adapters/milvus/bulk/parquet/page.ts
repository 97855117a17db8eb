import { isList, type RawColumn } from '../../../../batch/columns.js';
import type { ParquetField } from './leaf.js';
import { constantLevels, type Levels, listLevels } from './levels.js';
import { ThriftWriter } from './thrift-writer.js';
import { plainValues } from './values.js';

/** Numbers of parquet.thrift: PageType, Encoding. */
const DATA_PAGE = 0;
export const ENCODING = { PLAIN: 0, RLE: 3 } as const;
const NO_BYTES = new Uint8Array(0);

/** A data page of version 1, not compressed. */
export interface Page {
  /** Its header and levels. */
  readonly head: Uint8Array;
  readonly values: Uint8Array;
  /** The values are the memory of the batch. */
  readonly shared: boolean;
  /** Values, and one for each empty list. */
  readonly count: number;
}

/** PageHeader (parquet.thrift) of `bytes` bytes behind it. */
function pageHeader(bytes: number, count: number): Uint8Array {
  const out = new ThriftWriter();
  out.i32(1, DATA_PAGE);
  out.i32(2, bytes);
  out.i32(3, bytes);
  out.struct(5, () => {
    out.i32(1, count);
    out.i32(2, ENCODING.PLAIN);
    out.i32(3, ENCODING.RLE);
    out.i32(4, ENCODING.RLE);
  });
  return out.finish();
}

function levelsOf({ list }: ParquetField, { values, rows, width }: RawColumn): Levels {
  if (!list) return { bytes: NO_BYTES, count: rows };
  return isList(values) ? listLevels(values.offsets, rows) : constantLevels(rows, width);
}

/** The rows of a column as one page. */
export function pageOf(field: ParquetField, column: RawColumn): Page {
  const { bytes: levels, count } = levelsOf(field, column);
  const { bytes: values, shared } = plainValues(field.leaf, column);
  const header = pageHeader(levels.length + values.length, count);
  const head = new Uint8Array(header.length + levels.length);
  head.set(header);
  head.set(levels, header.length);
  return { head, values, shared, count };
}
