import type { Schema } from 'apache-arrow';
import { batchBytes } from '../../batch/columns.js';
import { type FieldSpec, specsOf } from '../../batch/fields.js';
import { sliceByBytes } from '../../batch/slices.js';
import { type AnswerKeys, answerBatch, answerKeys } from '../../milvus/answer-batch.js';
import { AnswerMemory } from '../../milvus/answer-memory.js';
import type { QueryAnswer } from '../../milvus/decode-query.js';
import { anySignal, throwIfAborted } from '../../util/abort.js';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { ReadBatch } from '../types.js';
import type { KeyRange } from './key-ranges.js';
import { integerKeys, type Key, textKeys } from './key-space.js';
import { keyLiteral, MOST_ROWS } from './lookup.js';
import { largeRowBytes } from './read-fields.js';

/** A page asks for at most this many times the rows of the one before, and after a refusal for as few times less. */
const STEP = 4;

export interface PageRequest {
  readonly expression: string;
  readonly fields: readonly string[];
  readonly limit: number;
  readonly memory: AnswerMemory;
  readonly signal: AbortSignal;
}

export interface PagesOptions {
  readonly key: FieldSpec;
  /** Fields of the batches; the key is asked for besides where it is none of them. */
  readonly schema: Schema;
  readonly range: KeyRange;
  readonly filter: string | undefined;
  readonly maxBytes: number;
  /** Where reading goes on: behind this key, which is of this row. */
  readonly after?: { readonly key: Key; readonly rows: number };
  readonly signal?: AbortSignal;
  /** For messages, e.g. "books/_default". */
  readonly source: string;
  /** One query for the rows with the smallest keys, in the order of their keys. */
  ask(request: PageRequest): Promise<QueryAnswer>;
}

/** Where reading goes on behind a row, as JSON-safe text: the number of rows so far, and the last key. */
export function toCursor(rows: number, key: Key): string {
  return `${rows}:${key}`;
}

/** The inverse of {@link toCursor}. Throws INTERNAL for what is none. */
export function fromCursor(cursor: string, text: boolean): { key: Key; rows: number } {
  const [, rows, key] = /^(\d+):(.*)$/s.exec(cursor) ?? [];
  if (rows === undefined || key === undefined || (!text && !/^-?\d+$/.test(key))) {
    throw fail('INTERNAL', `"${cursor.slice(0, 80)}" is no cursor of a Milvus source`);
  }
  return { rows: Number(rows), key: text ? key : BigInt(key) };
}

/** All conditions that are there, as one. */
export function allOf(...conditions: readonly (string | undefined)[]): string {
  const there = conditions.filter((c) => c);
  return there.length > 1 ? there.map((c) => `(${c})`).join(' && ') : (there[0] ?? '');
}

/** Selects the rows of a range behind `last`. Without any bound: everything that an expression can name. */
export function rangeExpression(key: FieldSpec, range: Omit<KeyRange, 'rows'>, last?: Key): string {
  const after = last ?? range.after;
  const conditions = [
    after === undefined ? undefined : `${key.name} > ${keyLiteral(after)}`,
    range.upTo === undefined ? undefined : `${key.name} <= ${keyLiteral(range.upTo)}`,
  ].filter((c) => c !== undefined);
  if (conditions.length > 0) return conditions.join(' && ');
  return key.type === 'VARCHAR' ? `${key.name} >= ""` : `${key.name} < ${2n ** 63n - 1n}`;
}

/** Pages of a range one after the other; the next one is asked for while the last one is being used. */
class Pager {
  private readonly o: PagesOptions;
  private readonly fields: readonly string[];
  private readonly signal: AbortSignal;
  private limit: number;
  /** A page is used while the next one arrives, so that they take turns. */
  private memory = new AnswerMemory();
  private other = new AnswerMemory();

  constructor(o: PagesOptions, signal: AbortSignal) {
    const specs = specsOf(o.schema);
    this.o = o;
    this.signal = signal;
    this.fields = [...new Set([o.key.name, ...specs.map((s) => s.name)])];
    this.limit = this.rowsOf(largeRowBytes(specs));
  }

