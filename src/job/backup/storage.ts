import { encodeMeta } from '../../backup/encode.js';
import { backupFiles, backupPrefix, metaKey, segmentFiles } from '../../backup/layout.js';
import { backupCodec } from '../../backup/meta.js';
import { encodeSideFile, type LeftOut, SIDE_VERSION, type SideFile } from '../../backup/side-file.js';
import type { BackupInfo, CollectionBackupInfo, SegmentBackupInfo } from '../../backup/types.js';
import { fail } from '../../util/errors.js';
import { allSettled, createPool } from '../../util/pool.js';
import { packageVersion } from '../../util/version.js';
import { fullName } from './choose.js';
import type { BackupResult, BackupRun } from './context.js';
import { type CopyPlace, copyFiles, type Placed, type WantedFile } from './copy-files.js';
import type { DescribedCollection } from './describe.js';
import { flushCollection } from './flush.js';
import { type CopyProgress, copyProgress, tallyText } from './progress.js';
import type { FlushTicket } from './server.js';
import { type Snapshot, takeSnapshot } from './snapshot.js';

/** Collections that are flushed and listed at a time. */
const COLLECTIONS_AT_A_TIME = 8;
/** How often the server may take files away that were about to be copied. */
const ROUNDS = 5;
const NO_BASE = (): undefined => undefined;

interface Work {
  readonly run: BackupRun;
  readonly place: CopyPlace;
  readonly placed: Placed;
  readonly progress: CopyProgress;
  /** Everything that is wanted, by key: where it comes from. */
  readonly wanted: Map<string, WantedFile>;
  /** What the source's keys begin with in the server's own words. */
  readonly root: string;
}

interface Finished {
  readonly info: CollectionBackupInfo;
  readonly left: readonly LeftOut[];
}

function sourceOf({ run: { prepared } }: Pick<Work, 'run'>): CopyPlace['source'] {
  if (prepared.source) return prepared.source;
  throw fail('INTERNAL', 'a backup of the storage strategy without source_storage');
}

