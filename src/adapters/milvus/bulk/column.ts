import { flat, isText, type RawColumn } from '../../../batch/columns.js';
import { type FieldSpec, type MilvusType, vectorBytes } from '../../../batch/fields.js';
import type { GrowingObject } from '../../../store/types.js';
import { fail } from '../../../util/errors.js';
import { HEADER_BYTES, npyHeader } from './npy.js';
import { CHARACTER_BYTES, countCharacters, putUtf32 } from './text.js';

/** numpy's name of each type whose values have one length; Milvus 2.3.5 takes exactly these. */
const DESCR: Readonly<Partial<Record<MilvusType, string>>> = {
  BOOL: '|b1',
  INT8: '|i1',
  INT16: '<i2',
  INT32: '<i4',
  INT64: '<i8',
  FLOAT: '<f4',
  DOUBLE: '<f8',
  FLOAT_VECTOR: '<f4',
  BINARY_VECTOR: '|u1',
};
const PIECE_BYTES = 1 << 20;

/** Text that may be longer does not go into numpy files, where every text takes the room of the longest. */
const LONGEST_TEXT = 1024;

/** Whether a .npy file is the place for a column. */
export function fitsNumpy({ type, maxLength }: FieldSpec): boolean {
  return DESCR[type] !== undefined || (type === 'VARCHAR' && (maxLength ?? Infinity) <= LONGEST_TEXT);
}

/** One file of a set: the values of one field. */
export interface ColumnFile {
  /** Bytes that the file will have. */
  readonly bytes: number;
  /** Bytes that it will have with these rows as well. */
  bytesWith(column: RawColumn): number;
  /** Appends the rows of a column; its memory is free when it resolves. */
  append(column: RawColumn): Promise<void>;
  /** Completes the file. */
  finish(): Promise<void>;
  /** Bytes held in memory until then. */
  readonly held: number;
}

function rawBytes({ values, rows, width }: RawColumn): Uint8Array {
  const array = flat(values);
  return new Uint8Array(array.buffer, array.byteOffset, rows * width * array.BYTES_PER_ELEMENT);
}

/** Numbers and vectors: the header, then their bytes as they are. */
function fixedFile(spec: FieldSpec, descr: string, object: GrowingObject): ColumnFile {
  let rows = 0;
  let bytes = HEADER_BYTES;
  const lengths = {
    FLOAT_VECTOR: [spec.dim ?? 0],
    BINARY_VECTOR: [vectorBytes('BINARY_VECTOR', spec.dim ?? 0) ?? 0],
  } as Partial<Record<MilvusType, number[]>>;
  return {
    held: 0,
    get bytes() {
      return bytes;
    },
    bytesWith: (column) => bytes + rawBytes(column).length,
    async append(column) {
      const values = rawBytes(column);
      rows += column.rows;
      bytes += values.length;
      await object.append(values);
    },
    finish: () => object.finish(npyHeader(descr, [rows, ...(lengths[spec.type] ?? [])])),
  };
}

interface Texts {
  readonly bytes: Uint8Array;
  readonly lengths: Uint32Array;
}

function textsOf(column: RawColumn): Texts {
  const { values, rows } = column;
  if (!isText(values)) throw fail('INTERNAL', `"${column.field.name}" is no column of text`);
  const [from, to] = [values.offsets[0]!, values.offsets[rows]!];
  const lengths = Uint32Array.from({ length: rows }, (_, i) => values.offsets[i + 1]! - values.offsets[i]!);
  return { bytes: values.bytes.slice(from, to), lengths };
}

function widestOf({ bytes, lengths }: Texts): number {
  let [widest, at] = [0, 0];
  for (const length of lengths) {
    // No text has more characters than bytes.
    if (length > widest) widest = Math.max(widest, countCharacters(bytes.subarray(at, at + length)));
    at += length;
  }
  return widest;
}

/**
 * Text: every row takes the room of the longest one, which is known at the end only. So the texts stay in memory until then,
 * as the bytes that they are.
 */
function textFile(spec: FieldSpec, object: GrowingObject): ColumnFile {
  const held: Texts[] = [];
  let [rows, widest, bytes] = [0, 1, 0];
  const size = (count: number, width: number): number => HEADER_BYTES + count * width * CHARACTER_BYTES;

  async function* pieces(): AsyncGenerator<Uint8Array> {
    const width = widest * CHARACTER_BYTES;
    const most = Math.max(1, Math.floor(PIECE_BYTES / width));
    for (const { bytes: text, lengths } of held) {
      let at = 0;
      for (let row = 0; row < lengths.length; row += most) {
        const count = Math.min(most, lengths.length - row);
        const piece = new Uint8Array(count * width);
        const view = new DataView(piece.buffer);
        for (let i = 0; i < count; i++) {
          const length = lengths[row + i]!;
          putUtf32(text.subarray(at, at + length), view, i * width, spec.name);
          at += length;
        }
        yield piece;
      }
    }
  }

  return {
    get held() {
      return bytes;
    },
    get bytes() {
      return size(rows, widest);
    },
    bytesWith: (column) => size(rows + column.rows, Math.max(widest, widestOf(textsOf(column)))),
    async append(column) {
      const texts = textsOf(column);
      held.push(texts);
      rows += column.rows;
      bytes += texts.bytes.length + texts.lengths.byteLength;
      widest = Math.max(widest, widestOf(texts));
    },
    async finish() {
      for await (const piece of pieces()) await object.append(piece);
      await object.finish(npyHeader(`<U${widest}`, [rows]));
      held.length = 0;
    },
  };
}

/** The file of a field; `fitsNumpy` must have said that there can be one. */
export function columnFile(spec: FieldSpec, object: GrowingObject): ColumnFile {
  const descr = DESCR[spec.type];
  return descr === undefined ? textFile(spec, object) : fixedFile(spec, descr, object);
}
