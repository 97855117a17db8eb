import { randomInt } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, type MilvusdmError } from '../../../util/errors.js';
import { stateFolder } from '../../../util/home.js';
import { isGone, ownIdentity, type ProcessIdentity } from '../../../util/process-identity.js';
import type { RestoreSnapshot, RestoreState, RestoreStatus } from '../types.js';

/** A restore as the state folder keeps it, so that other processes can ask for it. */
interface Stored extends RestoreStatus {
  readonly version: 1;
  /** The collection that the snapshot is of. */
  readonly from: RestoreSnapshot['from'];
  readonly owner: ProcessIdentity;
  /** Milliseconds since 1970. */
  readonly updated: number;
}

/** What is told of a restore that goes on. */
export interface RestoreRecord {
  readonly id: string;
  /** Notes progress, 0 to 100; at most twice a second. */
  progress(percent: number): void;
  /** Notes the end; the promise is over when it is on the disk. */
  end(state: 'completed' | 'failed', reason: string): Promise<void>;
}

const EVERY_MS = 500;
const ENDING = '.json';

function folderOf(address: string): string {
  return join(stateFolder(), 'snapshot-restores', address.replace(/[^A-Za-z0-9.]/g, '_'));
}

async function write(folder: string, stored: Stored): Promise<void> {
  const path = join(folder, `${stored.jobId}${ENDING}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(`${path}.new`, JSON.stringify(stored), { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): MilvusdmError {
  return fail('DST_STORAGE', `${path} cannot be written: ${(cause as Error).message}`, {
    cause,
    hint: 'Free space or mend the permissions of the folder, or choose another one with MILVUSDM_PATH.',
  });
}

/** As numbers are what servers give, and of 53 bits for who takes it for one. An empty file keeps it from being given twice. */
async function newId(folder: string, started: number): Promise<string> {
  for (;;) {
    const id = String(started * 1000 + randomInt(1000));
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(join(folder, `${id}${ENDING}`), '', { flag: 'wx', mode: 0o600 });
      return id;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(folder, cause);
    }
  }
}

/** Begins the record of a restore. Throws DST_STORAGE. */
export async function beginRecord(address: string, { from, to }: RestoreSnapshot): Promise<RestoreRecord> {
  const folder = folderOf(address);
  const started = Date.now();
  const jobId = await newId(folder, started);
  let stored: Stored = {
    version: 1,
    jobId,
    snapshot: from.name,
    from,
    to,
    state: 'executing',
    progress: 0,
    reason: '',
    started,
    timeCost: 0,
    owner: ownIdentity(),
    updated: started,
  };
  let writing: Promise<void> = Promise.resolve();
  let told = started;
  const note = (state: RestoreState, progress: number, reason: string): Promise<void> => {
    const now = Date.now();
    stored = { ...stored, state, progress, reason, timeCost: now - started, updated: now };
    const next = stored;
    // A note that cannot be written is no reason to end a restore: the last one is.
    writing = writing.catch(() => {}).then(() => write(folder, next));
    return writing;
  };
  await write(folder, stored);
  return {
    id: jobId,
    progress(percent) {
      if (Date.now() - told < EVERY_MS) return;
      told = Date.now();
      note('executing', percent, '').catch(() => {});
    },
    end: (state, reason) => note(state, state === 'completed' ? 100 : stored.progress, reason),
  };
}

/** A restore whose process has died goes on nowhere. */
function statusOf({ version: _, from: __, owner, updated, ...status }: Stored): RestoreStatus {
  const open = status.state === 'pending' || status.state === 'executing';
  if (!open) return status;
  if (isGone(owner)) {
    return {
      ...status,
      state: 'failed',
      reason: `process ${owner.pid}, which restored it, has ended`,
      timeCost: updated - status.started,
    };
  }
  return { ...status, timeCost: Date.now() - status.started };
}

async function read(folder: string, file: string): Promise<Stored | undefined> {
  try {
    const stored = JSON.parse(await readFile(join(folder, file), 'utf8')) as Stored;
    return stored.version === 1 ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** The restores of a server that this state folder knows, oldest first. */
export async function everyRecord(
  address: string,
  of: { readonly db?: string; readonly collection?: string },
): Promise<RestoreStatus[]> {
  const folder = folderOf(address);
  const files = (await readdir(folder).catch(() => [])).filter((name) => /^\d+\.json$/.test(name)).sort();
  const found = (await Promise.all(files.map((file) => read(folder, file)))).filter((one) => one !== undefined);
  return found
    .filter(
      ({ to }) =>
        (of.db === undefined || of.db === to.db) && (of.collection === undefined || of.collection === to.collection),
    )
    .sort((a, b) => a.started - b.started)
    .map(statusOf);
}

/** Throws SNAPSHOT_JOB_NOT_FOUND. */
export async function findRecord(address: string, id: string): Promise<RestoreStatus> {
  const stored = /^\d{1,20}$/.test(id) ? await read(folderOf(address), `${id}${ENDING}`) : undefined;
  if (stored) return statusOf(stored);
  throw fail(
    'SNAPSHOT_JOB_NOT_FOUND',
    `restore job not found: the state folder ${stateFolder()} has none of the id ${JSON.stringify(id)}`,
  );
}
