import { Schema } from 'apache-arrow';
import type { TextColumn } from '../batch/columns.js';
import { type FieldSpec, type MilvusType, toArrowField } from '../batch/fields.js';
import type { JsonPathStep } from '../config/transforms.js';
import { findJson, type JsonSpan, type PathPart, parsePath } from './json-scan.js';
import {
  fitInteger,
  INTEGER_RANGES,
  LONGEST_TEXT,
  literalWords,
  numberArray,
  SCALAR_TYPES,
  type Scalar,
  scalarLiteral,
  textOf,
} from './scalars.js';
import {
  type BoundStep,
  badRow,
  type Column,
  checkNewName,
  fieldIndex,
  fieldSpec,
  type LossReport,
  refuse,
  type StepName,
  shown,
} from './step.js';

interface Plan {
  readonly index: number;
  readonly path: readonly PathPart[];
  readonly spec: FieldSpec;
  readonly maxLength: number;
  readonly fallback: Scalar | undefined;
  readonly nullable: boolean;
}

interface Tally {
  rows: number;
  defaults: number;
  nulls: number;
}

type Refuse = (message: string, hint: string) => Error;

const MISSING_HINT = 'Set default, or nullable: true, or leave such rows out by a where step.';
const TYPE_HINT = 'Choose another type; JSON takes every value as it is.';

function bindPlan(name: StepName, schema: Schema, step: JsonPathStep): Plan {
  const { field, to, type } = step;
  const source = fieldSpec(name, schema, field);
  if (source.type !== 'JSON') {
    const hint = source.type === 'VARCHAR' ? `Cast ${shown(field)} to JSON in a step before.` : undefined;
    throw refuse(name, `${shown(field)} is ${source.type}, allowed: JSON`, hint);
  }
  const path = parsePath(step.path);
  if (!path) throw refuse(name, `${shown(step.path)} is no path, allowed: keys and indexes such as a.b[0]["a key"]`);
  checkNewName(
    name,
    schema.fields.map((f) => f.name),
    to,
  );
  if (!SCALAR_TYPES.includes(type)) {
    throw refuse(name, `${shown(to)} cannot be of type ${type}, allowed: ${SCALAR_TYPES.join(', ')}`);
  }
  if (step.maxLength !== undefined && type !== 'VARCHAR') {
    throw refuse(name, `max_length of ${shown(to)} has no use with ${type}, allowed: leave it out`);
  }
  const maxLength = step.maxLength ?? LONGEST_TEXT;
  const given = step.default ?? null;
  const fallback = scalarLiteral(type, given, maxLength);
  if (given !== null && fallback === undefined) {
    const allowed = literalWords(type, maxLength);
    throw refuse(name, `the default ${shown(String(given))} of ${shown(to)} is no ${type}, allowed: ${allowed}`);
  }
  const nullable = step.nullable === true;
  const spec: FieldSpec = {
    name: to,
    type,
    ...(type === 'VARCHAR' ? { maxLength } : {}),
    ...(nullable ? { nullable: true } : {}),
  };
  return { index: fieldIndex(name, schema, field), path, spec, maxLength, fallback, nullable };
}

const INTEGER = /^-?\d+$/;
/** Longer numbers are refused unread: BigInt would take seconds for a million digits. */
const MOST_DIGITS = 400;

function integerOf(type: MilvusType, text: string, refuse: Refuse): Scalar {
  const whole = INTEGER.test(text) ? text : Number.isSafeInteger(Number(text)) ? String(Number(text)) : undefined;
  const fitting = whole !== undefined && whole.length <= MOST_DIGITS ? fitInteger(type, BigInt(whole)) : undefined;
  if (fitting === undefined) throw refuse(`the number ${shown(text)} is no ${type}`, TYPE_HINT);
  return fitting;
}

function floatOf(type: MilvusType, text: string, refuse: Refuse): Scalar {
  const value = type === 'FLOAT' ? Math.fround(Number(text)) : Number(text);
  if (!Number.isFinite(value)) throw refuse(`the number ${shown(text)} is beyond the range of ${type}`, TYPE_HINT);
  return value;
}

/** JSON.parse only for text with escapes. */
function stringBytes(raw: Uint8Array): Uint8Array {
  const inner = raw.subarray(1, -1);
  return inner.includes(0x5c) ? Buffer.from(JSON.parse(Buffer.from(raw).toString()) as string) : inner;
}

