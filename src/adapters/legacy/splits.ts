import { fail, type MilvusdmError } from '../../util/errors.js';
import type { Split } from '../types.js';
import { checkSegments, damageOf, missingText } from './check-segments.js';
import type { IdOrdinals } from './id-ordinals.js';
import { type Log, logFingerprint } from './log-files.js';
import { countLogRows, type LogPart } from './log-rows.js';
import type { LegacyCollection, LegacyPart } from './metadata.js';
import { createNotes } from './notes.js';
import type { MissingSegment, Segment } from './segment.js';
import { type Shape, shapeOf } from './settings.js';
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
export type KnownSplit = { readonly split: Split; readonly part: LegacyPart } & (
  | { readonly segment: Segment }
  | { readonly logRows: number }
);

const ID_BYTES = 8;

/** The ids that the log deletes of a partition; undefined where the log has nothing of it. */
export type GoneOf = (part: LegacyPart, signal?: AbortSignal) => Promise<IdOrdinals | undefined>;

/** The ids that the log deletes, of the partition that was asked for last: building the map costs a pass over the log. */
export function goneCache(source: ReaderSource): GoneOf {
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

/** What the log holds of a partition, for reading it. */
export function logPart(source: ReaderSource, part: LegacyPart, gone: IdOrdinals, shape: Shape): LogPart {
  if (!source.unflushed) throw fail('INTERNAL', 'rows of a log are read without a log');
  return { log: source.unflushed.log, collection: source.collection.name, part, gone, rowBytes: shape.rowBytes };
}

/** The part of a split that is the same for rows of segments and of the log. */
function split(
  source: ReaderSource,
  part: LegacyPart,
  tableId: string,
  name: string,
  facts: Pick<Split, 'rows' | 'bytes' | 'fingerprint'>,
): Split {
  return {
    id: `${tableId}/${name}`,
    source: `${source.collection.name}/${part.tag}/${name}`,
    partition: part.tag,
    ...facts,
  };
}

async function logSplit(
  source: ReaderSource,
  log: Log,
  part: LegacyPart,
  gone: IdOrdinals,
  shape: Shape,
): Promise<KnownSplit[]> {
  const { rows: logRows, liveRows: rows } = await countLogRows(logPart(source, part, gone, shape));
  if (logRows === 0) return [];
  const facts = { rows, bytes: rows * (shape.rowBytes + ID_BYTES), fingerprint: logFingerprint(log) };
  return [{ split: split(source, part, part.tables[0].tableId, 'log', facts), part, logRows }];
}

/** Throws what is wrong with the segments; what may be left out comes back as a warning. */
function judge(source: ReaderSource, damaged: readonly MilvusdmError[], missing: readonly MissingSegment[]): string[] {
  const lost = missing.length === 0 ? undefined : missingText(source.collection.name, missing);
  const fatal = source.onMissingSegment === 'error' ? lost : undefined;
  if (damaged.length > 0) throw damageOf(damaged, fatal);
  if (fatal !== undefined) {
    throw fail('SRC_NOT_FOUND', fatal, {
      hint: 'Copy the folder again while the old server is stopped, or set on_missing_segment: skip to go on without these rows.',
    });
  }
  return lost === undefined ? [] : [`${lost}; they are left out`];
}

/** What was found of a collection. */
export interface FoundSplits {
  readonly known: readonly KnownSplit[];
  readonly warnings: readonly string[];
}

/**
 * All splits of a collection, partition by partition, once every segment was checked: sizes, headers, deleted rows.
 * Throws SRC_NOT_FOUND naming every segment that lacks files, SRC_TRUNCATED, SRC_CORRUPT, SRC_UNSUPPORTED, SRC_UNREADABLE.
 */
export async function findSplits(source: ReaderSource): Promise<FoundSplits> {
  const { collection, roots } = source;
  const shape = shapeOf(collection);
  const goneOf = goneCache(source);
  const log = source.unflushed?.log;
  const notes = createNotes();
  const known: KnownSplit[] = [];
  const missing: MissingSegment[] = [];
  const damaged: MilvusdmError[] = [];
  for (const part of collection.parts) {
    const gone = await goneOf(part);
    const rows = part.tables.flatMap((table) => table.segments.map((row) => ({ table, row })));
    const checked = await checkSegments(rows, { roots, rowBytes: shape.rowBytes, gone }, notes);
    missing.push(...checked.missing);
    damaged.push(...checked.damaged);
    for (const segment of checked.segments) {
      const facts = {
        rows: segment.liveRows,
        bytes: segment.liveRows * (shape.rowBytes + ID_BYTES),
        fingerprint: log && gone?.size ? `${segment.fingerprint}+${logFingerprint(log)}` : segment.fingerprint,
      };
      known.push({ split: split(source, part, segment.tableId, segment.id, facts), part, segment });
    }
    if (log && gone) known.push(...(await logSplit(source, log, part, gone, shape)));
  }
  const lost = judge(source, damaged, missing);
  return { known, warnings: [...lost, ...notes.lines.map((line) => `collection "${collection.name}": ${line}`)] };
}
