import type { Connection } from '../../milvus/connection.js';
import { type ImportProgress, importProgress, startImport } from '../../milvus/imports.js';
import { sleep } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import { allSettled } from '../../util/pool.js';
import type { ImportUnit } from './folders.js';
import type { ServerView } from './places.js';

const FIRST_POLL_MS = 100;
const LONGEST_POLL_MS = 1000;
/** An import that waits for its turn has little to tell, and every question takes from the server's time for the others. */
const WAITING_POLL_MS = 1000;
/** Imports that wait at the server; it works on one or a few of them at a time. */
const AT_ONCE = 64;
/** A failed import leaves nothing behind that anybody sees, so that it may be tried again. */
const ATTEMPTS = 3;
const BETWEEN_MS = 1000;
/** An import that stands still for so long is given up. */
const STALL_MS = 30 * 60_000;

export interface ImportOptions {
  readonly collection: string;
  /** The server's name for a key of the store that the files are in. */
  readonly view: ServerView;
  readonly signal: AbortSignal;
  readonly log: (message: string) => void;
  /** Told of rows as imports take them. */
  readonly onRows: (rows: number) => void;
}

interface Running {
  readonly unit: ImportUnit;
  readonly attempt: number;
  tasks: readonly bigint[];
  rows: number;
  seen: string;
  moved: number;
  /** When it was asked about; 0 before that. */
  asked: number;
  waiting: boolean;
}

function optionsOf(unit: ImportUnit): Record<string, string> {
  const kind = unit.insert === undefined ? { l0_import: 'true' } : { backup: 'true' };
  const version = unit.storageVersion > 0 ? { storage_version: String(unit.storageVersion) } : {};
  return { ...kind, skip_disk_quota_check: 'true', ...version };
}

/** The rows of an import, and whether it is over. */
function sum(progress: readonly ImportProgress[]): ImportProgress {
  const failed = progress.find(({ state }) => state === 'failed');
  if (failed) return failed;
  const rows = progress.reduce((total, one) => total + one.rows, 0);
  const percent = progress.reduce((total, one) => total + one.percent, 0) / progress.length;
  const all = (wanted: ImportProgress['state']): boolean => progress.every(({ state }) => state === wanted);
  return { state: all('done') ? 'done' : all('pending') ? 'pending' : 'running', rows, percent, reason: '' };
}

async function start(connection: Connection, unit: ImportUnit, attempt: number, o: ImportOptions): Promise<Running> {
  const { insert, delta } = unit;
  // The server wants both places, the second empty where nothing was deleted.
  const files =
    insert === undefined ? [o.view(delta ?? '')] : [o.view(insert), delta === undefined ? '' : o.view(delta)];
  const request = { collection: o.collection, partition: unit.partition, files, options: optionsOf(unit) };
  const tasks = await startImport(connection, request);
  if (tasks.length === 0) throw fail('DST_REFUSED', `the server began no import of ${unit.name}`);
  return { unit, attempt, tasks, rows: 0, seen: '', moved: Date.now(), asked: 0, waiting: false };
}

/** Looks at one import; `pace` is when any of them moved, which those that wait for their turn are judged by. `undefined`: it goes on. */
async function look(
  connection: Connection,
  running: Running,
  pace: { moved: number },
  o: ImportOptions,
): Promise<ImportProgress | undefined> {
  const progress = sum(await Promise.all(running.tasks.map((task) => importProgress(connection, task))));
  running.asked = Date.now();
  running.waiting = progress.state === 'pending';
  const seen = `${progress.state} ${progress.rows} ${progress.percent}`;
  if (seen !== running.seen) {
    running.seen = seen;
    running.moved = Date.now();
    pace.moved = running.moved;
  }
  if (progress.state !== 'failed' && progress.rows > running.rows) {
    o.onRows(progress.rows - running.rows);
    running.rows = progress.rows;
  }
  if (progress.state === 'done' || progress.state === 'failed') return progress;
  if (Date.now() - (running.waiting ? pace.moved : running.moved) <= STALL_MS) return undefined;
  const what = `the import of ${running.unit.name} into ${o.collection}/${running.unit.partition} (task ${running.tasks.join(', ')})`;
  throw fail('NET_DEADLINE', `${what} stands still for ${STALL_MS / 60_000} minutes`);
}

/**
 * How long until the server is asked again: a fortieth of what the import at hand has taken so far, so that its end is seen
 * soon where it takes seconds, and little is asked where it takes hours.
 */
function pause(since: number): number {
  return Math.min(LONGEST_POLL_MS, Math.max(FIRST_POLL_MS, (Date.now() - since) / 40));
}

/** Whether an import is to be asked about; `since` is when the last one ended, whose place another may have taken. */
function isDue({ waiting, asked }: Running, since: number): boolean {
  return !waiting || asked < since || Date.now() - asked >= WAITING_POLL_MS;
}

/** Imports units, several at a time, and gives the rows of each. Throws DST_REFUSED for one that keeps failing. */
async function importAll(connection: Connection, units: readonly ImportUnit[], o: ImportOptions): Promise<number[]> {
  const rows = units.map(() => 0);
  const waiting = units.map((unit) => ({ unit, attempt: 1 }));
  let running: Running[] = [];
  let since = Date.now();
  const pace = { moved: since };
  while (waiting.length + running.length > 0) {
    for (const { unit, attempt } of waiting.splice(0, AT_ONCE - running.length)) {
      running.push(await start(connection, unit, attempt, o));
    }
    await sleep(pause(since), o.signal);
    const due = running.filter((one) => isDue(one, since));
    const ends = new Map(
      await allSettled(due.map(async (one) => [one, await look(connection, one, pace, o)] as const)),
    );
    const left = running.filter((one) => !ends.get(one));
    if (left.length < running.length) since = Date.now();
    for (const one of running) {
      const end = ends.get(one);
      if (end?.state === 'done') rows[units.indexOf(one.unit)] = end.rows;
      else if (end) {
        o.onRows(-one.rows);
        waiting.push(await again(one, end.reason, o));
      }
    }
    running = left;
  }
  return rows;
}

async function again({ unit, attempt, tasks }: Running, reason: string, o: ImportOptions) {
  const what = `the import of ${unit.name} into ${o.collection}/${unit.partition} failed (task ${tasks.join(', ')}): ${reason}`;
  if (attempt >= ATTEMPTS) throw fail('DST_REFUSED', `${what}; tried ${ATTEMPTS} times`);
  o.log(`${what}; once more`);
  await sleep(BETWEEN_MS * attempt, o.signal);
  return { unit, attempt: attempt + 1 };
}

/**
 * Has the server import units into a collection, rows before deletes, and gives the rows that each brought (those that
 * the backup's deletes leave). Throws DST_REFUSED, NET_* and INTERRUPTED; then some may have been imported.
 */
export async function importUnits(
  connection: Connection,
  units: readonly ImportUnit[],
  o: ImportOptions,
): Promise<ReadonlyMap<ImportUnit, number>> {
  const withRows = units.filter(({ insert }) => insert !== undefined);
  const deletes = units.filter(({ insert }) => insert === undefined);
  const rows = await importAll(connection, withRows, o);
  await importAll(connection, deletes, { ...o, onRows: () => {} });
  return new Map(withRows.map((unit, at) => [unit, rows[at] ?? 0]));
}
