import type { ImportProgress } from '../../milvus/imports.js';
import { sleep } from '../../util/abort.js';
import { fail } from '../../util/errors.js';
import { allSettled } from '../../util/pool.js';
import type { ImportUnit } from './folders.js';
import type { Importer, StartedImport } from './importer.js';
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
  readonly started: StartedImport;
  rows: number;
  seen: string;
  moved: number;
  /** When it was asked about; 0 before that. */
  asked: number;
  waiting: boolean;
}

/** Units that may be one import are joined: of one partition, channel and storage version. */
function joined(units: readonly ImportUnit[], importer: Importer): ImportUnit[] {
  const groups = new Map<string, ImportUnit[][]>();
  for (const unit of units) {
    const { partition, channel = '', storageVersion, insert } = unit;
    const key = JSON.stringify([partition, channel, storageVersion, insert === undefined]);
    const of = groups.get(key) ?? [];
    groups.set(key, of);
    const last = of.at(-1);
    if (last && last.length < importer.most(unit)) last.push(unit);
    else of.push([unit]);
  }
  return [...groups.values()].flat().map(join);
}

function join(units: readonly ImportUnit[]): ImportUnit {
  const [first, ...also] = units as [ImportUnit, ...ImportUnit[]];
  if (also.length === 0) return first;
  const sum = (what: (unit: ImportUnit) => number): number => units.reduce((total, unit) => total + what(unit), 0);
  return {
    ...first,
    also,
    rows: sum(({ rows }) => rows),
    deltaBytes: sum(({ deltaBytes }) => deltaBytes),
    bytes: sum(({ bytes }) => bytes),
    name: `${first.name} and ${also.length} more`,
  };
}

async function start(importer: Importer, unit: ImportUnit, attempt: number, o: ImportOptions): Promise<Running> {
  const started = await importer.begin(o.collection, unit, o.view);
  return { unit, attempt, started, rows: 0, seen: '', moved: Date.now(), asked: 0, waiting: false };
}

/** Looks at one import; `pace` is when any of them moved, which those that wait for their turn are judged by. `undefined`: it goes on. */
async function look(running: Running, pace: { moved: number }, o: ImportOptions): Promise<ImportProgress | undefined> {
  const progress = await running.started.progress();
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
  const what = `the import of ${running.unit.name} into ${o.collection}/${running.unit.partition} (${running.started.name})`;
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
async function importAll(importer: Importer, units: readonly ImportUnit[], o: ImportOptions): Promise<number[]> {
  const rows = units.map(() => 0);
  const waiting = units.map((unit) => ({ unit, attempt: 1 }));
  let running: Running[] = [];
  let since = Date.now();
  const pace = { moved: since };
  while (waiting.length + running.length > 0) {
    for (const { unit, attempt } of waiting.splice(0, AT_ONCE - running.length)) {
      running.push(await start(importer, unit, attempt, o));
    }
    await sleep(pause(since), o.signal);
    const due = running.filter((one) => isDue(one, since));
    const ends = new Map(await allSettled(due.map(async (one) => [one, await look(one, pace, o)] as const)));
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

async function again({ unit, attempt, started }: Running, reason: string, o: ImportOptions) {
  const what = `the import of ${unit.name} into ${o.collection}/${unit.partition} failed (${started.name}): ${reason}`;
  if (attempt >= ATTEMPTS) throw fail('DST_REFUSED', `${what}; tried ${ATTEMPTS} times`);
  o.log(`${what}; once more`);
  await sleep(BETWEEN_MS * attempt, o.signal);
  return { unit, attempt: attempt + 1 };
}

/**
 * Has the server import units into a collection, rows before deletes, and gives the rows that each import brought (those that
 * the backup's deletes leave). Throws DST_REFUSED, NET_* and INTERRUPTED; then some may have been imported.
 */
export async function importUnits(
  importer: Importer,
  units: readonly ImportUnit[],
  o: ImportOptions,
): Promise<ReadonlyMap<ImportUnit, number>> {
  const of = (rows: boolean): ImportUnit[] =>
    joined(
      units.filter(({ insert }) => (insert !== undefined) === rows),
      importer,
    );
  const withRows = of(true);
  const rows = await importAll(importer, withRows, o);
  await importAll(importer, of(false), { ...o, onRows: () => {} });
  return new Map(withRows.map((unit, at) => [unit, rows[at] ?? 0]));
}
