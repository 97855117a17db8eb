import type { FlatValues, TextColumn } from '../batch/columns.js';
import type { MilvusType } from '../batch/fields.js';
import type { ConstantValue } from '../config/transforms.js';
import { jsonProblem } from './json-scan.js';

/** Largest length of VARCHAR in Milvus, in bytes; taken where nothing smaller is asked for. */
export const LONGEST_TEXT = 65_535;

/** Smallest and largest value of the integer types; BOOL counts as one. */
export const INTEGER_RANGES: Readonly<Partial<Record<MilvusType, readonly [bigint, bigint]>>> = {
  BOOL: [0n, 1n],
  INT8: [-128n, 127n],
  INT16: [-32_768n, 32_767n],
  INT32: [-(2n ** 31n), 2n ** 31n - 1n],
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
};

export const NUMBER_TYPES: readonly MilvusType[] = ['BOOL', 'INT8', 'INT16', 'INT32', 'INT64', 'FLOAT', 'DOUBLE'];
export const SCALAR_TYPES: readonly MilvusType[] = [...NUMBER_TYPES, 'VARCHAR', 'JSON'];

/** The typed array of a number type, zeroed. Booleans are one byte a row. */
export function numberArray(type: MilvusType, rows: number): FlatValues {
  switch (type) {
    case 'BOOL':
      return new Uint8Array(rows);
    case 'INT8':
      return new Int8Array(rows);
    case 'INT16':
      return new Int16Array(rows);
    case 'INT32':
      return new Int32Array(rows);
    case 'INT64':
      return new BigInt64Array(rows);
    case 'FLOAT':
      return new Float32Array(rows);
    default:
      return new Float64Array(rows);
  }
}

/** A text column of the given pieces, one a row. */
export function textOf(parts: readonly Uint8Array[]): TextColumn {
  const offsets = new Int32Array(parts.length + 1);
  for (const [i, part] of parts.entries()) offsets[i + 1] = offsets[i]! + part.length;
  const bytes = new Uint8Array(offsets[parts.length]!);
  for (const [i, part] of parts.entries()) bytes.set(part, offsets[i]!);
  return { bytes, offsets };
}

/** A scalar as a column holds it: text as bytes, INT64 as bigint, other numbers as number, booleans as 0 or 1. */
export type Scalar = bigint | number | Uint8Array;

const INTEGER = /^[+-]?\d+$/;
const DECIMAL = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const WORDS: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};
/** More digits than that are refused unread: BigInt would take seconds for a long one. */
const MOST_DIGITS = 400;

/** The integer that a decimal text says, exactly; undefined when it says none. */
export function parseInteger(text: string): bigint | undefined {
  if (text.length > MOST_DIGITS || !INTEGER.test(text)) return undefined;
  return BigInt(text.replace(/^\+/, ''));
}

/** The nearest double to a decimal text, or NaN and infinity by their names; undefined when it says no number or one too large. */
export function parseDecimal(text: string): number | undefined {
  const word = Object.hasOwn(WORDS, text) ? WORDS[text] : undefined;
  if (word !== undefined) return word;
  if (!DECIMAL.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

/** An integer of the type, as its column holds it; undefined when it does not fit. */
export function fitInteger(type: MilvusType, value: bigint): bigint | number | undefined {
  const [least, most] = INTEGER_RANGES[type]!;
  if (value < least || value > most) return undefined;
  return type === 'INT64' ? value : Number(value);
}

function integerLiteral(type: MilvusType, value: ConstantValue): Scalar | undefined {
  if (type === 'BOOL') {
    if (typeof value === 'boolean') return Number(value);
    return value === 'true' ? 1 : value === 'false' ? 0 : undefined;
  }
  const exact = typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
  const integer = typeof exact === 'string' ? parseInteger(exact) : exact;
  return typeof integer === 'bigint' ? fitInteger(type, integer) : undefined;
}

function floatLiteral(type: MilvusType, value: ConstantValue): Scalar | undefined {
  const number = typeof value === 'string' ? parseDecimal(value) : typeof value === 'boolean' ? undefined : value;
  if (number === undefined || number === null) return undefined;
  const double = Number(number);
  const kept = type === 'FLOAT' ? Math.fround(double) : double;
  return Number.isFinite(kept) ? kept : undefined;
}

/** A value of the configuration as a scalar of the type; undefined when it is none (null, too). Decimal fractions are rounded to the type. */
export function scalarLiteral(type: MilvusType, value: ConstantValue, maxLength: number): Scalar | undefined {
  if (value === null) return undefined;
  if (INTEGER_RANGES[type]) return integerLiteral(type, value);
  if (type === 'FLOAT' || type === 'DOUBLE') return floatLiteral(type, value);
  const bytes = new Uint8Array(Buffer.from(String(value)));
  if (type === 'JSON') return jsonProblem(bytes, 0, bytes.length) === undefined ? bytes : undefined;
  return bytes.length <= maxLength ? bytes : undefined;
}

/** What `scalarLiteral` takes for a type, in words. */
export function literalWords(type: MilvusType, maxLength: number): string {
  if (type === 'BOOL') return 'true or false';
  const range = INTEGER_RANGES[type];
  if (range) return `a whole number from ${range[0]} to ${range[1]}`;
  if (type === 'JSON') return 'a JSON text';
  return type === 'VARCHAR' ? `a text of at most ${maxLength} bytes` : 'a finite number within its range';
}
