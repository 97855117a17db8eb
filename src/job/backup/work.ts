import { backupPrefix } from '../../backup/layout.js';
import { type LeftOut, SIDE_VERSION, type SideFile } from '../../backup/side-file.js';
import { anySignal } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import { createPool } from '../../util/pool.js';
import { packageVersion } from '../../util/version.js';
import type { BackupRun } from './context.js';
import type { CopyPlace, Placed, WantedFile } from './copy-files.js';
import { type CopyProgress, copyProgress } from './progress.js';

const NO_BASE = (): undefined => undefined;

/** A backup of the storage strategy while it is made. */
export interface Work {
  readonly run: BackupRun;
  readonly place: CopyPlace;
  readonly placed: Placed;
  readonly progress: CopyProgress;
  /** Everything that is wanted, by key: where it comes from. */
  readonly wanted: Map<string, WantedFile>;
  /** What the source's keys begin with in the server's own words. */
  readonly root: string;
  /** Ends what is under way, because a part of it has failed. */
  readonly giveUp: (error: unknown) => void;
  /** What the first call of that was about: parts that are ended by it fail, too. */
  readonly firstFailure: () => { readonly error: unknown } | undefined;
  /** Aborted by that, and by who stops the backup. */
  readonly signal: AbortSignal;
}

function sourceOf({ run: { prepared } }: Pick<Work, 'run'>): CopyPlace['source'] {
  if (prepared.source) return prepared.source;
  throw fail('INTERNAL', 'a backup of the storage strategy without source_storage');
}

/** What an earlier run has left in place; its checksums are not known. */
async function alreadyPlaced({ prepared, signal }: BackupRun): Promise<Placed> {
  const placed: Placed = new Map();
  if (!prepared.unfinished) return placed;
  const prefix = `${backupPrefix(prepared.name)}binlogs/`;
  for await (const { key, size } of prepared.dest.list(prefix, { signal })) placed.set(key, { size });
  return placed;
}

/** What the server itself puts before the keys of its files. */
function rootOf({ config: { storage } }: BackupRun['prepared']): string {
  if (storage?.type === 's3') return storage.root === '' ? '' : `${storage.root}/`;
  return storage ? `${storage.serverPath ?? storage.path}/` : '';
}

/** Looks what is there already and makes everything ready; writes nothing. */
export async function startWork(run: BackupRun): Promise<Work> {
  const placed = await alreadyPlaced(run);
  const { prepared, emit } = run;
  const failed = new AbortController();
  let first: { readonly error: unknown } | undefined;
  const signal = anySignal(run.signal, failed.signal);
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
  return {
    run,
    place,
    placed,
    progress,
    wanted: new Map(),
    root: rootOf(prepared),
    giveUp(error) {
      first ??= { error };
      failed.abort();
    },
    firstFailure: () => first,
    signal,
  };
}

/** meta/milvusdm.json as it is now. */
export function sideFile(work: Work, state: SideFile['state'], left: readonly LeftOut[]): SideFile {
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
