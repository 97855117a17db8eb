import type { ObjectStore, StoreOptions } from '../store/types.js';
import { formatCount } from '../util/bytes.js';
import { fail } from '../util/errors.js';
import { allSettled, createPool } from '../util/pool.js';
import { type MetadataPlace, metadataFolderPlace, metadataPlace } from './layout.js';
import { locatorOf } from './locate.js';
import { decodeManifest, LARGEST_MANIFEST } from './manifest.js';
import { decodeMetadata, LARGEST_METADATA } from './metadata.js';
import type { SegmentManifest, SnapshotMetadata } from './types.js';

/** Manifests that are read at a time. */
const AT_ONCE = 16;

/** A metadata file that has been read. */
export interface SnapshotFile {
  readonly key: string;
  /** For messages: key and store. */
  readonly where: string;
  readonly place: MetadataPlace;
  readonly metadata: SnapshotMetadata;
}

/** A snapshot with its segments; the paths of insert and delta logs are keys of its store. */
export interface OpenSnapshot extends SnapshotFile {
  readonly segments: readonly SegmentManifest[];
  /** Keys of their manifests. */
  readonly manifests: readonly string[];
}

export interface OpenSnapshotOptions extends StoreOptions {
  /** What the root is called by those who wrote the files, with "/" at its end; for files that do not say it themselves. */
  readonly now?: string;
}

function idsText(ids: readonly bigint[]): string {
  const more = ids.length - 3;
  return ids.slice(0, 3).join(', ') + (more > 0 ? ` and ${formatCount(more)} more` : '');
}

/** Metadata and manifests that do not belong together are of different snapshots, or one of them is damaged. */
function requireSame(
  where: string,
  { segment_ids: ids }: SnapshotMetadata,
  segments: readonly SegmentManifest[],
): void {
  const read = new Set(segments.map(({ segment_id: id }) => id));
  if (read.size < segments.length) throw fail('SRC_CORRUPT', `${where} has several manifests of one segment`);
  if (ids.length === 0) return;
  const said = new Set(ids);
  const missing = [...said].filter((id) => !read.has(id));
  const extra = [...read].filter((id) => !said.has(id));
  const parts = [
    ...(missing.length > 0 ? [`lists segment ${idsText(missing)} without a manifest`] : []),
    ...(extra.length > 0 ? [`has a manifest of segment ${idsText(extra)}, which it does not list`] : []),
  ];
  if (parts.length > 0) throw fail('SRC_CORRUPT', `${where} ${parts.join(', and ')}`);
}

function requirePlace(file: Omit<SnapshotFile, 'key'>): void {
  const { metadata, place, where } = file;
  const { collection_id: id } = metadata.snapshot_info;
  if (id === place.collection) return;
  throw fail('SRC_CORRUPT', `${where} is of collection ${id}, its place that of collection ${place.collection}`);
}

/** Sizes of objects: the folders that they are in are listed. */
async function sizesOf(store: ObjectStore, keys: readonly string[], o: StoreOptions): Promise<Map<string, number>> {
  const folders = new Set(keys.map((key) => key.slice(0, key.lastIndexOf('/') + 1)));
  const wanted = new Set(keys);
  const sizes = new Map<string, number>();
  for (const folder of folders) {
    for await (const { key, size } of store.list(folder, o)) if (wanted.has(key)) sizes.set(key, size);
  }
  return sizes;
}

/** Reads an object that must not be longer than anything of its kind. Throws SRC_NOT_FOUND, SRC_UNSUPPORTED. */
async function readSmall(
  store: ObjectStore,
  key: string,
  size: number | undefined,
  most: number,
  o: StoreOptions,
): Promise<Uint8Array> {
  if (size === undefined) {
    throw fail('SRC_NOT_FOUND', `there is no ${key} in ${store.name}`, {
      hint: 'Copy the snapshot again, with all that is below `snapshots` and, in a bundle, below `files`.',
    });
  }
  if (size <= most) return await store.read(key, o);
  const [have, need] = [formatCount(size), formatCount(most)];
  throw fail('SRC_UNSUPPORTED', `${key} in ${store.name} has ${have} bytes, at most ${need} are read of such a file`);
}

/**
 * Reads a snapshot's metadata file. Throws SRC_NOT_FOUND, SRC_CORRUPT, SRC_UNSUPPORTED (newer versions) and STORE_*. The store
 * stays the caller's.
 * @param key `.../snapshots/<collection>/metadata/<id>.json`
 */
export async function readSnapshotFile(store: ObjectStore, key: string, o: StoreOptions = {}): Promise<SnapshotFile> {
  const where = `${key} in ${store.name}`;
  const place = metadataPlace(key);
  if (!place) {
    throw fail('SRC_UNSUPPORTED', `${where} is not where a snapshot's metadata is`, {
      hint: 'Its place is snapshots/COLLECTION/metadata/ID.json below the root of the snapshot: copy the whole folder.',
    });
  }
  const sizes = await sizesOf(store, [key], o);
  const metadata = decodeMetadata(await readSmall(store, key, sizes.get(key), LARGEST_METADATA, o), where);
  const file = { key, where, place, metadata };
  requirePlace(file);
  return file;
}

/** Reads the manifests of a snapshot, too. Throws what {@link readSnapshotFile} throws. */
export async function openSnapshot(
  store: ObjectStore,
  file: SnapshotFile,
  o: OpenSnapshotOptions = {},
): Promise<OpenSnapshot> {
  const { metadata, where, place } = file;
  const locator = locatorOf(metadata, place, o.now ?? place.root);
  const manifests = metadata.manifest_list.map((path) => locator.manifest(path, where));
  const sizes = await sizesOf(store, manifests, o);
  const pool = createPool(AT_ONCE);
  const read = async (key: string): Promise<SegmentManifest> => {
    const bytes = await readSmall(store, key, sizes.get(key), LARGEST_MANIFEST, o);
    const from = `${key} in ${store.name}`;
    return locator.segment(decodeManifest(bytes, metadata.format_version, from), from);
  };
  const segments = await allSettled(manifests.map((key) => pool(() => read(key))));
  requireSame(where, metadata, segments);
  return { ...file, segments, manifests };
}

/**
 * The metadata files below a prefix, which is that of one, a folder of them, or the root that `snapshots` is in; in order.
 * Throws STORE_*.
 */
export async function* findSnapshots(store: ObjectStore, prefix: string, o: StoreOptions = {}): AsyncIterable<string> {
  if (metadataPlace(prefix)) {
    yield prefix;
    return;
  }
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`;
  // Nothing but metadata is listed: below the root there may be millions of files.
  const { root, collection: only } = metadataFolderPlace(folder) ?? { root: folder };
  const collections = only === undefined ? store.folders(`${root}snapshots/`, o) : [only];
  for await (const collection of collections) {
    if (!/^\d{1,19}$/.test(collection)) continue;
    for await (const { key } of store.list(`${root}snapshots/${collection}/metadata/`, o))
      if (metadataPlace(key)) yield key;
  }
}
