import { Schema } from 'apache-arrow';
import {
  type FieldSpec,
  isVector,
  MILVUS_TYPES,
  type MilvusType,
  toArrowField,
  vectorBytes,
} from '../../batch/fields.js';
import { answerBatch, lastKey } from '../../milvus/answer-batch.js';
import type { CollectionField, CollectionInfo } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows, query, type ReadPoint } from '../../milvus/data.js';
import type { QueryAnswer } from '../../milvus/decode-query.js';
import { throwIfAborted } from '../../util/abort.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, Split } from '../types.js';
import { keyLiteral } from './lookup.js';

export interface MilvusReaderOptions {
  readonly connection: Connection;
  readonly info: CollectionInfo;
  /** Partitions to read one by one; undefined reads the collection as a whole (a partition key decides by itself). */
  readonly partitions?: readonly string[];
  /** Milvus expression that rows must satisfy. */
  readonly filter?: string;
  /** Only these fields, besides the key; all where absent. */
  readonly outputFields?: readonly string[];
  readonly at: ReadPoint;
  readonly close: () => Promise<void>;
}

/** Rows of a page at most; Milvus refuses limits over 16,384. */
const PAGE_ROWS = 16_384;
/** What a value of unknown length is taken for until the first page has been seen. */
const GUESSED_TEXT_BYTES = 256;

function toSpec(info: CollectionInfo, field: CollectionField): FieldSpec {
  if (!(MILVUS_TYPES as readonly string[]).includes(field.type)) {
    throw fail(
      'SRC_UNSUPPORTED',
      `field "${field.name}" of collection "${info.name}" is of type ${field.type}, which milvusdm does not read`,
      {
        hint: 'Leave the field out by output_fields.',
      },
    );
  }
  const { autoId: _, functionOutput: __, primaryKey, nullable, ...rest } = field;
  return {
    ...rest,
    type: field.type as MilvusType,
    ...(primaryKey ? { primaryKey } : {}),
    ...(nullable ? { nullable } : {}),
  };
}

/** Fields that are read: all, or those asked for; never the outputs of functions, which the target makes again. */
export function readFields(info: CollectionInfo, wanted: readonly string[] | undefined): FieldSpec[] {
  const known = new Set(info.fields.map((f) => f.name));
  const unknown = (wanted ?? []).filter((name) => !known.has(name) && name !== '$meta');
  if (unknown.length > 0) {
    throw fail(
      'CFG_CONFLICT',
      `output_fields names ${unknown.join(', ')}, but collection "${info.name}" has ${[...known].join(', ')}`,
    );
  }
  const specs = info.fields
    .filter((f) => !f.functionOutput && (f.primaryKey || !wanted || wanted.includes(f.name)))
    .map((f) => toSpec(info, f));
  if (info.dynamic && (!wanted || wanted.includes('$meta'))) specs.push({ name: '$meta', type: 'JSON', dynamic: true });
  return specs;
}

function estimatedRowBytes(specs: readonly FieldSpec[]): number {
  return specs.reduce((sum, s) => {
    if (isVector(s.type)) return sum + (vectorBytes(s.type, s.dim ?? 0) ?? 1024);
    return sum + (s.type === 'VARCHAR' || s.type === 'JSON' || s.type === 'ARRAY' ? GUESSED_TEXT_BYTES : 8);
  }, 0);
}

function and(...parts: (string | undefined)[]): string {
  return parts
    .filter((p) => p)
    .map((p, _, all) => (all.length > 1 ? `(${p})` : p))
    .join(' && ');
}

/** The page behind `last`. The first one of an int64 key starts below everything that an expression can name. */
function pageExpression(key: FieldSpec, last: bigint | string | undefined): string {
  if (last !== undefined) return `${key.name} > ${keyLiteral(last)}`;
  return key.type === 'VARCHAR' ? `${key.name} >= ""` : `${key.name} < ${2n ** 63n - 1n}`;
}

/**
 * Reads a collection of a running Milvus, partition by partition, in pages by key, all at one point in time. While a page is being
 * written the next one is already asked for. The collection must be loaded; the caller of `close` puts its state back.
 */
