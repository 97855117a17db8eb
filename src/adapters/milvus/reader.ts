import { createHash } from 'node:crypto';
import { Schema } from 'apache-arrow';
import { type FieldSpec, isVector, toArrowField } from '../../batch/fields.js';
import { answerKeys } from '../../milvus/answer-batch.js';
import type { CollectionInfo } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { countRows, query, type ReadPoint } from '../../milvus/data.js';
import type { QueryAnswer } from '../../milvus/decode-query.js';
import { formatCount } from '../../util/bytes.js';
import { fail, MilvusdmError } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import { divideKeys, type KeyRange, type KeySurvey } from './key-ranges.js';
import { integerKeys, textKeys } from './key-space.js';
import { allOf, fromCursor, type PageRequest, rangeExpression, readPages } from './pages.js';
import { estimatedRowBytes, fieldWarnings, readFields } from './read-fields.js';

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
  /** A partition is divided into key ranges of no fewer bytes than this; default 32 MiB. */
  readonly rangeBytes?: number;
  readonly close: () => Promise<void>;
}

/** Queries in flight at a time from which a server of two cores gains nothing more. */
const PARALLEL_SPLITS = 4;
const RANGE_BYTES = 32 * 1024 * 1024;

/** What a server refuses while it is read is no fault of a target. */
function sourceError(thrown: unknown): unknown {
  if (!(thrown instanceof MilvusdmError) || thrown.code !== 'DST_REFUSED') return thrown;
  return fail('SRC_UNREADABLE', thrown.message, { cause: thrown, hint: thrown.hint });
}

async function asSource<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (thrown) {
    throw sourceError(thrown);
  }
}

/** What is read of one collection, and how it is asked for. */
class Source {
  readonly o: MilvusReaderOptions;
  readonly specs: readonly FieldSpec[];
  readonly key: FieldSpec;
  readonly schema: Schema;

  constructor(o: MilvusReaderOptions) {
    this.o = o;
    this.specs = readFields(o.info, o.outputFields);
    this.key = this.specs.find((s) => s.primaryKey)!;
    this.schema = new Schema(this.specs.map(toArrowField));
  }

  get parallel(): number {
    return this.o.connection.features.lite ? 1 : PARALLEL_SPLITS;
  }

  nameOf(partition: string | undefined): string {
    return partition === undefined ? this.o.info.name : `${this.o.info.name}/${partition}`;
  }

  private async count(partition: string | undefined, condition?: string): Promise<number> {
    const { connection, info, at, filter } = this.o;
    const expression = allOf(condition, filter);
    const counted = countRows(connection, info.name, {
      at,
      ...(expression ? { expression } : {}),
      ...(partition === undefined ? {} : { partition }),
    });
    return await asSource(counted);
  }

  async page(
    partition: string | undefined,
    page: Pick<PageRequest, 'expression' | 'fields' | 'limit'> & Partial<PageRequest>,
  ): Promise<QueryAnswer> {
    const { connection, info, at } = this.o;
    return query(connection, {
      collection: info.name,
      expression: page.expression,
      outputFields: page.fields,
      limit: page.limit,
      byKey: true,
      at,
      ...(partition === undefined ? {} : { partitions: [partition] }),
      ...(page.memory ? { memory: page.memory } : {}),
      ...(page.signal ? { signal: page.signal } : {}),
    });
  }

  private survey(partition: string | undefined): KeySurvey {
    const { key, o } = this;
    return {
      rowsUpTo: (upTo) => this.count(partition, rangeExpression(key, { upTo })),
      nextKey: async (after) => {
        const expression = allOf(rangeExpression(key, after === undefined ? {} : { after }), o.filter);
        const answer = await asSource(this.page(partition, { expression, fields: [key.name], limit: 1 }));
        return answer.rows === 0 ? undefined : answerKeys(answer, key.name, 'the next key').at(0);
      },
    };
  }

  /** The rows of a partition: one range where they are few, else as many as are read at a time. */
  async ranges(partition: string | undefined): Promise<readonly KeyRange[]> {
    const rows = await this.count(partition);
    const bytes = rows * estimatedRowBytes(this.specs);
    const parts = Math.min(this.parallel, Math.floor(bytes / (this.o.rangeBytes ?? RANGE_BYTES)));
    const space = this.key.type === 'VARCHAR' ? textKeys : integerKeys;
    return divideKeys(space, this.survey(partition), rows, parts);
  }

