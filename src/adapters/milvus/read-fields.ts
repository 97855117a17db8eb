import { type FieldSpec, isVector, MILVUS_TYPES, type MilvusType, vectorBytes } from '../../batch/fields.js';
import type { CollectionField, CollectionInfo } from '../../milvus/collections.js';
import { fail } from '../../util/errors.js';

function toSpec(info: CollectionInfo, field: CollectionField): FieldSpec {
  if (!(MILVUS_TYPES as readonly string[]).includes(field.type)) {
    throw fail(
      'SRC_UNSUPPORTED',
      `field "${field.name}" of collection "${info.name}" is of type ${field.type}, which milvusdm does not read`,
      {
        hint: 'Leave the field out by output_fields.',
      },
    );
  }
  const { autoId: _, functionOutput: __, primaryKey, nullable, ...rest } = field;
  return {
    ...rest,
    type: field.type as MilvusType,
    ...(primaryKey ? { primaryKey } : {}),
    ...(nullable ? { nullable } : {}),
  };
}

/** Fields that are read: all, or those asked for; never the outputs of functions, which the target makes again. */
export function readFields(info: CollectionInfo, wanted: readonly string[] | undefined): FieldSpec[] {
  const known = new Set(info.fields.map((f) => f.name));
  const unknown = (wanted ?? []).filter((name) => !known.has(name) && name !== '$meta');
  if (unknown.length > 0) {
    throw fail(
      'CFG_CONFLICT',
      `output_fields names ${unknown.join(', ')}, but collection "${info.name}" has ${[...known].join(', ')}`,
    );
  }
  const specs = info.fields
    .filter((f) => !f.functionOutput && (f.primaryKey || !wanted || wanted.includes(f.name)))
    .map((f) => toSpec(info, f));
  if (info.dynamic && (!wanted || wanted.includes('$meta'))) specs.push({ name: '$meta', type: 'JSON', dynamic: true });
  return specs;
}

const SCALAR_BYTES: Partial<Record<MilvusType, number>> = {
  BOOL: 1,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FLOAT: 4,
  DOUBLE: 8,
};

/** What text, JSON and sparse vectors are taken for in an estimate. */
const USUAL_BYTES = 256;
/** What they are taken for before any have been seen: the longest that Milvus takes. */
const LONGEST_BYTES = 65_536;

/** Bytes of a value in a batch; undefined where it is of variable length. */
function fixedBytes(spec: Pick<FieldSpec, 'type' | 'dim'>): number | undefined {
  return isVector(spec.type) ? vectorBytes(spec.type, spec.dim ?? 0) : SCALAR_BYTES[spec.type];
}

function variableBytes(spec: FieldSpec, unknown: number): number {
  if (spec.type !== 'ARRAY') return Math.min(spec.maxLength ?? unknown, unknown);
  const item = fixedBytes({ type: spec.elementType ?? 'INT64' }) ?? Math.min(spec.maxLength ?? unknown, unknown);
  return Math.min((spec.maxCapacity ?? unknown) * item, unknown);
}

function sum(specs: readonly FieldSpec[], unknown: number): number {
  return specs.reduce((bytes, spec) => bytes + (fixedBytes(spec) ?? variableBytes(spec, unknown)), 0);
}

/** Bytes of the values of a row as they are batched: exact for types of fixed size, an estimate where a length varies. */
export function estimatedRowBytes(specs: readonly FieldSpec[]): number {
  return sum(specs, USUAL_BYTES);
}

/** Bytes of a row that few rows exceed, whatever they hold. */
export function largeRowBytes(specs: readonly FieldSpec[]): number {
  return sum(specs, LONGEST_BYTES);
}
