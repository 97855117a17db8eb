import type { BackupFile } from '../../backup/layout.js';
import type { SegmentBackupInfo } from '../../backup/types.js';
import { type Capture, takeCapture } from '../../segments/capture.js';
import type { DescribedCollection } from '../../segments/describe.js';
import { flushCollection } from '../../segments/flush.js';
import type { FlushTicket, SegmentServer } from '../../segments/server.js';
import { fullName } from '../../segments/server.js';
import { fail } from '../../util/errors.js';
import { allSettled } from '../../util/pool.js';
import { type CopyPlace, copyFiles, type Placed, type WantedFile } from './copy-files.js';
import type { CopyProgress } from './progress.js';

/** How often the server may take files away that were about to be copied. */
const ROUNDS = 5;

/** Files of a server's segments on their way to another place. */
export interface SegmentCopies {
  readonly place: CopyPlace;
  readonly placed: Placed;
  readonly progress: Pick<CopyProgress, 'expect'>;
  /** Everything that is wanted, by key: where it comes from. */
  readonly wanted: Map<string, WantedFile>;
  /** Ends what is under way, because a part of it has failed. */
  readonly giveUp: (error: unknown) => void;
  /** Aborted by that, and by who stops the whole. */
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
}

export interface CollectionCopy extends SegmentCopies {
  readonly server: SegmentServer;
  /** Have the server write out what it holds in memory. */
  readonly flush: boolean;
  /** The files of a segment in their new place. */
  readonly filesOf: (segment: SegmentBackupInfo) => Iterable<Pick<BackupFile, 'key' | 'size' | 'log'>>;
}

/** What of a capture is to be copied. Paths in it are those of the server's store. */
function wantedFiles({ filesOf }: CollectionCopy, { segments }: Capture): WantedFile[] {
  return segments.flatMap((segment) => {
    const paths = new Map<bigint, string>();
    for (const { binlogs } of [...segment.binlogs, ...segment.deltalogs]) {
      for (const { log_id, log_path } of binlogs) paths.set(log_id, log_path);
    }
    return [...filesOf(segment)].map(({ key, size, log }) => ({
      key,
      size,
      source: { key: paths.get(log)!, size },
    }));
  });
}

async function copyCapture(copy: CollectionCopy, capture: Capture): Promise<readonly WantedFile[]> {
  const files = wantedFiles(copy, capture);
  for (const file of files) copy.wanted.set(file.key, file);
  copy.progress.expect(copy.wanted.size);
  return await copyFiles(copy.place, files, copy.placed);
}

function captureOf({ server, place, signal }: CollectionCopy, collection: DescribedCollection): Promise<Capture> {
  return takeCapture(server, place.source, collection, { signal });
}

/** What there was of a collection, and is in its place now. */
export interface CopiedCollection {
  readonly capture: Capture;
  /** Absent where nothing was flushed. */
  readonly ticket: FlushTicket | undefined;
}

async function flush(copy: CollectionCopy, collection: DescribedCollection): Promise<CopiedCollection> {
  const began = performance.now();
  const ticket = await flushCollection(copy.server, collection.of, copy.signal);
  copy.log(`"${fullName(collection.of)}" flushed in ${Math.round(performance.now() - began)} ms`);
  return { ticket, capture: await captureOf(copy, collection) };
}

/** While the server flushes, what it has on its disk already is copied. */
async function flushAndCopy(
  copy: CollectionCopy,
  collection: DescribedCollection,
): Promise<CopiedCollection | undefined> {
  if (!copy.flush) return undefined;
  const early = captureOf(copy, collection).then((capture) => copyCapture(copy, capture));
  const [flushed] = await allSettled<unknown>([flush(copy, collection), early], copy.giveUp);
  return flushed as CopiedCollection;
}

/**
 * Copies the files of what the server has flushed of a collection; what it compacts away meanwhile is looked at again. Files
 * of segments that are gone by the end stay where they are. Throws SRC_CHANGED, SRC_CORRUPT, NET_*, DST_* and STORE_*.
 */
export async function copyCollection(copy: CollectionCopy, collection: DescribedCollection): Promise<CopiedCollection> {
  const flushed = await flushAndCopy(copy, collection);
  for (let round = 1; ; round++) {
    const capture = (round === 1 && flushed?.capture) || (await captureOf(copy, collection));
    const gone = await copyCapture(copy, capture);
    if (gone.length === 0) return { capture, ticket: flushed?.ticket };
    if (round === ROUNDS) throw vanished(copy, collection, gone);
  }
}

function vanished({ place }: CollectionCopy, { of }: DescribedCollection, gone: readonly WantedFile[]): Error {
  const { key } = gone[0]!.source;
  return fail(
    'SRC_CHANGED',
    `"${fullName(of)}": ${gone.length} files that the server names cannot be copied as they were listed, the first is ${key} in ${place.source.name}`,
    { hint: 'The server compacts and removes files faster than they are copied, or has lost them. Run again later.' },
  );
}