/** What of a snapshot is to be copied. Paths in it are those of the server's store. */
function wantedFiles(work: Work, { segments }: Snapshot): WantedFile[] {
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

async function copySnapshot(work: Work, snapshot: Snapshot): Promise<readonly WantedFile[]> {
  const files = wantedFiles(work, snapshot);
  for (const file of files) work.wanted.set(file.key, file);
  work.progress.expect(work.wanted.size);
  return await copyFiles(work.place, files, work.placed);
}

/** While the server flushes, what it has on its disk already is copied; what that was is looked at afterwards. */
async function flushAndCopy(work: Work, collection: DescribedCollection): Promise<FlushTicket | undefined> {
  const { prepared, signal, emit } = work.run;
  if (!prepared.config.flush) return undefined;
  const began = performance.now();
  const flushing = flushCollection(prepared.server, collection.of, signal).then((ticket) => {
    const name = fullName(collection.of);
    emit({ type: 'log', message: `"${name}" flushed in ${Math.round(performance.now() - began)} ms` });
    return ticket;
  });
  const early = takeSnapshot(prepared.server, work.place.source, collection, { signal }).then((snapshot) =>
    copySnapshot(work, snapshot),
  );
  const [ticket] = await allSettled<unknown>([flushing, early]);
  return ticket as FlushTicket;
}

async function copyCollection(work: Work, collection: DescribedCollection): Promise<Finished> {
  const { prepared, signal, warn } = work.run;
  const ticket = await flushAndCopy(work, collection);
  for (let round = 1; ; round++) {
    const snapshot = await takeSnapshot(prepared.server, work.place.source, collection, { signal });
    const gone = await copySnapshot(work, snapshot);
    if (gone.length === 0) {
      for (const message of snapshot.warnings) warn(message);
      return { info: assemble(work, collection, snapshot, ticket), left: snapshot.left };
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

/** The collection with its segments in their partitions. */
function assemble(
  { run: { warn }, root }: Work,
  { of, info }: DescribedCollection,
  { segments }: Snapshot,
  ticket: FlushTicket | undefined,
): CollectionBackupInfo {
  const rooted = segments.map((segment) => withRoot(segment, root));
  const known = new Set(info.partition_backups.map(({ partition_id }) => partition_id));
  const partitions = info.partition_backups.map((partition) => {
    const own = rooted.filter(({ partition_id }) => partition_id === partition.partition_id);
    return { ...partition, segment_backups: own, size: own.reduce((sum, { size }) => sum + size, 0) };
  });
  const l0 = rooted.filter(({ is_l0, partition_id }) => is_l0 && !known.has(partition_id));
  const stray = rooted.filter(({ is_l0, partition_id }) => !is_l0 && !known.has(partition_id));
  if (stray.length > 0) {
    const ids = stray.map(({ segment_id }) => segment_id).join(', ');
    warn(`"${fullName(of)}": segments ${ids} are of partitions that were dropped or made meanwhile, and are left out`);
  }
  const sum = (sizes: readonly { readonly size: number }[]): number => sizes.reduce((all, { size }) => all + size, 0);
  return {
    ...info,
    partition_backups: partitions,
    l0_segments: l0,
    size: sum(partitions) + sum(l0),
    backup_timestamp: ticket?.checkpoint ?? 0n,
    backup_physical_timestamp: ticket?.sealed ?? 0n,
    channel_checkpoints: ticket?.checkpoints ?? {},
  };
}

/** Log paths as the server calls them; nobody reads them, but they say where a file came from. */
function withRoot(segment: SegmentBackupInfo, root: string): SegmentBackupInfo {
  const rooted = (fields: SegmentBackupInfo['binlogs']): SegmentBackupInfo['binlogs'] =>
    fields.map((field) => ({
      ...field,
      binlogs: field.binlogs.map((log) => ({ ...log, log_path: `${root}${log.log_path}` })),
    }));
  return { ...segment, binlogs: rooted(segment.binlogs), deltalogs: rooted(segment.deltalogs) };
}

/**
 * Makes what is in the store exactly what the meta files will say: files of segments that were compacted away are removed
 * (an import takes whole folders), what is missing or has another size is copied again. Throws SRC_CHANGED.
 */
async function settle(work: Work, info: BackupInfo): Promise<void> {
  const { prepared, signal, emit } = work.run;
  const { name, dest } = prepared;
  for (let round = 1; ; round++) {
    const lacking = new Map([...backupFiles(name, info)].map((file) => [file.key, file.size]));
    const extra: string[] = [];
    for await (const { key, size } of dest.list(`${backupPrefix(name)}binlogs/`, { signal })) {
      if (lacking.get(key) === size) lacking.delete(key);
      else if (!lacking.has(key)) extra.push(key);
    }
    if (extra.length > 0) {
      emit({ type: 'log', message: `${extra.length} files of segments that are gone by now are removed` });
      await dest.remove(extra, { signal });
      for (const key of extra) work.placed.delete(key);
    }
    if (lacking.size === 0) return;
    const again = [...lacking.keys()].map((key) => work.wanted.get(key)!);
    for (const { key } of again) work.placed.delete(key);
    const gone = await copyFiles(work.place, again, work.placed);
    if (gone.length > 0 || round === ROUNDS) {
      const { key } = gone[0] ?? again[0]!;
      throw fail('SRC_CHANGED', `${key} in ${dest.name} does not become what the server has, tried ${round} times`);
    }
  }
}

function sideFile(work: Work, state: SideFile['state'], left: readonly LeftOut[]): SideFile {
  const { prepared, started } = work.run;
  const { config, name, server } = prepared;
  const cut = backupPrefix(name).length;
  return {
    version: SIDE_VERSION,
    tool: packageVersion(),
    state,
    strategy: 'storage',
    started: started.toISOString(),
    ...(state === 'complete' ? { ended: new Date().toISOString() } : {}),
    server: server.address,
    milvus_version: server.version,
    ...(config.base === undefined ? {} : { base: config.base }),
    linked: config.link,
    left_out: left,
    files: Object.fromEntries([...work.placed].sort().map(([key, check]) => [key.slice(cut), check])),
  };
}

/** What an earlier run has left in place; its checksums are not known. */
async function alreadyPlaced({ prepared, signal }: BackupRun): Promise<Placed> {
  const placed: Placed = new Map();
  if (!prepared.unfinished) return placed;
  const prefix = `${backupPrefix(prepared.name)}binlogs/`;
  for await (const { key, size } of prepared.dest.list(prefix, { signal })) placed.set(key, { size });
  return placed;
}

function rootOf({ config: { storage } }: BackupRun['prepared']): string {
  if (storage?.type === 's3') return storage.root === '' ? '' : `${storage.root}/`;
  return storage ? `${storage.serverPath ?? storage.path}/` : '';
}

function startWork(run: BackupRun, placed: Placed): Work {
  const { prepared, signal, emit } = run;
  const progress = copyProgress(emit);
  const place: CopyPlace = {
    source: sourceOf({ run }),
    dest: prepared.dest,
    base: prepared.base ?? NO_BASE,
    config: prepared.config,
    pool: createPool(prepared.config.parallelism),
    signal,
    onFile: ({ size }, how) => progress.done(size, how),
  };
  for (const { size } of placed.values()) progress.reused(size);
  return { run, place, placed, progress, wanted: new Map(), root: rootOf(prepared) };
}

function summary(work: Work, info: BackupInfo, left: readonly LeftOut[]): BackupResult {
  const rowsOf = ({ partition_backups }: CollectionBackupInfo): number =>
    partition_backups.flatMap((p) => p.segment_backups).reduce((sum, s) => sum + s.num_of_rows, 0);
  const { copied, fromBase, reusedFiles } = work.progress;
  return {
    rows: new Map(info.collection_backups.map((c) => [`${c.db_name}.${c.collection_name}`, rowsOf(c)])),
    files: work.placed.size,
    bytes: info.size,
    copied,
    fromBase,
    reused: reusedFiles,
    leftOut: left,
    checksums: [...work.placed.values()].filter(({ sum }) => sum !== undefined).length,
  };
}

/**
 * Backs up by copying the server's own files into milvus-backup's layout. The side file is there first, full_meta.json last:
 * whatever happens in between leaves nothing that looks whole, and a later run under the same name takes the files over.
 */
export async function backUpStorage(run: BackupRun): Promise<BackupResult> {
  const { prepared, emit, signal } = run;
  const { name, dest, collections, server } = prepared;
  const work = startWork(run, await alreadyPlaced(run));
  await dest.write(metaKey(name, 'side'), encodeSideFile({ ...sideFile(work, 'running', []), files: {} }), { signal });
  emit({ type: 'phase', phase: 'copy' });
  const pool = createPool(COLLECTIONS_AT_A_TIME);
  const finished = await allSettled(collections.map((one) => pool(() => copyCollection(work, one))));
  const info: BackupInfo = {
    ...backupCodec.zero,
    id: prepared.id,
    name,
    collection_backups: finished.map((one) => one.info),
    size: finished.reduce((sum, one) => sum + one.info.size, 0),
    milvus_version: server.version,
    rbac_meta: prepared.rbac,
    database_backups: prepared.databases,
  };
  emit({ type: 'phase', phase: 'verify' });
  await settle(work, info);
  const left = finished.flatMap((one) => one.left);
  await dest.write(metaKey(name, 'side'), encodeSideFile(sideFile(work, 'complete', left)), { signal });
  for (const [file, bytes] of encodeMeta(info)) await dest.write(metaKey(name, file), bytes, { signal });
  const { copied, fromBase } = work.progress;
  const base = fromBase.files > 0 ? `, ${tallyText(fromBase)} from "${prepared.config.base}"` : '';
  emit({ type: 'log', message: `${tallyText(copied)} from ${work.place.source.name}${base}` });
  return summary(work, info, left);
}
