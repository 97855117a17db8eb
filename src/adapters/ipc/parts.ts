import type { Schema } from 'apache-arrow';
import { backupPrefix } from '../../backup/layout.js';
import { collectionFolder, decodeCollection, encodeCollection, type LogicalPart } from '../../backup/logical.js';
import { decodePartNote, encodePartNote, type PartNote } from '../../backup/part-note.js';
import { specsOf } from '../../batch/fields.js';
import type { ObjectStore } from '../../store/types.js';
import { formatCount } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import { safeFileNames } from '../../util/safe-names.js';
import type { CollectionSettings } from '../types.js';

/** Where the files of one collection go. */
export interface CollectionPlace {
  readonly store: ObjectStore;
  /** Folder of the backup in the store. */
  readonly backup: string;
  readonly db: string;
  readonly name: string;
  /** Folder of the collection, with "/" at its end. */
  readonly folder: string;
}

export function placeOf(store: ObjectStore, backup: string, db: string, name: string): CollectionPlace {
  const safe = safeFileNames([db, name]);
  return { store, backup, db, name, folder: collectionFolder(backup, safe.get(db)!, safe.get(name)!) };
}

/** Key of a part in the store. Numbers begin with 1. */
export function partKey(place: CollectionPlace, safePartition: string, number: number): string {
  return `${place.folder}${safePartition}.${String(number).padStart(4, '0')}.arrow`;
}

/** What a complete part is like, kept beside it until the whole collection is complete. */
const noteKey = (key: string): string => key.replace(/\.arrow$/, '.json');

/** Notes that a part is complete: one without a note is written again. */
export async function notePart({ store, backup }: CollectionPlace, note: PartNote): Promise<void> {
  await store.write(noteKey(backupPrefix(backup) + note.part.key), encodePartNote(note));
}

async function sizesBelow(store: ObjectStore, prefix: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, size } of store.list(prefix)) sizes.set(key, size);
  return sizes;
}

/** A part of an earlier run counts only as it was written. Its bytes are compared when the backup is verified or read. */
function requireKept({ store, backup }: CollectionPlace, sizes: ReadonlyMap<string, number>, part: LogicalPart): void {
  const key = backupPrefix(backup) + part.key;
  const size = sizes.get(key);
  if (size === part.size) return;
  const now = size === undefined ? 'is gone' : `has ${formatCount(size)} bytes, had ${formatCount(part.size)}`;
  throw fail('DST_UNFINISHED', `${key} in ${store.name}, which an earlier run of this job had completed, ${now}`);
}

/** The complete parts of a partition that an earlier run has left, in their order. Throws DST_UNFINISHED for a changed one. */
export async function notedParts(place: CollectionPlace, safePartition: string): Promise<PartNote[]> {
  const { store, folder } = place;
  const sizes = await sizesBelow(store, `${folder}${safePartition}.`);
  const parts: PartNote[] = [];
  for (let number = 1; ; number++) {
    const key = noteKey(partKey(place, safePartition, number));
    if (!sizes.has(key)) return parts;
    const note = decodePartNote(await store.read(key), `${key} in ${store.name}`);
    requireKept(place, sizes, note.part);
    parts.push(note);
  }
}

/**
 * The parts of every partition, where an earlier run has completed the collection and died then. Throws DST_UNFINISHED for a
 * changed one.
 */
export async function completedParts(
  place: CollectionPlace,
  fileName: string,
): Promise<ReadonlyMap<string, readonly LogicalPart[]> | undefined> {
  const { store, folder } = place;
  const key = `${folder}${fileName}`;
  const sizes = await sizesBelow(store, folder);
  if (!sizes.has(key)) return undefined;
  const { partitions } = decodeCollection(await store.read(key), `${key} in ${store.name}`);
  for (const part of partitions.flatMap(({ parts }) => parts)) requireKept(place, sizes, part);
  return new Map(partitions.map(({ name, parts }) => [name, parts]));
}

/** Removes everything that the collection has in the store. */
export async function clearCollection({ store, folder }: CollectionPlace): Promise<void> {
  const keys: string[] = [];
  for await (const { key } of store.list(folder)) keys.push(key);
  if (keys.length > 0) await store.remove(keys);
}

/** Writes what the collection is, now that all of its parts are complete, and removes their notes. */
export async function completeCollection(
  place: CollectionPlace,
  schema: Schema,
  settings: CollectionSettings,
  partitions: ReadonlyMap<string, readonly LogicalPart[]>,
  fileName: string,
): Promise<void> {
  const { store, folder, db, name } = place;
  const listed = [...partitions].map(([partition, parts]) => ({ name: partition, parts }));
  await store.write(
    `${folder}${fileName}`,
    encodeCollection({ db, name, fields: specsOf(schema), settings, partitions: listed, loaded: false }),
  );
  const notes = [...partitions.values()].flat().map(({ key }) => noteKey(backupPrefix(place.backup) + key));
  if (notes.length > 0) await store.remove(notes);
}
