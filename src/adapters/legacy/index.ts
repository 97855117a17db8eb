import { type Choice, choose } from '../../config/selection.js';
import type { LegacySource } from '../../config/types.js';
import { fail } from '../../util/errors.js';
import type { Catalog, SourceCollection } from '../types.js';
import type { Log } from './log-files.js';
import type { LegacyCollection } from './metadata.js';
import { listPlaces } from './notes.js';
import { assertPlainName } from './place.js';
import { openReader } from './reader.js';
import { type FieldNames, settingsOf } from './settings.js';
import { openFolder } from './source.js';
import { type FoundSplits, findSplits, type ReaderSource } from './splits.js';
import { countUnflushed, describeUnflushed, type Unflushed } from './unflushed.js';

export type { LegacyCollectionInfo, LegacyInspection, LegacyPartitionInfo } from './inspect.js';
export { inspectLegacy } from './inspect.js';
export { isLegacy } from './place.js';
export type { LegacyFolder } from './source.js';

const FLUSH_FIRST =
  'Start the old server on the folder and flush its collections, or set unflushed: include to read them from the log.';

/** The collections as selected, each with its selected partitions. */
function narrow(all: readonly LegacyCollection[], { chosen }: Choice): LegacyCollection[] {
  const byName = new Map(all.map((collection) => [collection.name, collection]));
  return chosen.map(({ name, partitions }) => {
    const collection = byName.get(name)!;
    return { ...collection, parts: collection.parts.filter(({ tag }) => partitions.includes(tag)) };
  });
}

/** What the metadata names must not lead out of the folder. */
function assertSafe(collections: readonly LegacyCollection[]): void {
  for (const { parts } of collections) {
    for (const { tableId, segments } of parts.flatMap(({ tables }) => tables)) {
      assertPlainName(tableId, 'a collection or partition');
      for (const { id } of segments) assertPlainName(id, `a segment of ${tableId}`);
    }
  }
}

function assertIncludable(folder: string, { parts, damage }: Unflushed): void {
  if (damage) throw damage;
  const strange = parts.filter(({ others }) => others > 0);
  if (strange.length === 0) return;
  const places = listPlaces(strange.map(describeUnflushed));
  throw fail('SRC_UNSUPPORTED', `${folder} holds records that cannot be read: ${places}`, {
    hint: 'Start the old server on the folder and flush its collections.',
  });
}

/** What to say of rows that only the log holds. Throws SRC_UNFLUSHED where they are not to be left behind. */
async function judgeLog(
  log: Log | undefined,
  collections: readonly LegacyCollection[],
  mode: LegacySource['unflushed'],
): Promise<{ found: Unflushed; lines: string[] }> {
  if (!log) {
    const missing =
      'there is no folder `wal` beside `db`: whether rows are in the log of the old server only cannot be told';
    return { found: { parts: [], damage: undefined }, lines: mode === 'warn' ? [] : [missing] };
  }
  const found = await countUnflushed(log, collections);
  if (mode === 'include') assertIncludable(log.folder, found);
  const broken = found.damage ? [`the log of the old server cannot be read to its end: ${found.damage.message}`] : [];
  const places = listPlaces(found.parts.map(describeUnflushed));
  if (mode === 'error' && (found.parts.length > 0 || broken.length > 0)) {
    const what = found.parts.length > 0 ? `${log.folder} holds what no segment has yet: ${places}` : broken[0]!;
    throw fail('SRC_UNFLUSHED', what, { hint: FLUSH_FIRST });
  }
  const lines = [...log.warnings, ...broken];
  if (found.parts.length === 0) return { found, lines };
  const included = `read from the log of the old server: ${places}`;
  const left = `only in the log of the old server, and left out: ${places}. ${FLUSH_FIRST}`;
  return { found, lines: [...lines, mode === 'include' ? included : left] };
}

/** The log of a collection where it is to be read, with the partitions that it has anything of. */
function includedLog(
  name: string,
  source: LegacySource,
  log: Log | undefined,
  { parts }: Unflushed,
): ReaderSource['unflushed'] {
  if (source.unflushed !== 'include' || !log) return undefined;
  return { log, tags: new Set(parts.filter(({ collection }) => collection === name).map(({ tag }) => tag)) };
}

/**
 * Opens the folder of a Milvus 0.7 to 1.1, narrowed to the selection; only metadata and the heads of the log's records
 * are read, and nothing is ever written there. Segments are checked by `check`, or when a collection is opened.
 * Throws NOTHING_MATCHED for a selection that fits nothing, SRC_UNSUPPORTED for folders of 0.6 or older and of 0.11,
 * SRC_UNFLUSHED where asked to, and other SRC_* errors. With `include` at most 1,048,576 different ids that the log
 * deletes from one partition are held (48 MiB); more are refused.
 */
export async function openLegacy(source: LegacySource, names: FieldNames): Promise<Catalog> {
  const folder = await openFolder(source);
  const { collections: all, warnings: metaWarnings } = folder.metadata;
  const offers = all.map(({ name, parts }) => ({ name, partitions: parts.map(({ tag }) => tag) }));
  const choice = choose(offers, source.select, source.exclude);
  const selected = narrow(all, choice);
  assertSafe(selected);
  const described = selected.map((collection) => settingsOf(collection, names));
  const { found, lines } = await judgeLog(folder.log, selected, source.unflushed);
  const collections = selected.map((collection, i): SourceCollection => {
    const { path, onMissingSegment } = source;
    const unflushed = includedLog(collection.name, source, folder.log, found);
    const from: ReaderSource = { collection, path, roots: folder.place.tables, onMissingSegment, unflushed };
    // What was checked is what is opened: the files are looked at once, and reading notices when they change.
    let splits: Promise<FoundSplits> | undefined;
    const find = (): Promise<FoundSplits> => {
      splits ??= findSplits(from);
      return splits;
    };
    return {
      name: collection.name,
      settings: described[i]!.settings,
      check: async () => void (await find()),
      open: async () => openReader(from, names, await find()),
    };
  });
  return {
    collections,
    warnings: [...metaWarnings, ...choice.warnings, ...described.flatMap(({ warnings }) => warnings), ...lines],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
