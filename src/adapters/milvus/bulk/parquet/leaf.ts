import type { FieldSpec, MilvusType } from '../../../../batch/fields.js';
import { PHYSICAL, type Physical } from '../../../../binlog/parquet-meta.js';

/** ConvertedType (parquet-format, parquet.thrift). */
export const CONVERTED = { UTF8: 0, LIST: 3, INT_8: 15, INT_16: 16 } as const;

/** How the values of a column are stored. */
export interface Leaf {
  readonly physical: Physical;
  /** What they mean where the physical type does not tell. */
  readonly converted?: number;
}

/** A field of Milvus as a column of a Parquet file. */
export interface ParquetField {
  readonly name: string;
  readonly leaf: Leaf;
  /** Each row is a list of such values. */
  readonly list: boolean;
}

const SCALARS: Readonly<Partial<Record<MilvusType, Leaf>>> = {
  BOOL: { physical: 'BOOLEAN' },
  INT8: { physical: 'INT32', converted: CONVERTED.INT_8 },
  INT16: { physical: 'INT32', converted: CONVERTED.INT_16 },
  INT32: { physical: 'INT32' },
  INT64: { physical: 'INT64' },
  FLOAT: { physical: 'FLOAT' },
  DOUBLE: { physical: 'DOUBLE' },
  VARCHAR: { physical: 'BYTE_ARRAY', converted: CONVERTED.UTF8 },
};

/** Number of a physical type in the file. */
export function physicalNumber(leaf: Leaf): number {
  return PHYSICAL.indexOf(leaf.physical);
}

/**
 * The column of a field, as the imports of Milvus 2.3.5 take it (internal/util/importutil/parquet_parser.go, and tried): float
 * vectors and arrays as lists, JSON as text, binary vectors as bytes; undefined for a type that they do not know.
 */
export function parquetField({ name, type, elementType }: FieldSpec): ParquetField | undefined {
  if (type === 'FLOAT_VECTOR') return { name, leaf: { physical: 'FLOAT' }, list: true };
  if (type === 'BINARY_VECTOR') return { name, leaf: { physical: 'BYTE_ARRAY' }, list: false };
  if (type === 'JSON') return { name, leaf: SCALARS.VARCHAR!, list: false };
  const list = type === 'ARRAY';
  const leaf = SCALARS[list ? (elementType ?? 'INT64') : type];
  return leaf && { name, leaf, list };
}
