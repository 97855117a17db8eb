import type { RecordBatch } from 'apache-arrow';
import { type FlatValues, isList, isText, type RawColumn, rawColumns, type TextColumn } from './columns.js';
import { type Exponent, hasExponent } from './exponents.js';
import { fromArrowField, isVector, type MilvusType } from './fields.js';

/** A row that Milvus must not get. */
export interface NonFinite {
  readonly row: number;
  /** The first of its fields with NaN or infinity. */
  readonly field: string;
  readonly reason: string;
}

interface Pattern extends Exponent {
  /** Values in a word. */
  readonly values: 0.5 | 1 | 2;
}

const FLOAT32: Pattern = { exponent: 0x7f800000, carry: 0x00800000, sign: 0x80000000, used: [1, 1], values: 1 };
const PATTERNS: Readonly<Partial<Record<MilvusType, Pattern>>> = {
  FLOAT: FLOAT32,
  FLOAT_VECTOR: FLOAT32,
  DOUBLE: { exponent: 0x7ff00000, carry: 0x00100000, sign: 0x80000000, used: [0, 1], values: 0.5 },
  FLOAT16_VECTOR: { exponent: 0x7c007c00, carry: 0x04000400, sign: 0x80008000, used: [1, 1], values: 2 },
  BFLOAT16_VECTOR: { exponent: 0x7f807f80, carry: 0x00800080, sign: 0x80008000, used: [1, 1], values: 2 },
};

/** A column as 32-bit words; copied where it does not lie on a multiple of 4, filled up with zeros where it does not end there. */
function wordsOf({ buffer, byteOffset, byteLength }: FlatValues): Uint32Array {
  if (byteOffset % 4 === 0 && byteLength % 4 === 0) return new Uint32Array(buffer, byteOffset, byteLength / 4);
  const words = new Uint32Array(Math.ceil(byteLength / 4));
  new Uint8Array(words.buffer).set(new Uint8Array(buffer, byteOffset, byteLength));
  return words;
}

/** Numbers of the values, ascending, that are not finite. */
function badValues(words: Uint32Array, pattern: Pattern): number[] {
  const { exponent, carry, sign, used, values } = pattern;
  const found: number[] = [];
  for (let i = 0; i < words.length; i++) {
    const bits = ((words[i]! & exponent) + carry) & sign;
    if (bits === 0 || used[(i & 1) as 0 | 1] === 0) continue;
    if (values < 2) found.push(Math.floor(i * values));
    else {
      if (bits & 0x8000) found.push(i * 2);
      if (bits >>> 31) found.push(i * 2 + 1);
    }
  }
  return found;
}

/** Values of sparse vectors stand behind their index: (u32, float32) pairs, at any address. */
function badSparseRows({ bytes, offsets }: TextColumn): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: number[] = [];
  for (let row = 0; row + 1 < offsets.length; row++) {
    const end = offsets[row + 1]! - 8;
    for (let at = offsets[row]!; at <= end; at += 8) {
      if ((view.getUint32(at + 4, true) & FLOAT32.exponent) !== FLOAT32.exponent) continue;
      found.push(row);
      break;
    }
  }
  return found;
}

/** Rows of a column, ascending and possibly repeated, with NaN or infinity. */
function badRows(column: RawColumn): number[] {
  const { values, width } = column;
  const { type } = fromArrowField(column.field);
  if (type === 'SPARSE_FLOAT_VECTOR') return badSparseRows(values as TextColumn);
  if (isText(values) || isList(values)) return [];
  const pattern = PATTERNS[type];
  if (!pattern) return [];
  if (!hasExponent(values, pattern)) return [];
  // Vectors of 16 bits are columns of bytes.
  const perRow = pattern.values === 2 ? width / 2 : width;
  return badValues(wordsOf(values), pattern).map((i) => Math.floor(i / perRow));
}

/**
 * Rows of a batch with NaN or infinity in a vector of floats of any width, also a sparse one, ascending. Milvus refuses the
 * whole request for one such value, and Milvus Lite stores it. Nulls are nothing, whatever stands in their place. A column
 * is first looked through as a whole, by bit tests on the exponents.
 * @param scalars look at FLOAT and DOUBLE, too: 2.3.5 stores NaN and infinity there (as everywhere in arrays), newer
 *   servers refuse them
 */
export function findNonFinite(batch: RecordBatch, scalars = false): NonFinite[] {
  const found = new Map<number, NonFinite>();
  const columns = rawColumns(batch);
  const vectors = columns.filter((column) => isVector(fromArrowField(column.field).type)).length;
  for (const column of columns) {
    const { name: field } = column.field;
    const vector = isVector(fromArrowField(column.field).type);
    if (!vector && !scalars) continue;
    const where = vector ? `the vector${vectors > 1 ? ` ${field}` : ''}` : `the field ${field}`;
    for (const row of badRows(column)) {
      if (found.has(row) || column.valid?.[row] === 0) continue;
      found.set(row, { row, field, reason: `NaN or infinity in ${where}` });
    }
  }
  return [...found.values()].sort((a, b) => a.row - b.row);
}

/** The numbers of the rows of {@link findNonFinite}. */
export function nonFiniteRows(batch: RecordBatch, scalars = false): number[] {
  return findNonFinite(batch, scalars).map(({ row }) => row);
}
