import type { MilvusType } from '../../batch/fields.js';
import { checkSegments } from './check-segments.js';
import type { LegacyCollection, LegacyPart } from './metadata.js';
import { createNotes, listPlaces, type Notes } from './notes.js';
import { assertPlainName } from './place.js';
import { oldIndexOf, type Shape, shapeOf } from './settings.js';
import { type LegacyFolder, type OpenedFolder, openFolder } from './source.js';
import { countUnflushed, type Unflushed } from './unflushed.js';

export interface LegacyPartitionInfo {
  /** The original tag, or `_default`. */
  readonly name: string;
  readonly segments: number;
  /** Live rows of the segments. */
  readonly rows: number;
  readonly deletedRows: number;
  /** Of the live rows: ids and vectors. */
  readonly bytes: number;
  /** Segments of the metadata with missing or damaged files. */
  readonly badSegments: number;
  /** Rows and deleted ids that only the log of the old server holds. */
  readonly unflushedRows: number;
  readonly unflushedDeletes: number;
}

export interface LegacyCollectionInfo {
  readonly name: string;
  readonly dim: number;
  readonly vectorType: MilvusType;
  readonly metric: string;
  /** As the old server called it, with its parameters. */
  readonly index: string;
  /** Who gave the ids; undefined while nothing was inserted. */
  readonly ids: 'server' | 'user' | undefined;
  readonly rows: number;
  readonly deletedRows: number;
  readonly bytes: number;
  readonly partitions: readonly LegacyPartitionInfo[];
}

/** What a folder of an old Milvus holds. */
export interface LegacyInspection {
  /** The `db` folder. */
  readonly path: string;
  readonly format: 'legacy';
  /** Where the metadata was read. */
  readonly metadata: string;
  readonly collections: readonly LegacyCollectionInfo[];
  readonly warnings: readonly string[];
}

const ID_BYTES = 8;

async function inspectPart(
  collection: LegacyCollection,
  part: LegacyPart,
  o: { roots: readonly string[]; shape: Shape; unflushed: Unflushed; notes: Notes },
): Promise<LegacyPartitionInfo> {
  const rows = part.tables.flatMap((table) => table.segments.map((row) => ({ table, row })));
  for (const { table, row } of rows) {
    assertPlainName(table.tableId, 'a collection or partition');
    assertPlainName(row.id, `a segment of ${table.tableId}`);
  }
  const { roots, shape, notes } = o;
  const checked = await checkSegments(rows, { roots, rowBytes: shape.rowBytes, gone: undefined }, notes);
  for (const { id, missing } of checked.missing) notes.add('segments without their files', `${id} (${missing})`);
  for (const { message } of checked.damaged) notes.add('damaged segments', message);
  const sound = checked.segments;
  const live = sound.reduce((sum, { liveRows }) => sum + liveRows, 0);
  const inLog = o.unflushed.parts.find(({ collection: name, tag }) => name === collection.name && tag === part.tag);
  return {
    name: part.tag,
    segments: rows.length,
    rows: live,
    deletedRows: sound.reduce((sum, segment) => sum + segment.rows - segment.liveRows, 0),
    bytes: live * (shape.rowBytes + ID_BYTES),
    badSegments: rows.length - sound.length,
    unflushedRows: inLog?.rows ?? 0,
    unflushedDeletes: inLog?.deletes ?? 0,
  };
}

async function inspectCollection(
  collection: LegacyCollection,
  { place }: OpenedFolder,
  unflushed: Unflushed,
): Promise<{ info: LegacyCollectionInfo; warnings: string[] }> {
  const shape = shapeOf(collection);
  const notes = createNotes();
  const partitions: LegacyPartitionInfo[] = [];
  for (const part of collection.parts) {
    partitions.push(await inspectPart(collection, part, { roots: place.tables, shape, unflushed, notes }));
  }
  const sum = (of: (part: LegacyPartitionInfo) => number): number =>
    partitions.reduce((all, part) => all + of(part), 0);
  const params = ['', '{}'].includes(collection.indexParams) ? '' : ` ${collection.indexParams}`;
  const info: LegacyCollectionInfo = {
    name: collection.name,
    dim: shape.dim,
    vectorType: shape.binary ? 'BINARY_VECTOR' : 'FLOAT_VECTOR',
    metric: shape.metric,
    index: oldIndexOf(collection) + params,
    ids: collection.flag === 0 ? undefined : (collection.flag & 1) === 1 ? 'server' : 'user',
    rows: sum(({ rows }) => rows),
    deletedRows: sum(({ deletedRows }) => deletedRows),
    bytes: sum(({ bytes }) => bytes),
    partitions,
  };
  return { info, warnings: notes.lines.map((line) => `collection "${collection.name}": ${line}`) };
}

/**
 * Says what a folder of Milvus 0.7 to 1.1 holds: every collection with its partitions, live and deleted rows, and what
 * only the log has. Missing and damaged segments are counted and named in the warnings, not thrown. Throws SRC_* when the
 * folder or its metadata cannot be read.
 */
export async function inspectLegacy(path: string, options: Omit<LegacyFolder, 'path'> = {}): Promise<LegacyInspection> {
  const folder = await openFolder({ path, ...options });
  const { collections: all, warnings } = folder.metadata;
  const unflushed: Unflushed = folder.log ? await countUnflushed(folder.log, all) : { parts: [], damage: undefined };
  const found = [];
  for (const collection of all) found.push(await inspectCollection(collection, folder, unflushed));
  const strange = unflushed.parts
    .filter(({ others }) => others > 0)
    .map(({ collection, tag }) => `"${collection}"/"${tag}"`);
  return {
    path: folder.place.db,
    format: 'legacy',
    metadata: folder.metaLabel,
    collections: found.map(({ info }) => info),
    warnings: [
      ...warnings,
      ...found.flatMap((one) => one.warnings),
      ...(folder.log?.warnings ?? []),
      ...(strange.length === 0 ? [] : [`records of an unknown kind in the log: ${listPlaces(strange)}`]),
      ...(unflushed.damage ? [`the log cannot be read to its end: ${unflushed.damage.message}`] : []),
    ],
  };
}
