import { randomInt } from 'node:crypto';
import type { CollectionBackupInfo, FieldBinlogInfo } from '../../../backup/types.js';
import { placeSegments } from '../../../segments/assemble.js';
import { type DescribedCollection, describeCollections } from '../../../segments/describe.js';
import { fullName } from '../../../segments/server.js';
import { draftFiles, type SnapshotFiles, segmentsOfCollection } from '../../../snapshot/from-collection.js';
import { FILES, metadataKey, metadataPlace } from '../../../snapshot/layout.js';
import { encodeManifest } from '../../../snapshot/manifest.js';
import { encodeMetadata } from '../../../snapshot/metadata.js';
import { anySignal } from '../../../util/abort.js';
import { fail, type MilvusdmError } from '../../../util/errors.js';
import { allSettled, createPool } from '../../../util/pool.js';
import { packageVersion } from '../../../util/version.js';
import type { CopiedCollection } from '../../backup/copy-collection.js';
import { lockServer } from '../../backup/server-lock.js';
import { settleFiles } from '../../backup/settle.js';
import type { CreateSnapshot, SnapshotInfo } from '../types.js';
import { canLink, copyToBundle } from './copy.js';
import { dropBundle } from './drop.js';
import type { Keeping } from './keeping.js';
import { bundleLayout, bundleOf, bundles, collectionLocks, fileKey } from './layout.js';
import { everyKept, infoOf, type Kept } from './look.js';
import { type SideFile, writeSideFile } from './side-file.js';

/** Manifests that are written at a time. */
const WRITES = 16;
const COUNTER_BITS = 18n;

/** A snapshot on its way. */
interface Making {
  readonly keeping: Keeping;
  readonly request: CreateSnapshot;
  readonly collection: DescribedCollection;
  readonly id: bigint;
  readonly bundle: string;
  readonly started: Date;
  readonly linked: boolean;
  readonly signal: AbortSignal;
}

async function describe(keeping: Keeping, { db, collection: name }: CreateSnapshot): Promise<DescribedCollection> {
  const [found] = await describeCollections(await keeping.server(), [{ db, name }], '');
  if (found) return found;
  throw fail('NOTHING_MATCHED', `there is no collection "${db}.${name}"`, {
    hint: 'A collection goes by its own name, not by an alias. `milvusdm snapshot list` shows what snapshots there are.',
  });
}

/** What was begun and cut short: whoever has the lock of the collection is the only one who creates. */
async function clearUnfinished(keeping: Keeping, collection: bigint): Promise<void> {
  const { store, o } = keeping;
  for await (const { bundle, metadata } of bundles(store, collection, { signal: o.signal })) {
    if (metadata !== undefined) continue;
    o.log(`${bundle} in ${store.name} has files of a snapshot that was never completed: they are removed`);
    await dropBundle(store, bundle, undefined);
  }
}

/** The collection with its segments, whose files have the keys of their copies. */
function placed({ keeping, bundle, collection }: Making, { capture }: CopiedCollection): CollectionBackupInfo {
  const moved = (groups: readonly FieldBinlogInfo[]): FieldBinlogInfo[] =>
    groups.map((group) => ({
      ...group,
      binlogs: group.binlogs.map((log) => ({ ...log, log_path: fileKey(bundle, log.log_path) })),
    }));
  const segments = capture.segments.map((one) => ({
    ...one,
    group_id: 0n,
    binlogs: moved(one.binlogs),
    deltalogs: moved(one.deltalogs),
  }));
  const { info, stray } = placeSegments(collection.info, segments);
  if (stray.length > 0) {
    const ids = stray.map(({ segment_id }) => segment_id).join(', ');
    keeping.o.warn(
      `"${fullName(collection.of)}": segments ${ids} are of partitions that were dropped or made meanwhile, and are left out`,
    );
  }
  return info;
}

function sideOf(making: Making, info: CollectionBackupInfo, version: string, files: number): SideFile {
  const segments = segmentsOfCollection(info);
  return {
    version: 1,
    tool: packageVersion(),
    milvus_version: version,
    started: making.started.toISOString(),
    ended: new Date().toISOString(),
    rows: String(segments.reduce((sum, { num_of_rows }) => sum + num_of_rows, 0)),
    bytes: info.size,
    segments: segments.length,
    files,
    linked: making.linked,
    flushed: making.request.flush,
  };
}

