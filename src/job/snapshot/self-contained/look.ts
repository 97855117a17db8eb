import { snapshotCollection } from '../../../snapshot/collection.js';
import { type OpenSnapshot, openSnapshot, readSnapshotFile, type SnapshotFile } from '../../../snapshot/open.js';
import { fail, toMilvusdmError } from '../../../util/errors.js';
import { shapeOf } from '../shape.js';
import type { SnapshotDetails, SnapshotInfo, SnapshotRef } from '../types.js';
import type { Keeping } from './keeping.js';
import { bundles } from './layout.js';
import { readSideFile, type SideFile } from './side-file.js';

const DEFAULT_DB = 'default';
const COUNTER_BITS = 18n;

/** A snapshot that is whole. */
export interface Kept {
  readonly ref: SnapshotRef;
  /** What all its keys begin with. */
  readonly bundle: string;
  readonly file: SnapshotFile;
  readonly side: SideFile | undefined;
}

async function look({ store, o }: Keeping, bundle: string, key: string): Promise<Kept> {
  const file = await readSnapshotFile(store, key, { signal: o.signal });
  const { schema } = file.metadata.collection;
  if (!schema) throw fail('SRC_CORRUPT', `${file.where} has no schema`);
  const ref = { db: schema.dbName || DEFAULT_DB, collection: schema.name, name: file.metadata.snapshot_info.name };
  return { ref, bundle, file, side: await readSideFile(store, bundle, { signal: o.signal }) };
}

async function isThere({ store, o }: Keeping, key: string): Promise<boolean> {
  for await (const found of store.list(key, { signal: o.signal })) if (found.key === key) return true;
  return false;
}

/** All whole snapshots of a store, in the order of their making. One that cannot be read is told of and left out. */
export async function everyKept(
  keeping: Keeping,
  of: { readonly db?: string; readonly collection?: string },
): Promise<Kept[]> {
  const { store, o } = keeping;
  const found: Kept[] = [];
  for await (const { bundle, metadata } of bundles(store, undefined, { signal: o.signal })) {
    if (metadata === undefined) continue;
    try {
      found.push(await look(keeping, bundle, metadata));
    } catch (thrown) {
      // Dropped meanwhile: that removes its metadata first.
      if (!(await isThere(keeping, metadata))) continue;
      const { code, message } = toMilvusdmError(thrown);
      if (!code.startsWith('SRC_')) throw thrown;
      o.warn(`a snapshot cannot be read, and is left out: ${message}`);
    }
  }
  return found
    .filter(
      ({ ref }) =>
        (of.db === undefined || of.db === ref.db) && (of.collection === undefined || of.collection === ref.collection),
    )
    .sort((a, b) => (idOf(a) < idOf(b) ? -1 : 1));
}

const idOf = ({ file }: Kept): bigint => file.metadata.snapshot_info.id;

/** Throws SNAPSHOT_NOT_FOUND. */
export async function findKept(keeping: Keeping, ref: SnapshotRef): Promise<Kept> {
  const found = (await everyKept(keeping, ref)).filter((one) => one.ref.name === ref.name);
  const [only] = found;
  if (only) return only;
  const { db, collection, name } = ref;
  throw fail('SNAPSHOT_NOT_FOUND', `snapshot not found: ${db}.${collection} has none of the name "${name}"`);
}

export function openKept({ store, o, view }: Keeping, { file }: Kept): Promise<OpenSnapshot> {
  return openSnapshot(store, file, { signal: o.signal, now: `${view(file.place.root.slice(0, -1))}/` });
}

/** In the order of their making. */
function partitionNames(partitions: Readonly<Record<string, bigint>>): string[] {
  const pairs = Object.entries(partitions).sort(([, a], [, b]) => (a < b ? -1 : 1));
  return pairs.map(([name]) => name);
}

export function infoOf({ view }: Keeping, { ref, file, side }: Kept): SnapshotInfo {
  const { snapshot_info: head, collection, segment_ids: ids } = file.metadata;
  return {
    db: ref.db,
    collection: ref.collection,
    name: ref.name,
    kind: 'self-contained',
    description: head.description,
    partitions: partitionNames(collection.partitions),
    created: Number(head.create_ts >> COUNTER_BITS),
    location: view(file.key),
    ...(side ? { rows: BigInt(side.rows), bytes: side.bytes } : {}),
    segments: side?.segments ?? ids.length,
    pins: head.pin_ids.length,
  };
}

/** With what the manifests say; they are read. */
export async function detailsOf(keeping: Keeping, kept: Kept): Promise<SnapshotDetails> {
  const opened = await openKept(keeping, kept);
  const collection = snapshotCollection(opened);
  const segments = opened.segments.length;
  const rows = opened.segments.reduce((sum, { num_of_rows }) => sum + num_of_rows, 0n);
  return {
    ...infoOf(keeping, kept),
    rows,
    bytes: collection.size,
    segments,
    shape: { ...shapeOf(collection), source: 'snapshot' },
  };
}
