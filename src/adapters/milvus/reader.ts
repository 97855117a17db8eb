import { Schema } from 'apache-arrow';
import { isVector, toArrowField } from '../../batch/fields.js';
import { formatCount } from '../../util/bytes.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import { CollectionQueries, type MilvusReaderOptions, sourceError } from './collection-queries.js';
import type { KeyRange } from './key-ranges.js';
import { fromCursor, readPages } from './pages.js';
import { fieldWarnings } from './read-fields.js';

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
        `${source} counts ${formatCount(counted)} rows, but its queries show ${formatCount(shown)}: ids that occur several times are shown once, the ids 2^63-1 and -2^63 never, or rows were deleted meanwhile`,
    );
}

function describe(source: CollectionQueries, splits: readonly Split[]): SourceInfo {
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
  const source = new CollectionQueries(o);
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
