import { Schema } from 'apache-arrow';
import type { RawValues } from '../batch/columns.js';
import { type FieldSpec, type MilvusType, toArrowField } from '../batch/fields.js';
import type { ConstantField, ConstantValue } from '../config/transforms.js';
import {
  LONGEST_TEXT,
  literalWords,
  numberArray,
  SCALAR_TYPES,
  type Scalar,
  scalarLiteral,
  textOf,
} from './scalars.js';
import { type BoundStep, type Column, checkNewName, checkSome, refuse, type StepName, shown } from './step.js';

interface Filled {
  readonly spec: FieldSpec;
  /** Absent for null. */
  readonly value: Scalar | undefined;
}

function inferred(value: ConstantValue): MilvusType | undefined {
  switch (typeof value) {
    case 'bigint':
      return 'INT64';
    case 'number':
      return 'DOUBLE';
    case 'boolean':
      return 'BOOL';
    case 'string':
      return 'VARCHAR';
    default:
      return undefined;
  }
}

function bindOne(name: StepName, field: string, given: ConstantField): Filled {
  const type = given.type ?? inferred(given.value);
  const known = shown(field);
  if (type === undefined) throw refuse(name, `${known} has no value and no type, needed: a type, to fill it with null`);
  if (!SCALAR_TYPES.includes(type)) {
    throw refuse(name, `${known} cannot be of type ${type}, allowed: ${SCALAR_TYPES.join(', ')}`);
  }
  const maxLength = given.maxLength ?? LONGEST_TEXT;
  const spec: FieldSpec = { name: field, type, ...(type === 'VARCHAR' ? { maxLength } : {}) };
  if (given.maxLength !== undefined && type !== 'VARCHAR') {
    throw refuse(name, `max_length of ${known} has no use with ${type}, allowed: leave it out`);
  }
  if (given.value === null) return { spec: { ...spec, nullable: true }, value: undefined };
  const value = scalarLiteral(type, given.value, maxLength);
  if (value === undefined) {
    const allowed = literalWords(type, maxLength);
    throw refuse(name, `${shown(String(given.value))} for ${known} is no ${type}, allowed: ${allowed}`);
  }
  return { spec, value };
}

/** `count` rows of one text: the bytes double until they are enough, which is quicker than row by row. */
function repeatText(value: Uint8Array, count: number): RawValues {
  const bytes = new Uint8Array(value.length * count);
  if (count > 0) bytes.set(value);
  for (let have = value.length; have > 0 && have < bytes.length; have *= 2) bytes.copyWithin(have, 0, have);
  return { bytes, offsets: Int32Array.from({ length: count + 1 }, (_, i) => i * value.length) };
}

function columnOf({ spec, value }: Filled, rows: number): Column {
  const isTextual = spec.type === 'VARCHAR' || spec.type === 'JSON';
  if (value === undefined) {
    const values = isTextual ? textOf(new Array(rows).fill(new Uint8Array())) : numberArray(spec.type, rows);
    return { values, width: 1, valid: new Uint8Array(rows) };
  }
  if (value instanceof Uint8Array) return { values: repeatText(value, rows), width: 1 };
  const values = numberArray(spec.type, rows);
  values.fill(value as never);
  return { values, width: 1 };
}

/** Adds fields that hold one value (or null) in every row, behind the others. */
export function bindConstant(
  name: StepName,
  schema: Schema,
  fields: Readonly<Record<string, ConstantField>>,
): BoundStep {
  const pairs = Object.entries(fields);
  checkSome(name, pairs.length);
  const names = schema.fields.map((field) => field.name);
  const filled = pairs.map(([field, given]) => {
    checkNewName(name, names, field);
    names.push(field);
    return bindOne(name, field, given);
  });
  return {
    schema: new Schema([...schema.fields, ...filled.map(({ spec }) => toArrowField(spec))], schema.metadata),
    apply: (frame) => ({ ...frame, columns: [...frame.columns, ...filled.map((one) => columnOf(one, frame.rows))] }),
  };
}