/** The metadata file is the commit mark: before it is there nobody sees a snapshot. */
async function commit({ keeping, signal }: Making, { key, metadata, manifests }: SnapshotFiles): Promise<void> {
  const { store } = keeping;
  const pool = createPool(WRITES);
  await allSettled(
    manifests.map((one) =>
      pool(() => store.write(one.key, encodeManifest(one.manifest, metadata.format_version), { signal })),
    ),
  );
  await store.write(key, encodeMetadata(metadata), { signal });
}

/** Whichever is known: what the flush brought to the disk, or when the copying began. */
function createdAt({ ticket }: CopiedCollection, started: Date): bigint {
  return ticket && ticket.timestamp > 0n ? ticket.timestamp : BigInt(started.getTime()) << COUNTER_BITS;
}

async function make(making: Making): Promise<Kept> {
  const { keeping, request, bundle, id, signal } = making;
  const { store, view, o } = keeping;
  const { copied, copy } = await copyToBundle({ ...making, flush: request.flush });
  for (const message of copied.capture.warnings) o.warn(message);
  for (const { key, reason } of copied.capture.left) o.warn(`left out: ${key}, ${reason}`);
  const info = placed(making, copied);
  const files = segmentsOfCollection(info).flatMap((segment) => [...bundleLayout(bundle).files(segment)]);
  await settleFiles(copy, `${bundle}${FILES}`, files);
  const { name, description } = request;
  const created = createdAt(copied, making.started);
  const draft = draftFiles({ id, name, description, created, info, root: bundle, view });
  const { version } = await keeping.server();
  const side = sideOf(making, info, version, files.length);
  await writeSideFile(store, bundle, side, { signal });
  await commit(making, draft);
  const { key, metadata } = draft;
  const file = { key, where: `${key} in ${store.name}`, place: metadataPlace(key)!, metadata };
  return { ref: request, bundle, file, side };
}

/** Milliseconds and a random part, in the form of the server's own ids. */
function newId(now: Date): bigint {
  return (BigInt(now.getTime()) << COUNTER_BITS) + BigInt(randomInt(1 << 18));
}

async function requireNew(keeping: Keeping, { db, collection, name }: CreateSnapshot): Promise<void> {
  const found = (await everyKept(keeping, { db, collection })).find(({ ref }) => ref.name === name);
  if (!found) return;
  throw fail(
    'SNAPSHOT_EXISTS',
    `${db}.${collection} has a snapshot of the name "${name}" already (${found.file.where})`,
  );
}

/** The error, as the one of its kind where the space has run out. */
function shortOfSpace(thrown: unknown): unknown {
  for (let cause = thrown; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || cause.name === 'XMinioStorageFull') {
      return fail('SNAPSHOT_STORAGE', `insufficient storage: ${(thrown as Error).message}`, { cause: thrown });
    }
  }
  return thrown;
}

/**
 * Copies all live segments of a collection into a bundle of their own. What fails or is stopped leaves nothing that anybody
 * takes for a snapshot. Throws NOTHING_MATCHED, SNAPSHOT_EXISTS, SNAPSHOT_STORAGE, JOB_RUNNING, SRC_*, NET_*, DST_* and STORE_*.
 */
export async function createSnapshot(keeping: Keeping, request: CreateSnapshot): Promise<SnapshotInfo> {
  const { store, o } = keeping;
  const collection = await describe(keeping, request);
  const { collection_id: collectionId } = collection.info;
  const lost = new AbortController();
  let failure: MilvusdmError | undefined;
  await using _ = await lockServer(store, {
    kind: 'manual',
    backup: request.name,
    folder: collectionLocks(collectionId),
    what: `creation of snapshot "${request.name}" of "${fullName(collection.of)}"`,
    log: o.log,
    onLost(error) {
      failure = error;
      lost.abort();
    },
  });
  await requireNew(keeping, request);
  await clearUnfinished(keeping, collectionId);
  const started = new Date();
  const id = newId(started);
  const bundle = bundleOf(collectionId, id);
  const signal = anySignal(o.signal, lost.signal);
  try {
    const linked = await canLink(keeping, bundle, signal);
    return infoOf(keeping, await make({ keeping, request, collection, id, bundle, started, linked, signal }));
  } catch (thrown) {
    await dropBundle(store, bundle, metadataKey(bundle, collectionId, id)).catch((error: Error) =>
      o.warn(
        `what was copied could not be removed again (${error.message}); the next snapshot of the collection does that`,
      ),
    );
    throw failure ?? shortOfSpace(thrown);
  }
}
