import { Schema } from 'apache-arrow';
import { toArrowField } from '../../batch/fields.js';
import { throwIfAborted } from '../../util/abort.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo } from '../types.js';
import { createMemoryPool, type MemoryPool, planBatches } from './batch-memory.js';
import { logRows } from './log-rows.js';
import { listPlaces } from './notes.js';
import { deletesOf } from './segment.js';
import { segmentRows } from './segment-rows.js';
import { type FieldNames, fieldsOf, oldIndexOf, type Shape, shapeOf } from './settings.js';
import { type FoundSplits, type GoneOf, goneCache, type KnownSplit, logPart, type ReaderSource } from './splits.js';

function infoOf(source: ReaderSource, shape: Shape, names: FieldNames, known: readonly KnownSplit[]): SourceInfo {
  const { collection, path } = source;
  const rows = known.reduce((sum, { split }) => sum + split.rows, 0);
  const stored = known.reduce((sum, one) => sum + ('segment' in one ? one.segment.rows : one.logRows), 0);
  const segments = known.filter((one) => 'segment' in one).length;
  const params = collection.indexParams === '' ? '' : ` ${collection.indexParams}`;
  return {
    path: `${path}: ${collection.name}`,
    format: 'legacy',
    kind: 'collection of Milvus 0.7 to 1.1',
    rows,
    dim: shape.dim,
    vectorType: shape.binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR',
    metric: shape.metric,
    ids: 'stored',
    bytes: known.reduce((sum, { split }) => sum + split.bytes, 0),
    fields: fieldsOf(shape, names),
    details: [
      `index: ${oldIndexOf(collection)}${params}`,
      `partitions: ${listPlaces(collection.parts.map(({ tag }) => tag))}`,
      `${plural(segments, 'segment')}, ${plural(stored - rows, 'deleted row')}`,
    ],
  };
}

async function* readSplit(
  known: KnownSplit,
  source: ReaderSource,
  o: { schema: Schema; names: FieldNames; shape: Shape; pool: MemoryPool; goneOf: GoneOf },
  options: ReadOptions,
): AsyncGenerator<ReadBatch> {
  throwIfAborted(options.signal);
  const gone = await o.goneOf(known.part, options.signal);
  const plan = (rows: number, keepIds: boolean) =>
    planBatches(o.schema, o.names, o.shape, { maxBytes: options.maxBytes, columns: options.columns, rows, keepIds });
  if ('segment' in known) {
    const { deleted } = await deletesOf(known.segment, gone);
    yield* segmentRows(known.segment, deleted, plan(known.segment.rows, false), options, o.pool);
  } else if (gone) {
    yield* logRows(
      logPart(source, known.part, gone, o.shape),
      known.logRows,
      plan(known.logRows, true),
      options,
      o.pool,
    );
  }
}

/**
 * The rows of a collection whose splits were found, and thereby checked. No file stays open between reads. Batches share the
 * reader's memory. Reading throws SRC_CHANGED, SRC_TRUNCATED, SRC_CORRUPT, SRC_UNREADABLE. The one who opens it disposes of
 * it.
 */
export function openReader(source: ReaderSource, names: FieldNames, { known, warnings }: FoundSplits): Reader {
  const shape = shapeOf(source.collection);
  const schema = new Schema(fieldsOf(shape, names).map(toArrowField));
  const goneOf = goneCache(source);
  const byId = new Map(known.map((one) => [one.split.id, one]));
  const pool = createMemoryPool();
  return {
    schema,
    info: [infoOf(source, shape, names, known)],
    warnings,
    splits: () => Promise.resolve(known.map(({ split }) => split)),
    read(split, options) {
      const found = byId.get(split.id);
      if (!found) throw fail('INTERNAL', `the legacy reader has no split "${split.id}"`);
      return readSplit(found, source, { schema, names, shape, pool, goneOf }, options);
    },
    [Symbol.asyncDispose]() {
      pool.drop();
      return Promise.resolve();
    },
  };
}