  private rowsOf(rowBytes: number): number {
    return Math.max(1, Math.min(MOST_ROWS, Math.floor(this.o.maxBytes / Math.max(1, rowBytes))));
  }

  /** How long rows are shows only once they have been read. */
  adapt(rows: number, bytes: number): void {
    this.limit = Math.min(this.rowsOf(bytes / rows), this.limit * STEP);
  }

  /** The page behind `last`, in fewer rows where the server refuses it: its answers are bounded, and rows may be long. */
  async page(last: Key | undefined): Promise<QueryAnswer> {
    const { o, fields, signal, memory } = this;
    [this.memory, this.other] = [this.other, memory];
    const expression = allOf(rangeExpression(o.key, o.range, last), o.filter);
    for (;;) {
      const { limit } = this;
      try {
        return await o.ask({ expression, fields, limit, memory, signal });
      } catch (thrown) {
        if (!(thrown instanceof MilvusdmError) || thrown.code !== 'DST_REFUSED' || limit === 1) throw thrown;
        this.limit = Math.max(1, Math.floor(limit / STEP));
      }
    }
  }
}

function requireOrder(keys: AnswerKeys, last: Key | undefined, o: PagesOptions): void {
  const { compare } = o.key.type === 'VARCHAR' ? textKeys : integerKeys;
  if (keys.ascending && (last === undefined || compare(keys.at(0), last) > 0)) return;
  throw fail('SRC_UNREADABLE', `the rows of ${o.source} do not come in the order of their keys`, {
    hint: 'Rows would be lost. Use a server that gives the rows of a query iterator in order (Milvus 2.3 and Milvus Lite 3.2 do).',
  });
}

/** Copies of a key make a range show fewer rows than it counts, never more. */
function changed({ source, range }: PagesOptions): MilvusdmError {
  const rows = formatCount(range.rows);
  return fail(
    'SRC_CHANGED',
    `rows were written to ${source} while it was read: it shows more than the ${rows} counted`,
    {
      hint: 'Stop what writes to it and run again: Milvus shows new rows to reads that began before them, and other rows would be left out.',
    },
  );
}

/**
 * The rows of a key range in the order of their keys, in batches of at most `maxBytes`. Gives the number of rows, counted
 * from the start of the range, once there are no more: a page that is shorter than asked for is not the end, because
 * copies of a key are shown once. Throws SRC_UNREADABLE where the server does not sort, SRC_CHANGED where there are more rows
 * than the range has, and what `ask` throws.
 */
export async function* readPages(o: PagesOptions): AsyncGenerator<ReadBatch, number> {
  const left = new AbortController();
  const signal = o.signal ? anySignal(o.signal, left.signal) : left.signal;
  const pager = new Pager(o, signal);
  let rows = o.after?.rows ?? 0;
  let last = o.after?.key;
  const ahead = (): Promise<QueryAnswer> => {
    const page = pager.page(last);
    // A page that is asked for but not taken any more must not end the process.
    page.catch(() => {});
    return page;
  };
  try {
    for (let next = ahead(); ; ) {
      throwIfAborted(o.signal);
      const answer = await next;
      const what = `a page of ${o.source}`;
      const keys = answerKeys(answer, o.key.name, what);
      if (answer.rows === 0) return rows;
      requireOrder(keys, last, o);
      const batch = answerBatch(o.schema, answer, what);
      last = keys.at(answer.rows - 1);
      pager.adapt(batch.numRows, batchBytes(batch));
      next = ahead();
      const end = rows + batch.numRows;
      if (end > o.range.rows || (end === o.range.rows && (await next).rows > 0)) throw changed(o);
      for (const [from, to] of sliceByBytes(batch, o.maxBytes)) {
        throwIfAborted(o.signal);
        const part = to - from === batch.numRows ? batch : batch.slice(from, to);
        yield { batch: part, cursor: toCursor(rows + to - from, keys.at(to - 1)), firstRow: rows };
        rows += to - from;
      }
    }
  } finally {
    left.abort();
  }
}
