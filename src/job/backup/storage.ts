import { encodeMeta } from '../../backup/encode.js';
import { type MetaFile, metaKey, segmentFiles } from '../../backup/layout.js';
import { encodeSideFile } from '../../backup/side-file.js';
import type { DescribedCollection } from '../../segments/describe.js';
import { flushCollection } from '../../segments/flush.js';
import type { FlushTicket } from '../../segments/server.js';
import { fullName } from '../../segments/server.js';
import { type Capture, takeCapture } from '../../segments/capture.js';
import { fail } from '../../util/errors.js';
import { allSettled, createPool } from '../../util/pool.js';
import { assembleBackup, assembleCollection, type FinishedCollection, summarize } from './assemble.js';
import type { BackupResult, BackupRun } from './context.js';
import { copyFiles, type WantedFile } from './copy-files.js';
import { tallyText } from './progress.js';
import { settleFiles } from './settle.js';
import { sideFile, startWork, type Work } from './work.js';

/** Collections that are flushed and listed at a time. */
const COLLECTIONS_AT_A_TIME = 8;
/** How often the server may take files away that were about to be copied. */
const ROUNDS = 5;

/** What of a capture is to be copied. Paths in it are those of the server's store. */
function wantedFiles(work: Work, { segments }: Capture): WantedFile[] {
  const { name } = work.run.prepared;
  return segments.flatMap((segment) => {
    const paths = new Map<bigint, string>();
    for (const { binlogs } of [...segment.binlogs, ...segment.deltalogs]) {
      for (const { log_id, log_path } of binlogs) paths.set(log_id, log_path);
    }
    return [...segmentFiles(name, segment)].map(({ key, size, log }) => ({
      key,
      size,
      source: { key: paths.get(log)!, size },
    }));
  });
}

async function copyCapture(work: Work, capture: Capture): Promise<readonly WantedFile[]> {
  const files = wantedFiles(work, capture);
  for (const file of files) work.wanted.set(file.key, file);
  work.progress.expect(work.wanted.size);
  return await copyFiles(work.place, files, work.placed);
}

function captureOf(work: Work, collection: DescribedCollection): Promise<Capture> {
  const { place, signal } = work;
  return takeCapture(work.run.prepared.server, place.source, collection, { signal });
}

interface Flushed {
  readonly ticket: FlushTicket;
  /** What there was right after the flush. */
  readonly capture: Capture;
}

async function flush(work: Work, collection: DescribedCollection): Promise<Flushed> {
  const { prepared, emit } = work.run;
  const began = performance.now();
  const ticket = await flushCollection(prepared.server, collection.of, work.signal);
  const took = Math.round(performance.now() - began);
  emit({ type: 'log', message: `"${fullName(collection.of)}" flushed in ${took} ms` });
  return { ticket, capture: await captureOf(work, collection) };
}

/** While the server flushes, what it has on its disk already is copied. */
async function flushAndCopy(work: Work, collection: DescribedCollection): Promise<Flushed | undefined> {
  if (!work.run.prepared.config.flush) return undefined;
  const early = captureOf(work, collection).then((capture) => copyCapture(work, capture));
  const [flushed] = await allSettled<unknown>([flush(work, collection), early], work.giveUp);
  return flushed as Flushed;
}

async function copyCollection(work: Work, collection: DescribedCollection): Promise<FinishedCollection> {
  const { warn } = work.run;
  const flushed = await flushAndCopy(work, collection);
  const ticket = flushed?.ticket;
  for (let round = 1; ; round++) {
    const capture = (round === 1 && flushed?.capture) || (await captureOf(work, collection));
    const gone = await copyCapture(work, capture);
    if (gone.length === 0) {
      for (const message of capture.warnings) warn(message);
      return { info: assembleCollection(work, collection, capture, ticket), left: capture.left };
    }
    if (round === ROUNDS) throw vanished(work, collection, gone);
  }
}

function vanished(work: Work, { of }: DescribedCollection, gone: readonly WantedFile[]): Error {
  const { key } = gone[0]!.source;
  return fail(
    'SRC_CHANGED',
    `"${fullName(of)}": ${gone.length} files that the server names cannot be copied as they were listed, the first is ${key} in ${work.place.source.name}`,
    { hint: 'The server compacts and removes files faster than they are copied, or has lost them. Run again later.' },
  );
}

/**
 * Backs up by copying the server's own files into milvus-backup's layout. The side file is there first, full_meta.json last:
 * whatever happens in between leaves nothing that looks whole, and a later run under the same name takes the files over.
 */
export async function backUpStorage(run: BackupRun): Promise<BackupResult> {
  const { prepared, emit, signal } = run;
  const { name, dest, collections } = prepared;
  const work = await startWork(run);
  await dest.write(metaKey(name, 'side'), encodeSideFile({ ...sideFile(work, 'running', []), files: {} }), { signal });
  emit({ type: 'phase', phase: 'copy' });
  const pool = createPool(COLLECTIONS_AT_A_TIME);
  const copying = collections.map((one) => pool(() => copyCollection(work, one)));
  const finished = await allSettled(copying, work.giveUp).catch((thrown: unknown) => {
    throw (work.firstFailure() ?? { error: thrown }).error;
  });
  const info = assembleBackup(work, finished);
  emit({ type: 'phase', phase: 'verify' });
  await settleFiles(work, info);
  const left = finished.flatMap((one) => one.left);
  const write = (file: MetaFile, bytes: Uint8Array): Promise<void> =>
    dest.write(metaKey(name, file), bytes, { signal });
  const meta = encodeMeta(info);
  const side = write('side', encodeSideFile(sideFile(work, 'complete', left)));
  await allSettled([side, ...meta.slice(0, -1).map((one) => write(...one))]);
  await write(...meta.at(-1)!);
  const { copied, fromBase } = work.progress;
  const base = fromBase.files > 0 ? `, ${tallyText(fromBase)} from "${prepared.config.base}"` : '';
  emit({ type: 'log', message: `${tallyText(copied)} from ${work.place.source.name}${base}` });
  return summarize(work, info, left);
}