export async function openMilvusReader(o: MilvusReaderOptions): Promise<Reader> {
  const { connection, info } = o;
  const specs = readFields(info, o.outputFields);
  const schema = new Schema(specs.map(toArrowField));
  const key = specs.find((s) => s.primaryKey)!;
  const rowBytes = estimatedRowBytes(specs);
  const count = (partition: string | undefined): Promise<number> =>
    countRows(connection, info.name, {
      at: o.at,
      ...(o.filter ? { expression: o.filter } : {}),
      ...(partition === undefined ? {} : { partition }),
    });
  const names = o.partitions ?? [undefined];
  const splits: Split[] = [];
  for (const partition of names) {
    const rows = await count(partition);
    splits.push({
      id: partition ?? '',
      source: partition === undefined ? info.name : `${info.name}/${partition}`,
      ...(partition === undefined ? {} : { partition }),
      rows,
      bytes: rows * rowBytes,
      fingerprint: `${info.name}@${o.at.timestamp ?? 'strong'}`,
    });
  }

  /** Rows that a partition counts, and rows that its queries show, where they differ. */
  const fewer = new Map<string, [counted: number, shown: number]>();

  async function page(
    split: Split,
    last: bigint | string | undefined,
    limit: number,
    fields: readonly string[],
  ): Promise<QueryAnswer> {
    return query(connection, {
      collection: info.name,
      expression: and(pageExpression(key, last), o.filter),
      outputFields: fields,
      limit,
      at: o.at,
      ...(split.partition === undefined ? {} : { partitions: [split.partition] }),
    });
  }

  async function* read(split: Split, options: ReadOptions): AsyncIterable<ReadBatch> {
    const wanted = options.columns ? specs.filter((s) => s.primaryKey || options.columns!.includes(s.name)) : specs;
    const fields = wanted.map((s) => s.name);
    const pageSchema = options.columns ? new Schema(wanted.map(toArrowField)) : schema;
    let limit = Math.max(1, Math.min(PAGE_ROWS, Math.floor(options.maxBytes / estimatedRowBytes(wanted))));
    let last: bigint | string | undefined;
    if (options.after !== undefined) last = key.type === 'VARCHAR' ? options.after : BigInt(options.after);
    let row = 0;
    let next = page(split, last, limit, fields);
    // A page that is asked for but not taken any more must not end the process.
    next.catch(() => {});
    for (;;) {
      throwIfAborted(options.signal);
      const answer = await next;
      if (answer.rows === 0) {
        if (options.after === undefined && row !== split.rows) fewer.set(split.source, [split.rows, row]);
        return;
      }
      last = lastKey(answer, key.name);
      limit = fittingLimit(limit, answer, options.maxBytes);
      next = page(split, last, limit, fields);
      next.catch(() => {});
      const batch = answerBatch(pageSchema, answer, `a page of ${split.source}`);
      yield { batch, cursor: String(last), firstRow: row };
      row += batch.numRows;
    }
  }

  const vector = specs.find((s) => isVector(s.type));
  return {
    schema,
    info: [
      {
        path: info.name,
        format: 'milvus',
        kind: `collection on ${connection.features.lite ? 'Milvus Lite' : 'Milvus'} ${connection.version}`,
        rows: splits.reduce((sum, s) => sum + s.rows, 0),
        dim: vector?.dim ?? 0,
        vectorType: vector?.type ?? 'FLOAT_VECTOR',
        ids: 'stored',
        bytes: splits.reduce((sum, s) => sum + s.bytes, 0),
        fields: specs,
        details: [`partitions: ${info.partitions.join(', ')}`],
      },
    ],
    warnings:
      info.functions.length > 0
        ? [`functions of "${info.name}" are not carried over: ${info.functions.join(', ')}`]
        : [],
    lateWarnings: () =>
      [...fewer].map(
        ([source, [counted, shown]]) =>
          `${source} counts ${formatCount(counted)} rows, but its queries show ${formatCount(shown)}: ids that occur several times are shown once, or rows were written meanwhile`,
      ),
    splits: async () => splits,
    read,
    [Symbol.asyncDispose]: o.close,
  };
}

/** Halves or doubles the rows of a page so that its bytes stay near the bound: text and arrays have no size known before. */
function fittingLimit(limit: number, answer: QueryAnswer, maxBytes: number): number {
  const perRow = Math.max(1, answer.bytes / answer.rows);
  return Math.max(1, Math.min(PAGE_ROWS, Math.floor(maxBytes / perRow), limit * 4));
}
