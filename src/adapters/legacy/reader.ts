import { Schema } from 'apache-arrow';
import { toArrowField } from '../../batch/fields.js';
import { throwIfAborted } from '../../util/abort.js';
import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { ReadBatch, Reader, ReadOptions, SourceInfo, Split } from '../types.js';
import { createMemoryPool, type MemoryPool, planBatches } from './batch-memory.js';
import { assertUndamaged, checkSegments, missingText } from './check-segments.js';
import type { IdOrdinals } from './id-ordinals.js';
import { type Log, logFingerprint } from './log-files.js';
import { countLogRows, type LogPart, logRows } from './log-rows.js';
import type { LegacyCollection, LegacyPart } from './metadata.js';
import { createNotes, listPlaces } from './notes.js';
import { deletesOf, type Segment } from './segment.js';
import { segmentRows } from './segment-rows.js';
import { type FieldNames, fieldsOf, oldIndexOf, type Shape, shapeOf } from './settings.js';
import { deletedByLog } from './unflushed.js';

/** What a reader of one collection is opened with. */
export interface ReaderSource {
  /** With the selected partitions only. */
  readonly collection: LegacyCollection;
  readonly path: string;
  /** Folders of `tables`. */
  readonly roots: readonly string[];
  readonly onMissingSegment: 'error' | 'skip';
  /** The log and the partitions of which it has what no segment has, where that is to be read too. */
  readonly unflushed: { readonly log: Log; readonly tags: ReadonlySet<string> } | undefined;
}

/** A split and where its rows are. */
type Known = { readonly split: Split; readonly part: LegacyPart } & (
  | { readonly segment: Segment }
  | { readonly logRows: number }
);

const ID_BYTES = 8;

/** The ids that the log deletes, of the partition that was asked for last: building the map costs a pass over the log. */
function goneCache(source: ReaderSource) {
  let last: { part: LegacyPart; gone: Promise<IdOrdinals> } | undefined;
  return async (part: LegacyPart, signal?: AbortSignal): Promise<IdOrdinals | undefined> => {
    const { unflushed, collection } = source;
    if (!unflushed?.tags.has(part.tag)) return undefined;
    if (last?.part === part) return last.gone;
    const gone = deletedByLog(unflushed.log, collection.name, part, signal);
    const entry = { part, gone };
    last = entry;
    // A pass that was interrupted leaves nothing to build on.
    gone.catch(() => {
      if (last === entry) last = undefined;
    });
    return gone;
  };
}

type GoneOf = ReturnType<typeof goneCache>;

function logPart(source: ReaderSource, part: LegacyPart, gone: IdOrdinals, shape: Shape): LogPart {
  if (!source.unflushed) throw fail('INTERNAL', 'rows of a log are read without a log');
  return { log: source.unflushed.log, collection: source.collection.name, part, gone, rowBytes: shape.rowBytes };
}

/** All splits of a collection, partition by partition, its segments checked. */
async function findSplits(
  source: ReaderSource,
  shape: Shape,
  goneOf: GoneOf,
): Promise<{ known: Known[]; warnings: string[] }> {
  const { collection, roots } = source;
  const log = source.unflushed?.log;
  const notes = createNotes();
  const rowSize = shape.rowBytes + ID_BYTES;
  const known: Known[] = [];
  const missing = [];
  for (const part of collection.parts) {
    const gone = await goneOf(part);
    const rows = part.tables.flatMap((table) => table.segments.map((row) => ({ table, row })));
    const checked = await checkSegments(rows, { roots, rowBytes: shape.rowBytes, gone }, notes);
    assertUndamaged(checked);
    missing.push(...checked.missing);
    const place = { partition: part.tag };
    for (const segment of checked.segments) {
      const split: Split = {
        id: `${segment.tableId}/${segment.id}`,
        source: `${collection.name}/${part.tag}/${segment.id}`,
        ...place,
        rows: segment.liveRows,
        bytes: segment.liveRows * rowSize,
        fingerprint: log && gone?.size ? `${segment.fingerprint}+${logFingerprint(log)}` : segment.fingerprint,
      };
      known.push({ split, part, segment });
    }
    if (!log || !gone) continue;
    const counted = await countLogRows(logPart(source, part, gone, shape));
    if (counted.rows === 0) continue;
    const split: Split = {
      id: `${part.tables[0].tableId}/log`,
      source: `${collection.name}/${part.tag}/log`,
      ...place,
      rows: counted.liveRows,
      bytes: counted.liveRows * rowSize,
      fingerprint: logFingerprint(log),
    };
    known.push({ split, part, logRows: counted.rows });
  }
  const lost = missing.length === 0 ? [] : [missingText(collection.name, missing)];
  if (source.onMissingSegment === 'error' && lost[0] !== undefined) {
    throw fail('SRC_NOT_FOUND', lost[0], {
      hint: 'Copy the folder again while the old server is stopped, or set on_missing_segment: skip to go on without these rows.',
    });
  }
  const lines = notes.lines.map((line) => `collection "${collection.name}": ${line}`);
  return { known, warnings: [...lost.map((text) => `${text}; they are left out`), ...lines] };
}

function infoOf(source: ReaderSource, shape: Shape, names: FieldNames, known: readonly Known[]): SourceInfo {
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
  known: Known,
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
 * Opens the rows of a collection with a split per segment, and one per partition for what only the log holds. All segments
 * are checked: sizes, headers, deleted rows. No file stays open between reads. Batches share the reader's memory.
 * Throws SRC_NOT_FOUND (naming every segment that lacks files), SRC_TRUNCATED, SRC_CORRUPT, SRC_UNSUPPORTED, SRC_UNREADABLE,
 * SRC_CHANGED. The one who opens it disposes of it.
 */
export async function openReader(source: ReaderSource, names: FieldNames): Promise<Reader> {
  const shape = shapeOf(source.collection);
  const schema = new Schema(fieldsOf(shape, names).map(toArrowField));
  const goneOf = goneCache(source);
  const { known, warnings } = await findSplits(source, shape, goneOf);
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
