import { flat, type TextColumn } from '../batch/columns.js';
import type { MilvusType } from '../batch/fields.js';
import type { RefuseRow } from './cast-vector.js';
import { addError, type ErrorMeter } from './error-meter.js';
import { jsonProblem } from './json-scan.js';
import { fitInteger, INTEGER_RANGES, numberArray, parseDecimal, parseInteger, textOf } from './scalars.js';
import { type Column, shown } from './step.js';

export interface ScalarCast {
  readonly from: MilvusType;
  readonly to: MilvusType;
  readonly maxLength: number;
  /** Refuse a value that would change. */
  readonly exact: boolean;
  /** The field is the key: two different texts must not become one number. */
  readonly key: boolean;
  readonly meter: ErrorMeter;
}

type Refuse = (message: string, hint: string) => Error;

const WHERE_HINT = 'Mend the source, or leave such rows out by a where step.';
const REPORT_HINT = 'Set on_loss: report to write the nearest value, which is counted.';

function absolute(before: number | bigint, after: number | bigint): number {
  if (typeof before === 'bigint') {
    const error = Number(before - BigInt(after));
    return Math.abs(error);
  }
  return Math.abs(before - Number(after));
}

/** Counts a value, or refuses it where it has changed and nothing may be lost. */
function counted<T extends number | bigint>(cast: ScalarCast, before: number | bigint, after: T, refuse: Refuse): T {
  const error = absolute(before, after);
  if (error !== 0 && cast.exact) throw refuse(`${before} is not exact as ${cast.to}`, REPORT_HINT);
  addError(cast.meter, Number(before), error);
  return after;
}

function toInteger(value: number | bigint, cast: ScalarCast, refuse: Refuse): number | bigint {
  if (typeof value === 'number' && !Number.isFinite(value)) throw refuse(`${value} is no whole number`, WHERE_HINT);
  const whole = typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
  const fitting = fitInteger(cast.to, whole);
  if (fitting !== undefined) return counted(cast, value, fitting, refuse);
  const [least, most] = INTEGER_RANGES[cast.to]!;
  if (cast.exact) {
    throw refuse(`${value} does not fit into ${cast.to} (${least} to ${most})`, REPORT_HINT);
  }
  return counted(cast, value, fitInteger(cast.to, whole < least ? least : most)!, refuse);
}

function toFloat(value: number | bigint, cast: ScalarCast, refuse: Refuse): number {
  const double = Number(value);
  const kept = cast.to === 'FLOAT' ? Math.fround(double) : double;
  if (!Number.isFinite(double)) return kept;
  if (!Number.isFinite(kept)) throw refuse(`${value} is beyond the range of ${cast.to}`, WHERE_HINT);
  return counted(cast, value, kept, refuse);
}

function fromText(text: string, cast: ScalarCast, refuse: Refuse): number | bigint {
  const { to } = cast;
  if (to === 'BOOL') {
    if (text === 'true' || text === 'false') return Number(text === 'true');
    throw refuse(`${shown(text)} is neither true nor false`, WHERE_HINT);
  }
  const value = INTEGER_RANGES[to] ? parseInteger(text) : parseDecimal(text);
  if (value === undefined) throw refuse(`${shown(text)} is no ${to}`, WHERE_HINT);
  if (cast.key && String(value) !== text) {
    throw refuse(
      `the key ${shown(text)} would become ${value}, which another text may mean, too`,
      'Keep the key as text.',
    );
  }
  return value;
}

/** The shortest text that reads back as this float32. */
function floatText(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(9)));
}

function numberText(value: number | bigint, from: MilvusType): string {
  if (from === 'BOOL') return value === 0 ? 'false' : 'true';
  if (Object.is(value, -0)) return '-0';
  return from === 'FLOAT' && Number.isFinite(value) ? floatText(value as number) : String(value);
}

