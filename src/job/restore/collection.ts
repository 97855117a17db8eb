import type { CatalogSource, RestoreConfig } from '../../config/types.js';
import { describeCollection, dropCollection, flush, statisticsRows } from '../../milvus/collections.js';
import type { Connection } from '../../milvus/connection.js';
import { releaseCollection, waitForIndex } from '../../milvus/indexes.js';
import { createPartition } from '../../milvus/partitions.js';
import { throwIfAborted } from '../../util/abort.js';
import { MilvusdmError } from '../../util/errors.js';
import { allSettled, createPool } from '../../util/pool.js';
import type { VerifyLevel } from '../verify.js';
import { checkCounts, checkInserted } from './check.js';
import { type RestoreItem, shownName } from './choose.js';
import { type ContentCheck, checkAll, checkSample } from './content.js';
import type { CollectionFiles } from './folders.js';
import { importUnits } from './import.js';
import { importerFor } from './importer.js';
import { indexesOf, makeIndex } from './indexes.js';
import { insertRows } from './insert.js';
import { load, loadWish } from './loading.js';
import { makeCollection } from './make-collection.js';
import { makingName } from './making.js';
import type { ServerView } from './places.js';
import { putInPlace, requirePlace } from './put-in-place.js';
import { hasPartitionKey } from './schema.js';

const DEFAULT_PARTITION = '_default';
const PARTITIONS_AT_ONCE = 8;
const FLUSH_MS = 60_000;
const CLEANING_MS = 10_000;
const INDEX_STALL_MS = 10 * 60_000;

/** What the restoring of one collection needs. */
export interface CollectionRestore {
  readonly item: RestoreItem;
  readonly config: RestoreConfig;
  /** In the collection's own database. */
  readonly connection: Connection;
  readonly job: string;
  readonly files: CollectionFiles;
  /** Rows are read here and inserted; else the server imports them. */
  readonly insert?: boolean;
  /** Where its rows can be read, to be compared with what was restored. */
  readonly content: CatalogSource;
  readonly view: ServerView;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  readonly warn: (message: string) => void;
  readonly onRows: (rows: number) => void;
}

export interface RestoredCollection {
  readonly rows: number;
  readonly verified: VerifyLevel;
  /** Content digest of all rows, where all were compared. */
  readonly digest: string | null;
  /** Rows of the target by the server's own count; null where nobody has asked. */
  readonly targetRows: number | null;
}

/** The same connection for what must be done also when the run has been stopped. */
function unstopped(connection: Connection): Connection {
  const { signal: _, ...retry } = connection.retry;
  return { ...connection, retry: { ...retry, totalMs: Math.min(retry.totalMs, CLEANING_MS) } };
}

/** Removes what an earlier run of the job, or this one, made and did not finish. */
export async function dropUnfinished({ connection, job, item, log }: CollectionRestore): Promise<void> {
  const left = await describeCollection(connection, makingName(job, item));
  if (!left) return;
  log(`dropping what an earlier run had made of "${shownName(item)}"`);
  await dropCollection(connection, left);
}

async function make(o: CollectionRestore, making: string): Promise<void> {
  const { item, config, connection } = o;
  await makeCollection(connection, { name: making, info: item.info, source: item.source, shards: config.shards });
  if (hasPartitionKey(item.info)) return;
  const names = item.info.partition_backups.map((partition) => partition.partition_name);
  const missing = names.filter((name) => name !== DEFAULT_PARTITION && name !== '');
  const pool = createPool(PARTITIONS_AT_ONCE);
  await allSettled(missing.map((name) => pool(() => createPartition(connection, making, name))));
}

async function makeIndexes(
  { item, config, connection }: CollectionRestore,
  making: string,
): Promise<readonly string[]> {
  const indexes = indexesOf(item.info, config.index);
  for (const index of indexes) await makeIndex(connection, making, index);
  return indexes.map(({ field }) => field);
}

