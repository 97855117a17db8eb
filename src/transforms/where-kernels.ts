import { flat, type TextColumn } from '../batch/columns.js';
import type { FieldSpec, MilvusType } from '../batch/fields.js';
import type { Column, Frame } from './step.js';
import type { Comparator, Literal } from './where-parse.js';

/** Answers of a condition for one row. Unknown is what a comparison with null gives. */
export const NO = 0;
export const YES = 1;
export const UNKNOWN = 2;

/** Fills one answer per row. */
export type Program = (frame: Frame) => Uint8Array;

/** What a value is compared as. */
export type Kind = 'number' | 'text' | 'boolean';

/** A field that a condition names. */
export interface BoundField {
  readonly index: number;
  readonly spec: FieldSpec;
  readonly kind: Kind | undefined;
}

/**
 * A literal in the form in which a column's values are compared with it. JavaScript compares bigint and number exactly,
 * so only two cases need care: small integers are cheaper as numbers, and a fraction compared with FLOAT is rounded to
 * it first, so that 0.1 finds what was stored as 0.1.
 */
function numberFor(type: MilvusType, value: bigint | number): bigint | number {
  if (type === 'INT64') return value;
  const double = Number(value);
  if (!Number.isFinite(double)) return value;
  const exact = typeof value === 'number' || BigInt(double) === value;
  if (type !== 'FLOAT') return exact ? double : value;
  const single = Math.fround(double);
  return Number.isFinite(single) ? single : double;
}

type Test = (a: bigint | number, b: bigint | number) => boolean;

const TESTS: Readonly<Record<Comparator, Test>> = {
  // biome-ignore lint/suspicious/noDoubleEquals: of bigint and number, which === never finds equal
  '==': (a, b) => a == b,
  // biome-ignore lint/suspicious/noDoubleEquals: as above
  '!=': (a, b) => a != b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
};

/** The comparator that says the same with the sides exchanged. */
export const FLIPPED: Readonly<Record<Comparator, Comparator>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
};

/** Answers row by row, unknown where one of the columns is null. */
function answer(rows: number, columns: readonly Column[], test: (row: number) => boolean): Uint8Array {
  const out = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) out[row] = test(row) ? YES : NO;
  for (const { valid } of columns) {
    if (!valid) continue;
    for (let row = 0; row < rows; row++) if (valid[row] === 0) out[row] = UNKNOWN;
  }
  return out;
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A numeric or boolean field against a value. */
export function compareNumber(field: BoundField, op: Comparator, value: bigint | number): Program {
  const test = TESTS[op];
  const right = numberFor(field.spec.type, value);
  return (frame) => {
    const column = frame.columns[field.index]!;
    const values = flat(column.values);
    return answer(frame.rows, [column], (row) => test(values[row]!, right));
  };
}

/** Texts are ordered by their UTF-8 bytes, which is the order of their code points. */
export function compareText(field: BoundField, op: Comparator, value: string): Program {
  const test = TESTS[op];
  const right = Buffer.from(value);
  return (frame) => {
    const column = frame.columns[field.index]!;
    const { bytes, offsets } = column.values as TextColumn;
    const all = bufferOf(bytes);
    return answer(frame.rows, [column], (row) =>
      test(all.compare(right, 0, right.length, offsets[row]!, offsets[row + 1]!), 0),
    );
  };
}

/** Two fields of one kind. */
export function compareFields(left: BoundField, op: Comparator, right: BoundField): Program {
  const test = TESTS[op];
  return (frame) => {
    const columns = [frame.columns[left.index]!, frame.columns[right.index]!] as const;
    if (left.kind !== 'text') {
      const [a, b] = [flat(columns[0].values), flat(columns[1].values)];
      return answer(frame.rows, columns, (row) => test(a[row]!, b[row]!));
    }
    const [a, b] = [columns[0].values as TextColumn, columns[1].values as TextColumn];
    const [first, second] = [bufferOf(a.bytes), bufferOf(b.bytes)];
    return answer(frame.rows, columns, (row) => {
      const [from, to] = [b.offsets[row]!, b.offsets[row + 1]!];
      return test(first.compare(second, from, to, a.offsets[row]!, a.offsets[row + 1]!), 0);
    });
  };
}

/** A number as the column holds it, or undefined when no value of the column can equal it. */
function memberOf(type: MilvusType, value: bigint | number | boolean): bigint | number | undefined {
  if (typeof value === 'boolean') return Number(value);
  const form = numberFor(type, value);
  if (type !== 'INT64') return typeof form === 'number' ? form : undefined;
  if (typeof form === 'bigint') return form;
  return Number.isInteger(form) ? BigInt(form) : undefined;
}

/** Whether the value of a field is one of the given ones, which suit its kind. */
export function testMembership(field: BoundField, values: readonly Literal[]): Program {
  if (field.kind === 'text') {
    // Latin-1 maps bytes to characters one to one: a cheap key for a set.
    const texts = new Set(values.map((value) => Buffer.from(String(value)).toString('latin1')));
    return (frame) => {
      const column = frame.columns[field.index]!;
      const { bytes, offsets } = column.values as TextColumn;
      const all = bufferOf(bytes);
      return answer(frame.rows, [column], (row) => texts.has(all.toString('latin1', offsets[row]!, offsets[row + 1]!)));
    };
  }
  const members = new Set(values.map((value) => memberOf(field.spec.type, value as bigint | number | boolean)));
  return (frame) => {
    const column = frame.columns[field.index]!;
    const numbers = flat(column.values);
    return answer(frame.rows, [column], (row) => members.has(numbers[row]!));
  };
}
