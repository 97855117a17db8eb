import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { RestoreConfig, SnapshotSource } from '../../../config/types.js';
import { describeCollection } from '../../../milvus/collections.js';
import { snapshotCollection } from '../../../snapshot/collection.js';
import { fail, toMilvusdmError } from '../../../util/errors.js';
import { stateFolder } from '../../../util/home.js';
import { lockServer } from '../../backup/server-lock.js';
import { jobId } from '../../job-id.js';
import { takeLock } from '../../ledger/lock.js';
import type { RestoreItem } from '../../restore/choose.js';
import { restoreCollection } from '../../restore/collection.js';
import { type Databases, openDatabases } from '../../restore/databases.js';
import { collectionFiles, takesPartitions } from '../../restore/folders.js';
import { rowMove } from '../../restore/row-move.js';
import { renumberedField } from '../../restore/schema.js';
import { executeRun } from '../../run.js';
import type { RestoreSnapshot } from '../types.js';
import type { Keeping } from './keeping.js';
import { bundleLayout, bundleLocks } from './layout.js';
import { findKept, type Kept, openKept } from './look.js';
import { beginRecord, type RestoreRecord } from './restore-records.js';

/** A snapshot on its way into a collection. */
interface Restoring {
  readonly keeping: Keeping;
  readonly kept: Kept;
  readonly item: RestoreItem;
  readonly config: RestoreConfig;
  /** The snapshot as a source of rows. */
  readonly content: SnapshotSource;
  readonly databases: Databases;
  /** What is made is called by it until it is complete, so that another run of the same finds what this one has left. */
  readonly job: string;
  readonly record: RestoreRecord;
}

function configOf({ endpoint, storage, o }: Keeping, bundle: string): RestoreConfig {
  return {
    task: 'RESTORE',
    endpoint,
    storage,
    store: storage,
    name: bundle,
    select: [],
    exclude: [],
    rename: { map: {} },
    mode: 'skip',
    index: 'restore',
    load: false,
    metaOnly: false,
    rbac: false,
    passwords: {},
    verify: 'sample',
    parallelism: 1,
    retryFor: o.retryForMs / 1000,
    notes: [],
    secrets: [],
  };
}

function told({ keeping: { o }, record }: Restoring, done: number, total: number): void {
  o.onProgress?.(done, total);
  record.progress(total === 0 ? 0 : Math.floor((100 * done) / total));
}

/** By import: the server takes the files over as they are. */
async function byImport(restoring: Restoring): Promise<void> {
  const { keeping, kept, item, config, content, databases, job } = restoring;
  const { store, view, o } = keeping;
  const { signal, log, warn } = o;
  const together = takesPartitions(databases.main.version);
  const files = await collectionFiles(store, bundleLayout(kept.bundle), item, { signal, together, staged: false });
  const total = files.units.reduce((sum, { rows }) => sum + rows, 0);
  let done = 0;
  const { rows } = await restoreCollection({
    item,
    config,
    connection: await databases.open(item.db),
    job,
    files,
    content,
    view,
    signal,
    log,
    warn,
    onRows(came) {
      done += came;
      told(restoring, Math.min(done, total), total);
    },
  });
  log(`"${item.db}.${item.name}" is restored: ${rows} rows`);
}

/** By inserting rows: the collection has other numbers of fields than one that is made anew gets. */
async function byRows(restoring: Restoring, why: string): Promise<void> {
  const { keeping, item, config, content, databases } = restoring;
  const { o } = keeping;
  o.warn(`the rows are decoded and inserted, which takes longer than an import: ${why}`);
  await databases.open(item.db);
  const names = new Map([[item.info.collection_name, item.name]]);
  const move = rowMove(config, { source: content, db: item.db, load: false, names });
  const report = await executeRun(move, jobId(move), { stop: o.signal, kill: o.signal }, (event) => {
    if (event.type === 'warning') o.warn(event.message);
    else if (event.type === 'log') o.log(event.message);
    else if (event.type === 'progress' && event.phase === 'write') told(restoring, event.done, event.total);
  });
  if (report.error) throw fail(report.error.code, report.error.message, { hint: report.error.hint });
}

async function run(restoring: Restoring): Promise<void> {
  const { schema } = restoring.item.info;
  const gap = schema && renumberedField(schema);
  if (!gap) return await byImport(restoring);
  const why = `field "${gap.field.name}" has the number ${gap.field.fieldID}, and one that is made anew would get ${gap.number}`;
  await byRows(restoring, why);
}

async function requireFree(databases: Databases, { db, collection }: RestoreSnapshot['to']): Promise<void> {
  if (!databases.has(db) || !(await describeCollection(await databases.open(db), collection))) return;
  throw fail('SNAPSHOT_TARGET_EXISTS', `collection already exists: "${db}.${collection}"`);
}

/** Nobody drops the snapshot meanwhile; others may restore it, too. */
function readLock({ store, o }: Keeping, { bundle, ref }: Kept): Promise<AsyncDisposable> {
  return lockServer(store, {
    kind: 'automatic',
    backup: ref.name,
    folder: bundleLocks(bundle),
    what: `restore of snapshot "${ref.name}"`,
    shared: true,
    log: o.log,
    onLost: ({ message }) => o.warn(message),
  });
}

/**
 * Restores a snapshot into a new collection: by import where the server numbers its fields as they were, else row by row. The
 * rows are counted, and some compared. Gives the id under which the state folder knows of it. Throws SNAPSHOT_NOT_FOUND,
 * SNAPSHOT_TARGET_EXISTS, VERIFY_MISMATCH, SRC_*, DST_*, NET_* and STORE_*.
 */
export async function restoreSnapshot(keeping: Keeping, address: string, request: RestoreSnapshot): Promise<string> {
  const { o, endpoint, storage } = keeping;
  const { from, to } = request;
  const kept = await findKept(keeping, from);
  await using _ = await readLock(keeping, kept);
  const config = configOf(keeping, kept.bundle);
  await using databases = await openDatabases({
    config: { ...config, endpoint },
    info: { database_backups: [] },
    log: o.log,
    signal: o.signal,
  });
  await requireFree(databases, to);
  const info = snapshotCollection(await openKept(keeping, kept));
  const job = createHash('sha256')
    .update(JSON.stringify([address, kept.bundle, to]))
    .digest('hex')
    .slice(0, 12);
  await using __ = await takeLock(join(stateFolder(), 'jobs', `${job}.lock`));
  const item = { info, source: `${from.db}.${from.collection}`, db: to.db, name: to.collection };
  const select = { [info.collection_name]: null };
  const content: SnapshotSource = { adapter: 'snapshot', storage, path: kept.file.key, select };
  const record = await beginRecord(address, request);
  try {
    await run({ keeping, kept, item, config, content, databases, job, record });
  } catch (thrown) {
    const { code, message, hint } = toMilvusdmError(thrown);
    await record.end('failed', message).catch((error: Error) => o.warn(error.message));
    throw fail(code, `restore snapshot failed (job ${record.id}): ${message}`, { cause: thrown, hint });
  }
  await record.end('completed', '');
  return record.id;
}