/** Checks the rows as far as is asked for, with the collection loaded for it, and leaves loaded what is to be. */
async function checkAndLoad(
  o: CollectionRestore,
  making: string,
  indexed: readonly string[],
  counted: RestoredCollection,
): Promise<RestoredCollection> {
  const { item, config, connection, signal } = o;
  const wish = loadWish(item.info, config.load);
  const look = config.verify === 'sample' || config.verify === 'full' ? counted.rows > 0 : false;
  if (wish === 'nothing' && !look) return counted;
  if (indexed.length === 0) {
    if (wish !== 'nothing') o.warn(`"${shownName(item)}" is not loaded: it has no index`);
    if (look) o.warn(`"${shownName(item)}" has no index: verified by the row count only`);
    return counted;
  }
  for (const field of indexed) await waitForIndex(connection, making, field, { signal, stallMs: INDEX_STALL_MS });
  if (!look) {
    await load(connection, making, wish, signal);
    return counted;
  }
  await load(connection, making, 'all', signal);
  const checked = await checkContent(o, making, counted);
  if (wish !== 'all') {
    await releaseCollection(connection, making);
    await load(connection, making, wish, signal);
  }
  return checked;
}

async function checkContent(
  o: CollectionRestore,
  making: string,
  counted: RestoredCollection,
): Promise<RestoredCollection> {
  const { item, config, content: source, signal, log } = o;
  const check: ContentCheck = { config, item, source, collection: making, signal, log };
  if (config.verify === 'full') return { ...counted, verified: 'full', digest: await checkAll(check) };
  await checkSample(check);
  return { ...counted, verified: 'sample' };
}

/** Rows that have come, whichever way. */
interface Brought {
  readonly rows: number;
  /** Compares them with the files and with the server's count. Throws VERIFY_MISMATCH. */
  check(targetRows: number): void;
}

async function importAll(o: CollectionRestore, making: string): Promise<Brought> {
  const { item, config, connection, files, signal, log, onRows, view } = o;
  const importer = await importerFor(connection, { endpoint: config.endpoint, db: item.db, collection: making, log });
  const came = await importUnits(importer, files.units, { collection: making, view, signal, log, onRows });
  const rows = [...came.values()].reduce((sum, one) => sum + one, 0);
  return { rows, check: (targetRows) => checkCounts(item, came, targetRows) };
}

async function insertAll(o: CollectionRestore, making: string): Promise<Brought> {
  const rows = await insertRows(o, making);
  return { rows, check: (targetRows) => checkInserted(o.item, o.files.units, rows, targetRows) };
}

async function bringRows(o: CollectionRestore, making: string): Promise<RestoredCollection> {
  const { config, connection } = o;
  if (config.metaOnly) return { rows: 0, verified: 'none', digest: null, targetRows: null };
  const { rows, check } = o.insert ? await insertAll(o, making) : await importAll(o, making);
  if (config.verify === 'none') return { rows, verified: 'none', digest: null, targetRows: null };
  await flush(connection, making, FLUSH_MS);
  const targetRows = await statisticsRows(connection, making);
  check(targetRows);
  return { rows, verified: 'count', digest: null, targetRows };
}

/** Everything but the name. What was made is dropped again when that fails. */
async function makeComplete(o: CollectionRestore, making: string): Promise<RestoredCollection> {
  const connection = unstopped(o.connection);
  try {
    await make(o, making);
    const counted = await bringRows(o, making);
    throwIfAborted(o.signal);
    const indexed = await makeIndexes(o, making);
    const result = await checkAndLoad(o, making, indexed, counted);
    throwIfAborted(o.signal);
    await requirePlace({ ...o, connection, mode: o.config.mode });
    return result;
  } catch (thrown) {
    await dropUnfinished({ ...o, connection, log: () => {} }).catch((error: unknown) => {
      const why = error instanceof MilvusdmError ? error.message : String(error);
      o.warn(`what was made of "${shownName(o.item)}" could not be dropped again (${why}); the next run does that`);
    });
    throw thrown;
  }
}

/**
 * Restores one collection: makes it under a name of our own, has its rows imported, makes its indexes, checks it, loads it,
 * and gives it its aliases and its name as the last step. With `mode: overwrite` what is there under that name goes just
 * before; nobody else's collection goes otherwise.
 */
export async function restoreCollection(o: CollectionRestore): Promise<RestoredCollection> {
  const making = makingName(o.job, o.item);
  await dropUnfinished(o);
  const result = await makeComplete(o, making);
  await putInPlace({ ...o, connection: unstopped(o.connection), mode: o.config.mode, making });
  return result;
}
