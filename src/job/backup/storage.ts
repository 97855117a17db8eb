import { encodeMeta } from '../../backup/encode.js';
import { backupFiles, backupPrefix, type MetaFile, metaKey, segmentFiles } from '../../backup/layout.js';
import { encodeSideFile } from '../../backup/side-file.js';
import type { DescribedCollection } from '../../segments/describe.js';
import { allSettled, createPool } from '../../util/pool.js';
import { assembleBackup, assembleCollection, type FinishedCollection, summarize } from './assemble.js';
import type { BackupResult, BackupRun } from './context.js';
import { copyCollection } from './copy-collection.js';
import { tallyText } from './progress.js';
import { settleFiles } from './settle.js';
import { sideFile, startWork, type Work } from './work.js';

/** Collections that are flushed and listed at a time. */
const COLLECTIONS_AT_A_TIME = 8;

async function copyOne(work: Work, collection: DescribedCollection): Promise<FinishedCollection> {
  const { prepared, warn, emit } = work.run;
  const { capture, ticket } = await copyCollection(
    {
      ...work,
      server: prepared.server,
      flush: prepared.config.flush,
      log: (message) => emit({ type: 'log', message }),
      filesOf: (segment) => segmentFiles(prepared.name, segment),
    },
    collection,
  );
  for (const message of capture.warnings) warn(message);
  return { info: assembleCollection(work, collection, capture, ticket), left: capture.left };
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
  const copying = collections.map((one) => pool(() => copyOne(work, one)));
  const finished = await allSettled(copying, work.giveUp).catch((thrown: unknown) => {
    throw (work.firstFailure() ?? { error: thrown }).error;
  });
  const info = assembleBackup(work, finished);
  emit({ type: 'phase', phase: 'verify' });
  const log = (message: string): void => emit({ type: 'log', message });
  await settleFiles({ ...work, log }, `${backupPrefix(name)}binlogs/`, [...backupFiles(name, info)]);
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
