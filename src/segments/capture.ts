import type { LeftOut } from '../backup/side-file.js';
import type { FieldBinlogInfo, SegmentBackupInfo } from '../backup/types.js';
import type { ObjectStore, StoreOptions } from '../store/types.js';
import { fail, MilvusdmError } from '../util/errors.js';
import { wholeChunks } from './chunks.js';
import type { DescribedCollection } from './describe.js';
import { type KnownLogs, knownFiles, lacksLogs } from './known-logs.js';
import { type Listing, listCollection, type SourceLog, type SourceSegment } from './listing.js';
import type { SegmentServer } from './server.js';
import { fullName } from './server.js';
import type { WireSegment } from './server-messages.js';

/** common.SegmentState and common.SegmentLevel. */
const FLUSHED = 4;
const LEVEL_0 = 1;
/** From here on fields can be added to a collection, so that fields with fewer logs are as they should be. */
const ADDS_FIELDS = [2, 6] as const;
const ATTEMPTS = 5;

/** What a collection's data is at one moment. */
export interface Capture {
  readonly segments: readonly SegmentBackupInfo[];
  readonly left: readonly LeftOut[];
  readonly warnings: readonly string[];
}

function addsFields(version: string): boolean {
  const [major = 99, minor = 0] = /(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  return major > ADDS_FIELDS[0] || (major === ADDS_FIELDS[0] && minor >= ADDS_FIELDS[1]);
}

function binlogs(logs: readonly SourceLog[], field: bigint): FieldBinlogInfo {
  return {
    fieldID: field,
    binlogs: logs.map(({ key, size, log }) => ({ log_path: key, log_size: size, log_id: log })),
  };
}

function sizeOf(fields: readonly FieldBinlogInfo[]): number {
  return fields.reduce((sum, { binlogs: logs }) => sum + logs.reduce((all, { log_size }) => all + log_size, 0), 0);
}

const byField = (a: FieldBinlogInfo, b: FieldBinlogInfo): number => (a.fieldID < b.fieldID ? -1 : 1);

interface Taken {
  readonly segment: SegmentBackupInfo;
  readonly left: readonly LeftOut[];
}

/** A segment in milvus-backup's form: a group of its own, an entry without logs where there are no deletes. */
function takeSegment(
  collection: bigint,
  { segment_id, partition_id, rows, level, storage_version }: WireSegment,
  files: SourceSegment,
  judge: boolean,
): Taken {
  const chunks = judge ? wholeChunks(files.insert) : { insert: files.insert, left: [] };
  if (!chunks) {
    const why = 'its fields have different numbers of logs, which do not make whole chunks';
    throw fail('SRC_CORRUPT', `segment ${segment_id}: ${why}`);
  }
  const insert = [...chunks.insert].map(([field, logs]) => binlogs(logs, field)).sort(byField);
  const delta = [binlogs(files.delta, 0n)];
  return {
    segment: {
      segment_id,
      collection_id: collection,
      partition_id,
      num_of_rows: rows,
      binlogs: insert,
      deltalogs: delta,
      size: sizeOf(insert) + sizeOf(delta),
      group_id: level === LEVEL_0 && partition_id < 0n ? 0n : segment_id,
      is_l0: level === LEVEL_0,
      v_channel: '',
      storage_version,
    },
    left: chunks.left.map(({ key }) => ({ key, reason: 'of a chunk that lacks other fields' })),
  };
}

function isSame(a: readonly WireSegment[], b: readonly WireSegment[]): boolean {
  const ids = (list: readonly WireSegment[]): string =>
    list
      .map(({ segment_id }) => segment_id)
      .sort()
      .join();
  return ids(a) === ids(b);
}

/** A segment that has rows and no logs yet, or none any more. */
function lacking(segments: readonly WireSegment[], listing: Listing): WireSegment | undefined {
  return segments.find(({ segment_id, rows, level }) => {
    const files = listing.get(segment_id);
    return level === LEVEL_0 ? !files?.delta.length : rows > 0 && !files?.insert.size;
  });
}

/**
 * The segments that the server calls flushed, with the logs that its store has of each. The server is asked before and
 * after the listing, which counts only when nothing has come or gone meanwhile; after several attempts the segments from
 * before the last one count, with a warning. Throws SRC_CORRUPT for a segment without logs.
 */
export async function takeCapture(
  server: SegmentServer,
  store: ObjectStore,
  { of, info }: DescribedCollection,
  o: StoreOptions = {},
): Promise<Capture> {
  const flushed = async (): Promise<WireSegment[]> =>
    (await server.segments(of)).filter(({ state }) => state === FLUSHED);
  const warnings: string[] = [];
  let segments = await flushed();
  let listing: Listing = new Map();
  let known: KnownLogs | undefined;
  const ask = async (): Promise<KnownLogs | undefined> => {
    const ids = segments.map(({ segment_id }) => segment_id);
    return await server.logs?.(of, info.collection_id, ids).catch((thrown: unknown) => {
      // Compacted away since: the segments differ, too.
      if (thrown instanceof MilvusdmError && thrown.code === 'DST_REFUSED') return undefined;
      throw thrown;
    });
  };
  for (let attempt = 1; ; attempt++) {
    // Before the listing: what the server knows now is there, unless it is removed meanwhile.
    known = await ask();
    listing = await listCollection(store, info.collection_id, o);
    const now = await flushed();
    const gone = known && lacksLogs(known, listing);
    const missing =
      gone === undefined ? lacking(segments, listing) : segments.find(({ segment_id: id }) => id === gone);
    if (isSame(segments, now) && !missing) break;
    if (attempt < ATTEMPTS) {
      segments = now;
      continue;
    }
    if (missing) throw lost(of, missing, store, listing);
    warnings.push(`"${fullName(of)}" was written and flushed without a pause: the backup has what was there about now`);
    break;
  }
  return { ...collect(server.version, info.collection_id, segments, { listing, known }), warnings };
}

function lost(
  of: DescribedCollection['of'],
  { segment_id, rows }: WireSegment,
  store: ObjectStore,
  listing: Listing,
): Error {
  const where =
    listing.size === 0
      ? 'Is source_storage the store of this server, with its root_path?'
      : 'Has somebody removed them?';
  return fail(
    'SRC_CORRUPT',
    `"${fullName(of)}": the server has segment ${segment_id} with ${rows} rows, and ${store.name} has no logs of it`,
    { hint: where },
  );
}

function collect(
  version: string,
  collection: bigint,
  segments: readonly WireSegment[],
  { listing, known }: { readonly listing: Listing; readonly known: KnownLogs | undefined },
): Omit<Capture, 'warnings'> {
  const none: SourceSegment = { insert: new Map(), delta: [] };
  const taken = segments
    // An empty segment without files is nothing that could be restored.
    .filter(({ segment_id, rows, level }) => rows > 0 || level === LEVEL_0 || listing.has(segment_id))
    .map((segment) => {
      const files = listing.get(segment.segment_id) ?? none;
      const logs = known?.get(segment.segment_id);
      if (!logs) return takeSegment(collection, segment, files, !addsFields(version));
      const split = knownFiles(files, logs);
      const { segment: info, left } = takeSegment(collection, segment, split.files, false);
      const unknown = split.unknown.map(({ key }) => ({ key, reason: 'the server does not know it' }));
      return { segment: { ...info, v_channel: logs.channel }, left: [...left, ...unknown] };
    });
  taken.sort((a, b) => (a.segment.segment_id < b.segment.segment_id ? -1 : 1));
  return { segments: taken.map(({ segment }) => segment), left: taken.flatMap(({ left }) => left) };
}
