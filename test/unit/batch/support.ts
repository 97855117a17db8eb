import type { RecordBatch } from 'apache-arrow';
import { Schema } from 'apache-arrow';
import fc from 'fast-check';
import { makeBatch, type RawValues, rawColumns, rowBytes } from '../../../src/batch/columns.js';
import { type FieldSpec, isVector, MILVUS_TYPES, type MilvusType, toArrowField } from '../../../src/batch/fields.js';

export const LARGEST: bigint = 2n ** 63n - 1n;
export const SMALLEST: bigint = -(2n ** 63n);

/** A field of this type, of small dimension where it is a vector. */
export function specOf(type: MilvusType, name: string = type.toLowerCase(), more: Partial<FieldSpec> = {}): FieldSpec {
  return { name, type, ...(isVector(type) && type !== 'SPARSE_FLOAT_VECTOR' ? { dim: 16 } : {}), ...more };
}

export function schemaOf(...specs: readonly FieldSpec[]): Schema {
  return new Schema(specs.map(toArrowField));
}

/** Text columns from JavaScript strings or bytes. */
export function textColumn(values: readonly (string | Uint8Array)[]): RawValues {
  const parts = values.map((value) => (typeof value === 'string' ? new TextEncoder().encode(value) : value));
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
  return { bytes: new Uint8Array(Buffer.concat(parts)), offsets };
}

/** 64-bit integers with the interesting ones among them: the ends, both sides of zero and of 2^53. */
export function int64(): fc.Arbitrary<bigint> {
  const edges = [
    LARGEST,
    SMALLEST,
    LARGEST - 1n,
    0n,
    1n,
    -1n,
    127n,
    128n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
  ];
  return fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: SMALLEST, max: LARGEST }));
}

/** `rows` values of a field of this type, as a batch takes them. Booleans are 0 or 1. */
export function valuesFor(spec: FieldSpec, rows: number): fc.Arbitrary<RawValues> {
  const array = <T>(item: fc.Arbitrary<T>, perRow = 1): fc.Arbitrary<T[]> =>
    fc.array(item, { minLength: rows * perRow, maxLength: rows * perRow });
  const bytes = (perRow: number): fc.Arbitrary<RawValues> =>
    fc.uint8Array({ minLength: rows * perRow, maxLength: rows * perRow });
  const dim = spec.dim ?? 0;
  switch (spec.type) {
    case 'BOOL':
      return array(fc.constantFrom(0, 1)).map((v) => Uint8Array.from(v));
    case 'INT8':
      return array(fc.integer({ min: -128, max: 127 })).map((v) => Int8Array.from(v));
    case 'INT16':
      return array(fc.integer({ min: -32768, max: 32767 })).map((v) => Int16Array.from(v));
    case 'INT32':
      return array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })).map((v) => Int32Array.from(v));
    case 'INT64':
      return array(int64()).map((v) => BigInt64Array.from(v));
    case 'FLOAT':
      return array(fc.float()).map((v) => Float32Array.from(v));
    case 'DOUBLE':
      return array(fc.double()).map((v) => Float64Array.from(v));
    case 'VARCHAR':
    case 'JSON':
      return array(fc.string({ unit: 'binary', maxLength: 8 })).map(textColumn);
    case 'SPARSE_FLOAT_VECTOR':
      return array(fc.uint8Array({ maxLength: 16 })).map(textColumn);
    case 'FLOAT_VECTOR':
      return array(fc.float(), dim).map((v) => Float32Array.from(v));
    case 'BINARY_VECTOR':
      return bytes(dim / 8);
    case 'INT8_VECTOR':
      return bytes(dim);
    default:
      return bytes(dim * 2);
  }
}

/** Batches with the given fields. */
export function batches(specs: readonly FieldSpec[], sizes: { min: number; max: number }): fc.Arbitrary<RecordBatch> {
  return fc
    .integer(sizes)
    .chain((rows) =>
      fc
        .tuple(...specs.map((spec) => valuesFor(spec, rows)))
        .map((columns) => makeBatch(schemaOf(...specs), rows, columns)),
    );
}

/** Every type whose rows are one value or one vector. */
export const TYPES: readonly MilvusType[] = MILVUS_TYPES.filter((type) => type !== 'ARRAY');

/** One field of every such type, an int64 key first. */
export const EVERY_TYPE: readonly FieldSpec[] = [
  { name: 'id', type: 'INT64', primaryKey: true },
  ...TYPES.map((type) => specOf(type)),
];

/** Every row as the hexadecimal bytes of its fields: equal rows have equal texts. */
export function rowTexts(batch: RecordBatch): string[] {
  const columns = rawColumns(batch);
  return Array.from({ length: batch.numRows }, (_, row) =>
    columns.map((column) => Buffer.from(rowBytes(column, row)).toString('hex')).join(' '),
  );
}
