import { type FieldSpec, isVector, MILVUS_TYPES, type MilvusType, vectorBytes } from '../../batch/fields.js';
import type { CollectionField, CollectionInfo } from '../../milvus/collections.js';
import { fail } from '../../util/errors.js';

/** The longest text that Milvus takes, in bytes. */
const LONGEST_TEXT = 65_535;

/** Milvus Lite does not say how long texts in an array may be. */
function hasUnknownLength(field: CollectionField): boolean {
  return field.elementType === 'VARCHAR' && field.maxLength === undefined;
}

/** What the source does not say of its fields, and what they are taken for. */
export function fieldWarnings(info: CollectionInfo, specs: readonly FieldSpec[]): string[] {
  const read = new Set(specs.map((s) => s.name));
  return info.fields
    .filter((f) => read.has(f.name) && hasUnknownLength(f))
    .map((f) => `"${info.name}" does not say how long the texts in "${f.name}" may be: taken as ${LONGEST_TEXT} bytes`);
}

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
    ...(hasUnknownLength(field) ? { maxLength: LONGEST_TEXT } : {}),
    type: field.type as MilvusType,
    ...(primaryKey ? { primaryKey } : {}),
    ...(nullable ? { nullable } : {}),
  };
}

/** Whether a field is read: all are, or those asked for; never the outputs of functions, which the target makes again. */
export function isRead(field: CollectionField, wanted: readonly string[] | undefined): boolean {
  return !field.functionOutput && (field.primaryKey || !wanted || wanted.includes(field.name));
}

/** The fields that are read. Throws CFG_CONFLICT for a name that is none, SRC_UNSUPPORTED for a type that is not read. */
export function readFields(info: CollectionInfo, wanted: readonly string[] | undefined): FieldSpec[] {
  const known = new Set(info.fields.map((f) => f.name));
  const unknown = (wanted ?? []).filter((name) => !known.has(name) && name !== '$meta');
  if (unknown.length > 0) {
    throw fail(
      'CFG_CONFLICT',
      `output_fields names ${unknown.join(', ')}, but collection "${info.name}" has ${[...known].join(', ')}`,
    );
  }
  const specs = info.fields.filter((f) => isRead(f, wanted)).map((f) => toSpec(info, f));
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
