import type { RecordBatch, Schema } from 'apache-arrow';
import { isList, isText, type ListColumn, makeBatch, type RawValues } from '../batch/columns.js';
import { type FieldSpec, isVector, type MilvusType, specsOf, vectorBytes } from '../batch/fields.js';
import { type ErrorDetails, fail, type MilvusdmError } from '../util/errors.js';
import type { AnswerColumn, QueryAnswer } from './decode-query.js';

/** What values of a type are once they are in a batch; text, JSON and sparse vectors are of variable length. */
const ARRAYS = {
  BOOL: Uint8Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FLOAT: Float32Array,
  DOUBLE: Float64Array,
  FLOAT_VECTOR: Float32Array,
  BINARY_VECTOR: Uint8Array,
  FLOAT16_VECTOR: Uint8Array,
  BFLOAT16_VECTOR: Uint8Array,
  INT8_VECTOR: Uint8Array,
} as const;

type Fixed = keyof typeof ARRAYS;

function isFixed(type: MilvusType): type is Fixed {
  return type in ARRAYS;
}

/** Values of a type without a row. */
function emptyOf(spec: Pick<FieldSpec, 'type' | 'elementType'>): RawValues {
  const { type } = spec;
  if (isFixed(type)) return new ARRAYS[type](0);
  const offsets = new Int32Array(1);
  if (type !== 'ARRAY') return { bytes: new Uint8Array(0), offsets };
  return { items: emptyOf({ type: spec.elementType ?? 'INT64' }) as ListColumn['items'], offsets };
}

/** The values as their type has them: small integers travel as int32. undefined where they are of another type. */
function typed(type: MilvusType, values: RawValues): RawValues | undefined {
  if (!isFixed(type)) return isText(values) && type !== 'ARRAY' ? values : undefined;
  if (values instanceof ARRAYS[type]) return values;
  if (!(values instanceof Int32Array)) return undefined;
  if (type === 'INT8') return new Int8Array(values);
  return type === 'INT16' ? new Int16Array(values) : undefined;
}

function typedList(spec: FieldSpec, values: RawValues): RawValues | undefined {
  if (!isList(values)) return undefined;
  const type = spec.elementType ?? 'INT64';
  const count = values.offsets.at(-1)!;
  const items = count === 0 ? emptyOf({ type }) : typed(type, values.items);
  return items && { offsets: values.offsets, items: items as ListColumn['items'] };
}

function broken(what: string, text: string): MilvusdmError {
  const details: ErrorDetails = { hint: 'Run again; if it stays, the server, or something before it, is at fault.' };
  return fail('DST_REFUSED', `${what} came back ${text}`, details);
}

/** Elements of a row, as `RawColumn` has them. */
function widthOf(spec: FieldSpec): number {
  const bytes = isVector(spec.type) ? vectorBytes(spec.type, spec.dim ?? 0) : undefined;
  return bytes === undefined ? 1 : spec.type === 'FLOAT_VECTOR' ? bytes / 4 : bytes;
}

function columnValues(spec: FieldSpec, column: AnswerColumn, rows: number, what: string): RawValues {
  if (rows === 0) return emptyOf(spec);
  const values = spec.type === 'ARRAY' ? typedList(spec, column.values) : typed(spec.type, column.values);
  if (!values) throw broken(what, `with values in "${spec.name}" that are no ${spec.type}`);
  if (!isText(values) && !isList(values) && column.width !== widthOf(spec)) {
    throw broken(what, `with ${column.width} values a row in "${spec.name}", which has ${widthOf(spec)}`);
  }
  return values;
}

/**
 * The columns of an answer as a record batch of the given schema, in its order, matched by name. Memory is the answer's own.
 * Throws DST_REFUSED when a field is missing or holds something else than its type.
 */
export function answerBatch(schema: Schema, answer: QueryAnswer, what: string): RecordBatch {
  const byName = new Map(answer.columns.map((c) => [c.name, c]));
  const columns = specsOf(schema).map((spec) => {
    const column = byName.get(spec.name);
    if (!column) throw broken(what, `without the field "${spec.name}"`);
    return { values: columnValues(spec, column, answer.rows, what), valid: column.valid };
  });
  const values = columns.map((c) => c.values);
  return makeBatch(
    schema,
    answer.rows,
    values,
    columns.map((c) => c.valid),
  );
}

/** The keys of an answer, in the order of its rows. */
export interface AnswerKeys {
  /** Key of a row. */
  at(row: number): bigint | string;
  /** No key is smaller than the one before it. */
  readonly ascending: boolean;
}

/**
 * The keys of an answer, which also one without rows has to have a column for. Text is compared by its UTF-8 bytes, as Milvus does.
 * Throws DST_REFUSED when the key field is missing or holds no keys.
 */
export function answerKeys(answer: QueryAnswer, keyField: string, what: string): AnswerKeys {
  const values = answer.columns.find((c) => c.name === keyField)?.values;
  // An empty column does not say its type.
  if (values && answer.rows === 0) return { at: () => '', ascending: true };
  if (values instanceof BigInt64Array) return { at: (row) => values[row]!, ascending: ascendingLongs(values) };
  if (!values || !isText(values)) throw broken(what, `without keys in "${keyField}"`);
  const bytes = Buffer.from(values.bytes.buffer, values.bytes.byteOffset, values.bytes.byteLength);
  const { offsets } = values;
  let ascending = true;
  for (let i = 2; i < offsets.length && ascending; i++) {
    ascending = bytes.compare(bytes, offsets[i - 1]!, offsets[i]!, offsets[i - 2]!, offsets[i - 1]!) <= 0;
  }
  return { at: (row) => bytes.toString('utf8', offsets[row]!, offsets[row + 1]!), ascending };
}

function ascendingLongs(values: BigInt64Array): boolean {
  // Halves of 32 bits: a BigInt per key would take longer than all else.
  const low = new Uint32Array(values.buffer, values.byteOffset, values.length * 2);
  const high = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
  for (let i = 2; i < low.length; i += 2) {
    if (high[i + 1]! < high[i - 1]! || (high[i + 1]! === high[i - 1]! && low[i]! < low[i - 2]!)) return false;
  }
  return true;
}
