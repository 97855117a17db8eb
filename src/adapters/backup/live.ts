import { DEFAULT_DB } from '../../backup/databases.js';
import type { CollectionBackupInfo } from '../../backup/types.js';
import { choose, globMatches } from '../../config/selection.js';
import type { SegmentsSource } from '../../config/types.js';
import { openCalls } from '../../milvus/calls.js';
import { placeSegments } from '../../segments/assemble.js';
import { takeCapture } from '../../segments/capture.js';
import { type DescribedCollection, describeCollections } from '../../segments/describe.js';
import { flushCollection } from '../../segments/flush.js';
import { withSegmentsOverHttp } from '../../segments/rest-segments.js';
import { type CollectionName, fullName, type SegmentServer, segmentServer } from '../../segments/server.js';
import { openStore } from '../../store/index.js';
import type { ObjectStore } from '../../store/types.js';
import { createDisposables } from '../../util/disposables.js';
import { fail } from '../../util/errors.js';
import type { Catalog, Reader, SourceCollection } from '../types.js';
import { fieldsOf, readFields } from './fields.js';
import { openBackupReader } from './reader.js';
import { segmentsOf } from './segments.js';
import { settingsOf } from './settings.js';

export interface SegmentsOptions {
  readonly retryForMs: number;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal;
  /** The server may be told to flush. */
  readonly run?: boolean;
}

interface LiveSource {
  readonly server: SegmentServer;
  readonly store: ObjectStore;
  readonly source: SegmentsSource;
  readonly o: SegmentsOptions;
}

/** How often a collection is looked at whose partitions come and go. */
const ROUNDS = 5;
const NEVER = new AbortController().signal;

function changed(of: CollectionName, what: string): Error {
  return fail('SRC_CHANGED', `"${fullName(of)}" ${what} while it was opened`);
}

async function describeAgain({ server }: LiveSource, { of, info }: DescribedCollection): Promise<DescribedCollection> {
  const [now] = await describeCollections(server, [of], info.id);
  if (now?.info.collection_id === info.collection_id) return now;
  throw changed(of, now ? 'was dropped and made again' : 'was dropped');
}

/** The collection as it is now, with its segments in partitions that are all known. */
async function currentSegments(live: LiveSource, first: DescribedCollection): Promise<CollectionBackupInfo> {
  const { server, store, o } = live;
  for (let round = 1; round <= ROUNDS; round++) {
    const described = await describeAgain(live, first);
    const { segments, left, warnings } = await takeCapture(server, store, described, {
      ...(o.signal ? { signal: o.signal } : {}),
    });
    const { info, stray } = placeSegments(described.info, segments);
    if (stray.length > 0) continue;
    for (const { key, reason } of left) o.log(`left out: ${key}, ${reason}`);
    for (const message of warnings) o.log(message);
    return info;
  }
  throw changed(first.of, 'had partitions dropped or made again and again');
}

/** Opens what the server has flushed of a collection by now. What is flushed later is not read. */
async function openLive(
  live: LiveSource,
  described: DescribedCollection,
  partitions: readonly string[],
): Promise<Reader> {
  const { server, store, source, o } = live;
  const { of } = described;
  if (source.flush && o.run) {
    o.log(`"${fullName(of)}" is flushed`);
    await flushCollection(server, of, o.signal ?? NEVER);
  }
  const info = await currentSegments(live, described);
  const there = new Set(info.partition_backups.map(({ partition_name }) => partition_name));
  const lost = partitions.find((name) => !there.has(name));
  if (lost !== undefined) throw changed(of, `lost its partition "${lost}"`);
  const place = { store, name: '', live: true } as const;
  const every = info.partition_backups.flatMap(({ segment_backups }) => segment_backups);
  const fields = readFields(of.name, fieldsOf(of.name, info.schema!, every), source.outputFields);
  const named = !info.schema!.fields.some(({ is_partition_key }) => is_partition_key);
  const segments = segmentsOf(place, info, new Set(partitions));
  return await openBackupReader({ place, info, fields, segments, named }, o.signal);
}

function liveCollection(
  live: LiveSource,
  described: DescribedCollection,
  partitions: readonly string[],
): SourceCollection {
  const { of, info } = described;
  const fields = readFields(of.name, fieldsOf(of.name, info.schema!, []), live.source.outputFields);
  return {
    name: of.name,
    settings: settingsOf(info, new Set(fields.map(({ spec }) => spec.name)), partitions),
    open: () => openLive(live, described, partitions),
  };
}

/**
 * Opens the collections of a running Milvus to be read from the store that it keeps them in; nothing is loaded. Which
 * segments there are the server says, when a collection is opened: after a flush, where the source asks for one and this is
 * a run. Throws NOTHING_MATCHED, CFG_CONFLICT, NET_*, DST_* and STORE_* errors; opening a collection SRC_* ones besides, reading
 * it SRC_CHANGED when the server removes what it has compacted.
 */
export async function openSegmentsCatalog(source: SegmentsSource, o: SegmentsOptions): Promise<Catalog> {
  await using stack = createDisposables();
  const { log, retryForMs } = o;
  const signal = o.signal ? { signal: o.signal } : {};
  const store = stack.use(await openStore(source.storage, { retryFor: retryForMs / 1000, log }));
  const retry = { totalMs: retryForMs, ...signal };
  const calls = stack.use(await openCalls(source.endpoint, { log, retry, ...signal }));
  const server = withSegmentsOverHttp(segmentServer(calls, o.signal), { endpoint: source.endpoint, retry, log });
  const names = await server.collections(source.endpoint.db ?? DEFAULT_DB);
  const patterns = Object.keys(source.select);
  const wanted = names.filter(({ name }) => patterns.some((pattern) => globMatches(pattern, name)));
  const described = new Map((await describeCollections(server, wanted, '')).map((one) => [one.of.name, one]));
  const offers = names.map(({ name }) => ({
    name,
    partitions: (described.get(name)?.info.partition_backups ?? []).map(({ partition_name }) => partition_name),
  }));
  const { chosen, warnings } = choose(offers, source.select, source.exclude);
  const live = { server, store, source, o };
  const collections = chosen.map(({ name, partitions }) => liveCollection(live, described.get(name)!, partitions));
  const kept = stack.release();
  return { collections, warnings, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}
