import type { Schema } from 'apache-arrow';
import { backupPrefix } from '../../backup/layout.js';
import { collectionFolder, decodeCollection, encodeCollection, type LogicalPart } from '../../backup/logical.js';
import { decodePartNote, encodePartNote, type PartNote } from '../../backup/part-note.js';
import { specsOf } from '../../batch/fields.js';
import type { ObjectStore } from '../../store/types.js';
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

/** The complete parts of a partition that an earlier run has left, in their order. */
export async function notedParts(place: CollectionPlace, safePartition: string): Promise<PartNote[]> {
  const { store, folder } = place;
  const found = new Set<string>();
  for await (const { key } of store.list(`${folder}${safePartition}.`)) found.add(key);
  const parts: PartNote[] = [];
  for (let number = 1; ; number++) {
    const key = partKey(place, safePartition, number);
    if (!found.has(key) || !found.has(noteKey(key))) return parts;
    parts.push(decodePartNote(await store.read(noteKey(key)), `${noteKey(key)} in ${store.name}`));
  }
}

/** The parts of every partition, where an earlier run has completed the collection and died then. */
export async function completedParts(
  { store, folder }: CollectionPlace,
  fileName: string,
): Promise<ReadonlyMap<string, readonly LogicalPart[]> | undefined> {
  const key = `${folder}${fileName}`;
  for await (const found of store.list(key)) {
    if (found.key !== key) continue;
    const { partitions } = decodeCollection(await store.read(key), `${key} in ${store.name}`);
    return new Map(partitions.map(({ name, parts }) => [name, parts]));
  }
  return undefined;
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
