import { CONVERTED, type ParquetField, physicalNumber } from './leaf.js';
import { ENCODING } from './page.js';
import { ThriftWriter } from './thrift-writer.js';

/** Pages of one column in one row group. */
export interface Chunk {
  /** Where its first page begins in the file. */
  readonly at: number;
  /** Of its pages, headers included. */
  readonly bytes: number;
  readonly count: number;
}

export interface Group {
  readonly rows: number;
  readonly chunks: readonly Chunk[];
}

/** Numbers of parquet.thrift: FieldRepetitionType, CompressionCodec. */
const REPETITION = { required: 0, repeated: 2 } as const;
const UNCOMPRESSED = 0;
const FORMAT_VERSION = 1;

interface Element {
  readonly name: string;
  readonly type?: number;
  readonly converted?: number | undefined;
  readonly repetition?: number;
  readonly children?: number;
}

/** Of lists the three levels that the format asks for (parquet-format, LogicalTypes.md, Lists). */
function elementsOf({ name, leaf, list }: ParquetField): Element[] {
  const value = { type: physicalNumber(leaf), converted: leaf.converted, repetition: REPETITION.required };
  if (!list) return [{ name, ...value }];
  return [
    { name, repetition: REPETITION.required, children: 1, converted: CONVERTED.LIST },
    { name: 'list', repetition: REPETITION.repeated, children: 1 },
    { name: 'element', ...value },
  ];
}

/** FileMetaData (parquet.thrift). */
export function footer(fields: readonly ParquetField[], groups: readonly Group[]): Uint8Array {
  const out = new ThriftWriter();
  const optional = (id: number, value: number | undefined): void => {
    if (value !== undefined) out.i32(id, value);
  };
  const element = ({ name, type, converted, repetition, children }: Element): void => {
    optional(1, type);
    optional(3, repetition);
    out.text(4, name);
    optional(5, children);
    optional(6, converted);
  };
  const chunk = ({ name, leaf, list }: ParquetField, { at, bytes, count }: Chunk): void => {
    out.i64(2, at);
    out.struct(3, () => {
      out.i32(1, physicalNumber(leaf));
      out.numbers(2, [ENCODING.PLAIN, ENCODING.RLE]);
      out.texts(3, list ? [name, 'list', 'element'] : [name]);
      out.i32(4, UNCOMPRESSED);
      out.i64(5, count);
      out.i64(6, bytes);
      out.i64(7, bytes);
      out.i64(9, at);
    });
  };
  const root: Element = { name: 'schema', children: fields.length };
  out.i32(1, FORMAT_VERSION);
  out.structs(2, [root, ...fields.flatMap(elementsOf)], element);
  out.i64(
    3,
    groups.reduce((sum, { rows }) => sum + rows, 0),
  );
  out.structs(4, groups, ({ rows, chunks }) => {
    out.structs(1, [...chunks.entries()], ([i, one]) => chunk(fields[i]!, one));
    out.i64(
      2,
      chunks.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    out.i64(3, rows);
  });
  out.text(6, 'milvusdm');
  return out.finish();
}