function scalarOf(plan: Plan, raw: Uint8Array, kind: JsonSpan['kind'], refuse: Refuse): Scalar {
  const { type } = plan.spec;
  if (type === 'JSON') return raw;
  const compound = kind === 'object' || kind === 'array';
  if (type === 'VARCHAR' && !compound) {
    const text = kind === 'string' ? stringBytes(raw) : raw;
    if (text.length <= plan.maxLength) return text;
    throw refuse(`a text of ${text.length} bytes, where max_length is ${plan.maxLength}`, 'Raise max_length.');
  }
  if (type === 'BOOL' && (kind === 'true' || kind === 'false')) return Number(kind === 'true');
  if (type !== 'BOOL' && type !== 'VARCHAR' && kind === 'number') {
    const text = Buffer.from(raw).toString('latin1');
    return INTEGER_RANGES[type] ? integerOf(type, text, refuse) : floatOf(type, text, refuse);
  }
  const value = compound ? `an ${kind}` : `the ${kind} ${shown(Buffer.from(raw).toString())}`;
  throw refuse(`${value}, which is no ${type}`, TYPE_HINT);
}

/** The value of one row; undefined where the path leads to nothing or to null. */
function rowValue(plan: Plan, column: Column, row: number, refuse: Refuse): Scalar | undefined {
  if (column.valid?.[row] === 0) return undefined;
  const { bytes, offsets } = column.values as TextColumn;
  let found: JsonSpan | undefined;
  try {
    found = findJson(bytes, offsets[row]!, offsets[row + 1]!, plan.path);
  } catch (error) {
    if (error instanceof SyntaxError) throw refuse(`the text is no JSON (${error.message})`, 'Mend the source.');
    throw error;
  }
  if (!found || found.kind === 'null') return undefined;
  return scalarOf(plan, bytes.subarray(found.start, found.end), found.kind, refuse);
}

function extract(plan: Plan, column: Column, rows: number, tally: Tally, refuseRow: (row: number) => Refuse): Column {
  const { type } = plan.spec;
  const textual = type === 'VARCHAR' || type === 'JSON';
  const numbers = textual ? undefined : numberArray(type, rows);
  const texts: Uint8Array[] = [];
  const empty = new Uint8Array();
  let valid: Uint8Array | undefined;
  for (let row = 0; row < rows; row++) {
    const refuse = refuseRow(row);
    let value = rowValue(plan, column, row, refuse);
    if (value === undefined) {
      value = plan.fallback;
      if (value !== undefined) tally.defaults++;
      else if (!plan.nullable) throw refuse('there is no value', MISSING_HINT);
      else {
        tally.nulls++;
        valid ??= new Uint8Array(rows).fill(1);
        valid[row] = 0;
      }
    }
    if (numbers) numbers[row] = (value ?? (type === 'INT64' ? 0n : 0)) as never;
    else texts.push((value as Uint8Array | undefined) ?? empty);
  }
  tally.rows += rows;
  return { values: numbers ?? textOf(texts), width: 1, ...(valid ? { valid } : {}) };
}

/**
 * Takes the value behind a path out of a JSON field into a field of its own, behind the others. A path that leads to
 * nothing or to null gives the default, else null where the field is nullable, else refuses the row. Integers are exact.
 */
export function bindJsonPath(name: StepName, schema: Schema, step: JsonPathStep): BoundStep {
  const plan = bindPlan(name, schema, step);
  const tally: Tally = { rows: 0, defaults: 0, nulls: 0 };
  const place = `${shown(step.field)} at ${shown(step.path)}`;
  return {
    schema: new Schema([...schema.fields, toArrowField(plan.spec)], schema.metadata),
    apply(frame, nameOf) {
      const refuseRow =
        (row: number): Refuse =>
        (message, hint) =>
          badRow(name, nameOf(frame, row), `${place}: ${message}`, hint);
      const column = extract(plan, frame.columns[plan.index]!, frame.rows, tally, refuseRow);
      return { ...frame, columns: [...frame.columns, column] };
    },
    losses(): LossReport[] {
      const { rows, defaults, nulls } = tally;
      const text = `${place}: found in ${rows - defaults - nulls} of ${rows} rows, default in ${defaults}, null in ${nulls}`;
      return [{ ...name, field: step.to, rows, affected: defaults + nulls, figures: { defaults, nulls }, text }];
    },
  };
}