  /** Says the same in another process as long as nothing has changed that a count shows. */
  private fingerprint(partition: string | undefined, { rows, after, upTo }: KeyRange): string {
    const { info, filter } = this.o;
    const bounds = [after, upTo].map((key) => (key === undefined ? null : String(key)));
    const fields = this.specs.map((s) => [s.name, s.type, s.dim ?? 0, s.nullable ?? false]);
    const facts = [info.identity, info.name, partition ?? null, rows, filter ?? null, fields, bounds];
    return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 24);
  }

  splitOf(partition: string | undefined, range: KeyRange, index: number, of: number): Split {
    return {
      id: `${partition ?? ''}${of > 1 ? `#${index + 1}/${of}` : ''}`,
      source: this.nameOf(partition),
      ...(partition === undefined ? {} : { partition }),
      rows: range.rows,
      bytes: range.rows * estimatedRowBytes(this.specs),
      fingerprint: this.fingerprint(partition, range),
    };
  }
}

/** Rows that were counted and rows that came, of the splits that were read to their end. */
interface Shown {
  readonly source: string;
  readonly counted: number;
  readonly shown: number;
}

function differences(all: Iterable<Shown>): string[] {
  const sums = new Map<string, [counted: number, shown: number]>();
  for (const { source, counted, shown } of all) {
    const [c, s] = sums.get(source) ?? [0, 0];
    sums.set(source, [c + counted, s + shown]);
  }
  return [...sums]
    .filter(([, [counted, shown]]) => counted !== shown)
    .map(
      ([source, [counted, shown]]) =>
        `${source} counts ${formatCount(counted)} rows, but its queries show ${formatCount(shown)}: ids that occur several times are shown once, or rows were written meanwhile`,
    );
}

function describe(source: Source, splits: readonly Split[]): SourceInfo {
  const { connection, info } = source.o;
  const vector = source.specs.find((s) => isVector(s.type));
  return {
    path: info.name,
    format: 'milvus',
    kind: `collection on ${connection.features.lite ? 'Milvus Lite' : 'Milvus'} ${connection.version}`,
    rows: splits.reduce((sum, s) => sum + s.rows, 0),
    dim: vector?.dim ?? 0,
    vectorType: vector?.type ?? 'FLOAT_VECTOR',
    ids: 'stored',
    bytes: splits.reduce((sum, s) => sum + s.bytes, 0),
    fields: source.specs,
    details: [`partitions: ${info.partitions.join(', ')}`],
  };
}

/**
 * Reads a collection of a running Milvus in the order of its keys, all that was written before `at`: partition by partition, and
 * large partitions in several key ranges, each a split of its own. While a page is being written the next one is already
 * asked for. The collection must be loaded; the caller of `close` puts its state back.
 */
export async function openMilvusReader(o: MilvusReaderOptions): Promise<Reader> {
  const source = new Source(o);
  const places = new Map<string, { partition: string | undefined; range: KeyRange }>();
  const splits: Split[] = [];
  for (const partition of o.partitions ?? [undefined]) {
    const ranges = await source.ranges(partition);
    for (const [i, range] of ranges.entries()) {
      const split = source.splitOf(partition, range, i, ranges.length);
      places.set(split.id, { partition, range });
      splits.push(split);
    }
  }
  const ended = new Map<string, Shown>();

  async function* read(split: Split, options: ReadOptions): AsyncGenerator<ReadBatch> {
    const { partition, range } = places.get(split.id)!;
    const { columns, maxBytes, signal, after } = options;
    const specs = columns ? source.specs.filter((s) => columns.includes(s.name)) : source.specs;
    const pages = readPages({
      key: source.key,
      schema: columns ? new Schema(specs.map(toArrowField)) : source.schema,
      range,
      filter: o.filter,
      maxBytes,
      source: split.source,
      ...(after === undefined ? {} : { after: fromCursor(after, source.key.type === 'VARCHAR') }),
      ...(signal ? { signal } : {}),
      ask: (page) => source.page(partition, page),
    });
    try {
      const shown = yield* pages;
      ended.set(split.id, { source: split.source, counted: split.rows, shown });
    } catch (thrown) {
      throw sourceError(thrown);
    }
  }

  return {
    schema: source.schema,
    info: [describe(source, splits)],
    warnings: [
      ...o.info.functions.map((name) => `the function "${name}" of "${o.info.name}" is not carried over`),
      ...fieldWarnings(o.info, source.specs),
    ],
    lateWarnings: () => differences(ended.values()),
    parallelSplits: source.parallel,
    splits: async () => splits,
    read,
    [Symbol.asyncDispose]: o.close,
  };
}
