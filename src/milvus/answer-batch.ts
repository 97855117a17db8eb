import type { RecordBatch, Schema } from 'apache-arrow';
import { flat, isList, isText, type ListColumn, makeBatch, type RawValues } from '../batch/columns.js';
import { type FieldSpec, isVector, type MilvusType, specsOf } from '../batch/fields.js';
import { fail } from '../util/errors.js';
import type { AnswerColumn, QueryAnswer } from './decode-query.js';

type Numbers = Exclude<ReturnType<typeof flat>, BigInt64Array>;

/** Integers travel as int32 whatever their width; here they get the width of their field again. */
function narrowed(type: MilvusType, values: RawValues): RawValues {
  if (isText(values) || isList(values)) return values;
  switch (type) {
    case 'INT8':
      return values instanceof Int8Array ? values : Int8Array.from(values as Numbers);
    case 'INT16':
      return values instanceof Int16Array ? values : Int16Array.from(values as Numbers);
    case 'INT32':
      return values instanceof Int32Array ? values : new Int32Array(0);
    case 'INT64':
      return values instanceof BigInt64Array ? values : new BigInt64Array(0);
    case 'FLOAT':
      return values instanceof Float32Array ? values : new Float32Array(0);
    case 'DOUBLE':
      return values instanceof Float64Array ? values : new Float64Array(0);
    case 'VARCHAR':
    case 'JSON':
      return { bytes: new Uint8Array(0), offsets: new Int32Array(1) };
    default:
      return values;
  }
}

function columnValues(spec: FieldSpec, column: AnswerColumn): RawValues {
  const { values } = column;
  if (isVector(spec.type)) return values;
  if (spec.type !== 'ARRAY') return narrowed(spec.type, values);
  if (!isList(values))
    return { items: narrowed(spec.elementType!, new Uint8Array(0)) as ListColumn['items'], offsets: new Int32Array(1) };
  return { offsets: values.offsets, items: narrowed(spec.elementType!, values.items) as ListColumn['items'] };
}

/**
 * The columns of an answer as a record batch of the given schema, in its order, matched by name. Memory is the answer's own.
 * Throws DST_REFUSED when a field is missing.
 */
export function answerBatch(schema: Schema, answer: QueryAnswer, what: string): RecordBatch {
  const byName = new Map(answer.columns.map((c) => [c.name, c]));
  const columns = specsOf(schema).map((spec) => {
    const column = byName.get(spec.name);
    if (!column) throw fail('DST_REFUSED', `${what} came back without the field "${spec.name}"`);
    return column;
  });
  const values = specsOf(schema).map((spec, i) => columnValues(spec, columns[i]!));
  return makeBatch(
    schema,
    answer.rows,
    values,
    columns.map((c) => c.valid),
  );
}

/** The largest key of an answer: the server sorts a page by key, but that is not promised. */
export function lastKey(answer: QueryAnswer, keyField: string): bigint | string {
  const column = answer.columns.find((c) => c.name === keyField);
  if (!column || answer.rows === 0) throw fail('DST_REFUSED', `an answer came back without the key "${keyField}"`);
  const { values } = column;
  if (!isText(values)) {
    const keys = flat(values) as BigInt64Array;
    let largest = keys[0]!;
    for (const key of keys) if (key > largest) largest = key;
    return largest;
  }
  let largest = Buffer.alloc(0);
  for (let i = 0; i < answer.rows; i++) {
    const key = values.bytes.subarray(values.offsets[i]!, values.offsets[i + 1]!);
    if (Buffer.compare(key, largest) > 0) largest = Buffer.from(key);
  }
  return largest.toString('utf8');
}
