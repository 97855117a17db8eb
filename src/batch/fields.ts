import {
  Binary,
  Bool,
  type DataType,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  type Schema,
  Utf8,
} from 'apache-arrow';
import { fail } from '../util/errors.js';

/** Milvus field types by their public names; what a record batch can carry today. */
export const MILVUS_TYPES = [
  'BOOL',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FLOAT',
  'DOUBLE',
  'VARCHAR',
  'JSON',
  'ARRAY',
  'FLOAT_VECTOR',
  'BINARY_VECTOR',
  'FLOAT16_VECTOR',
  'BFLOAT16_VECTOR',
  'INT8_VECTOR',
  'SPARSE_FLOAT_VECTOR',
] as const;

export type MilvusType = (typeof MILVUS_TYPES)[number];

/** A field of a collection as the batches and the plan see it. */
export interface FieldSpec {
  readonly name: string;
  readonly type: MilvusType;
  /** Vectors: dimensions (bits for BINARY_VECTOR). */
  readonly dim?: number;
  /** VARCHAR: largest length in bytes. */
  readonly maxLength?: number;
  readonly primaryKey?: boolean;
  /** ARRAY: type of the elements. */
  readonly elementType?: MilvusType;
  /** ARRAY: largest number of elements. */
  readonly maxCapacity?: number;
  readonly nullable?: boolean;
  /** The JSON field that holds what the schema does not name (`$meta`). */
  readonly dynamic?: boolean;
  readonly partitionKey?: boolean;
  readonly clusteringKey?: boolean;
  readonly description?: string;
  /** Value of a row that has none, as text. */
  readonly defaultValue?: string;
}

/** Whether the type is one of the vector types. */
export function isVector(type: MilvusType): boolean {
  return type.endsWith('_VECTOR');
}

/** Bytes of one vector as stored; undefined for sparse vectors and scalars. */
export function vectorBytes(type: MilvusType, dim: number): number | undefined {
  switch (type) {
    case 'FLOAT_VECTOR':
      return dim * 4;
    case 'FLOAT16_VECTOR':
    case 'BFLOAT16_VECTOR':
      return dim * 2;
    case 'INT8_VECTOR':
      return dim;
    case 'BINARY_VECTOR':
      return dim / 8;
    default:
      return undefined;
  }
}

function arrowType(spec: FieldSpec): DataType {
  switch (spec.type) {
    case 'BOOL':
      return new Bool();
    case 'INT8':
      return new Int8();
    case 'INT16':
      return new Int16();
    case 'INT32':
      return new Int32();
    case 'INT64':
      return new Int64();
    case 'FLOAT':
      return new Float32();
    case 'DOUBLE':
      return new Float64();
    case 'VARCHAR':
    case 'JSON':
      return new Utf8();
    case 'ARRAY':
      return new List(new Field('item', arrowType({ name: 'item', type: spec.elementType ?? 'INT64' }), false));
    case 'SPARSE_FLOAT_VECTOR':
      return new Binary();
    case 'FLOAT_VECTOR':
      return new FixedSizeList(spec.dim ?? 0, new Field('item', new Float32(), false));
    default:
      return new FixedSizeBinary(vectorBytes(spec.type, spec.dim ?? 0) ?? 0);
  }
}

/** The Arrow field of a Milvus field; what Arrow has no type for stands in the metadata (`milvus.*`). */
export function toArrowField(spec: FieldSpec): Field {
  const metadata = new Map([['milvus.type', spec.type as string]]);
  if (spec.dim !== undefined) metadata.set('milvus.dim', String(spec.dim));
  if (spec.maxLength !== undefined) metadata.set('milvus.max_length', String(spec.maxLength));
  if (spec.elementType !== undefined) metadata.set('milvus.element_type', spec.elementType);
  if (spec.maxCapacity !== undefined) metadata.set('milvus.max_capacity', String(spec.maxCapacity));
  if (spec.primaryKey) metadata.set('milvus.primary_key', 'true');
  if (spec.dynamic) metadata.set('milvus.dynamic', 'true');
  if (spec.partitionKey) metadata.set('milvus.partition_key', 'true');
  if (spec.clusteringKey) metadata.set('milvus.clustering_key', 'true');
  if (spec.description) metadata.set('milvus.description', spec.description);
  if (spec.defaultValue !== undefined) metadata.set('milvus.default_value', spec.defaultValue);
  return new Field(spec.name, arrowType(spec), spec.nullable ?? false, metadata);
}

/** The inverse of {@link toArrowField}. */
export function fromArrowField(field: Field): FieldSpec {
  const type = field.metadata.get('milvus.type') as MilvusType | undefined;
  if (!type) throw fail('INTERNAL', `the batch field "${field.name}" carries no milvus.type`);
  const dim = field.metadata.get('milvus.dim');
  const maxLength = field.metadata.get('milvus.max_length');
  const description = field.metadata.get('milvus.description');
  const defaultValue = field.metadata.get('milvus.default_value');
  const elementType = field.metadata.get('milvus.element_type') as MilvusType | undefined;
  const maxCapacity = field.metadata.get('milvus.max_capacity');
  return {
    name: field.name,
    type,
    ...(dim === undefined ? {} : { dim: Number(dim) }),
    ...(maxLength === undefined ? {} : { maxLength: Number(maxLength) }),
    ...(elementType === undefined ? {} : { elementType }),
    ...(maxCapacity === undefined ? {} : { maxCapacity: Number(maxCapacity) }),
    ...(field.metadata.get('milvus.primary_key') === 'true' ? { primaryKey: true } : {}),
    ...(field.nullable ? { nullable: true } : {}),
    ...(field.metadata.get('milvus.dynamic') === 'true' ? { dynamic: true } : {}),
    ...(field.metadata.get('milvus.partition_key') === 'true' ? { partitionKey: true } : {}),
    ...(field.metadata.get('milvus.clustering_key') === 'true' ? { clusteringKey: true } : {}),
    ...(description === undefined ? {} : { description }),
    ...(defaultValue === undefined ? {} : { defaultValue }),
  };
}

/** All fields of a batch schema as {@link FieldSpec}. */
export function specsOf(schema: Schema): FieldSpec[] {
  return schema.fields.map(fromArrowField);
}
