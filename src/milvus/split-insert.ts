import { type Field, type RecordBatch, Schema } from 'apache-arrow';
import { rawColumns } from '../batch/columns.js';
import { WireReader } from '../util/wire.js';
import { answerBatch } from './answer-batch.js';
import { OK } from './decode.js';
import { type AnswerColumn, fieldData } from './decode-query.js';
import { encodeInsert } from './encode.js';

/** A request and its number of rows. */
export interface InsertPart {
  readonly request: Uint8Array;
  readonly rows: number;
}

interface Parsed {
  readonly collection: string;
  readonly partition: string;
  readonly rows: number;
  readonly columns: readonly AnswerColumn[];
}

function parse(request: Uint8Array): Parsed {
  const reader = new WireReader(request);
  const columns: AnswerColumn[] = [];
  let [collection, partition, rows] = ['', '', 0];
  for (let f = reader.field(); f; f = reader.field()) {
    if (f.number === 3) collection = reader.string();
    else if (f.number === 4) partition = reader.string();
    else if (f.number === 5) columns.push(fieldData(reader.message()));
    else if (f.number === 7) rows = reader.number();
    else reader.skip(f.type);
  }
  return { collection, partition, rows, columns };
}

/** The rows of a request as a batch again. */
function batchOf({ columns, rows }: Parsed, fields: readonly Field[], bytes: number): RecordBatch {
  const named = columns.map((column, i) => ({ ...column, name: fields[i]!.name }));
  return answerBatch(new Schema([...fields]), { status: OK, columns: named, rows, bytes }, 'a request');
}

/**
 * Cuts an encoded InsertRequest of two rows or more into two, each with half of its rows, in memory of its own that it takes only when it
 * is made. The batch that it was made from need not exist any more; the request has to, until both are made.
 * @param fields of the request's columns, in their order
 */
export function splitInsert(
  request: Uint8Array,
  fields: readonly Field[],
): readonly [front: () => InsertPart, back: () => InsertPart] {
  const part = (half: 'front' | 'back'): InsertPart => {
    const whole = parse(request);
    const batch = batchOf(whole, fields, request.length);
    const middle = whole.rows >> 1;
    const [from, to] = half === 'front' ? [0, middle] : [middle, whole.rows];
    const columns = rawColumns(batch.slice(from, to)).map((column, i) => ({ column, name: whole.columns[i]!.name }));
    const message = { collection: whole.collection, partition: whole.partition, rows: to - from, columns };
    return { rows: to - from, request: encodeInsert(message, (bytes) => new Uint8Array(bytes)) };
  };
  return [() => part('front'), () => part('back')];
}