function toNumbers(column: Column, rows: number, cast: ScalarCast, refuseRow: RefuseRow): Column {
  const out = numberArray(cast.to, rows);
  const integral = INTEGER_RANGES[cast.to] !== undefined;
  const isTextual = cast.from === 'VARCHAR';
  const text = column.values as TextColumn;
  const buffer = isTextual ? Buffer.from(text.bytes.buffer, text.bytes.byteOffset, text.bytes.length) : undefined;
  const numbers = isTextual ? undefined : flat(column.values);
  for (let row = 0; row < rows; row++) {
    if (column.valid?.[row] === 0) continue;
    const refuse: Refuse = (message, hint) => refuseRow(row, message, hint);
    const value = buffer
      ? fromText(buffer.toString('utf8', text.offsets[row]!, text.offsets[row + 1]!), cast, refuse)
      : numbers![row]!;
    out[row] = integral ? toInteger(value, cast, refuse) : toFloat(value, cast, refuse);
  }
  return { ...column, values: out, width: 1 };
}

function tooLong(length: number, cast: ScalarCast, refuse: Refuse): Error {
  return refuse(`a text of ${length} bytes, where max_length is ${cast.maxLength}`, 'Raise max_length.');
}

function toTexts(column: Column, rows: number, cast: ScalarCast, refuseRow: RefuseRow): Column {
  const values = flat(column.values);
  const parts: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const part = column.valid?.[row] === 0 ? new Uint8Array() : Buffer.from(numberText(values[row]!, cast.from));
    if (part.length > cast.maxLength) throw tooLong(part.length, cast, (m, h) => refuseRow(row, m, h));
    if (column.valid?.[row] !== 0) cast.meter.values++;
    parts.push(part);
  }
  return { ...column, values: textOf(parts), width: 1 };
}

/** The end of the longest beginning of at most `most` bytes that does not cut a character. */
function cutEnd(bytes: Uint8Array, start: number, most: number): number {
  let end = start + most;
  while (end > start && (bytes[end]! & 0xc0) === 0x80) end--;
  return end;
}

function shorten(text: TextColumn, column: Column, rows: number, most: number): TextColumn {
  const parts: Uint8Array[] = [];
  for (let row = 0; row < rows; row++) {
    const start = text.offsets[row]!;
    const end = text.offsets[row + 1]!;
    const kept = column.valid?.[row] === 0 ? start : end - start > most ? cutEnd(text.bytes, start, most) : end;
    parts.push(text.bytes.subarray(start, kept));
  }
  return textOf(parts);
}

/** Texts as texts: checked, and shared unless one has to be cut. */
function checkTexts(column: Column, rows: number, cast: ScalarCast, refuseRow: RefuseRow): Column {
  const text = column.values as TextColumn;
  let cut = false;
  for (let row = 0; row < rows; row++) {
    if (column.valid?.[row] === 0) continue;
    const refuse: Refuse = (message, hint) => refuseRow(row, message, hint);
    const [start, end] = [text.offsets[row]!, text.offsets[row + 1]!];
    cast.meter.values++;
    if (cast.to === 'JSON') {
      const problem = cast.from === 'JSON' ? undefined : jsonProblem(text.bytes, start, end);
      if (problem) throw refuse(`the text is no JSON (${problem})`, WHERE_HINT);
    } else if (end - start > cast.maxLength) {
      if (cast.exact || cast.from === 'JSON') throw tooLong(end - start, cast, refuse);
      cast.meter.changed++;
      cut = true;
    }
  }
  return cut ? { ...column, values: shorten(text, column, rows, cast.maxLength) } : column;
}

/** A column of scalars as another scalar type; nulls stay null. Refuses rows that the type cannot hold. */
export function castScalars(column: Column, rows: number, cast: ScalarCast, refuse: RefuseRow): Column {
  const textual = (type: MilvusType): boolean => type === 'VARCHAR' || type === 'JSON';
  if (textual(cast.from) && textual(cast.to)) return checkTexts(column, rows, cast, refuse);
  return textual(cast.to) ? toTexts(column, rows, cast, refuse) : toNumbers(column, rows, cast, refuse);
}
