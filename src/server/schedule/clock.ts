import type { LastTime, ScheduleTable, StoredSchedule } from '../state/schedules.js';
import { nextTime } from './times.js';

export interface ClockOptions {
  readonly schedules: ScheduleTable;
  /** Makes the job of a schedule, or says why there is none. Does not throw. */
  readonly fire: (schedule: StoredSchedule) => Omit<LastTime, 'due'>;
  readonly now?: () => Date;
  readonly log: (message: string) => void;
}

/** Starts what schedules want at its time. */
export interface Clock extends Disposable {
  /** Looks what is due; again after a schedule was changed. */
  look(): void;
}

/** What is later than this was missed: the server did not run, or the machine slept. */
const LATE_MS = 60_000;
/** Times are looked at again after so long: clocks are set, and time zones have their summer. */
const LONGEST_MS = 30_000;

interface Due {
  readonly first: Date;
  /** The latest one that has passed. */
  readonly last: Date;
}

/** The times of a schedule that have passed since it was looked at. */
function dueOf(schedule: StoredSchedule, now: Date): Due | undefined {
  const first = nextTime(schedule, new Date(schedule.settled));
  if (!first || first > now) return undefined;
  // Every minute of a long absence would be many: the last one within the lateness that is forgiven, or the first.
  const recent = nextTime(schedule, new Date(Math.max(first.getTime(), now.getTime() - LATE_MS) - 1));
  return { first, last: recent && recent <= now ? recent : first };
}

function settle(schedule: StoredSchedule, due: Due, now: Date, o: ClockOptions): void {
  const missed = now.getTime() - due.last.getTime() > LATE_MS;
  const time = due.last.toISOString();
  // Before it is fired: what stops the server now must not fire it again.
  o.schedules.settle(schedule.id, now, null);
  if (missed && schedule.missed === 'skip') {
    o.log(`schedule ${schedule.name}: ${time} was missed and is left out`);
    o.schedules.settle(schedule.id, now, { due: time, job: null, reason: 'the server did not run at that time' });
    return;
  }
  const made = o.fire(schedule);
  o.log(`schedule ${schedule.name}, due ${time}: ${made.job === null ? made.reason : `job ${made.job}`}`);
  o.schedules.settle(schedule.id, now, { due: time, ...made });
}

/** Makes the clock; it does nothing before the first `look`. */
export function createClock(o: ClockOptions): Clock {
  const read = o.now ?? ((): Date => new Date());
  let timer: NodeJS.Timeout | undefined;
  const look = (): void => {
    clearTimeout(timer);
    const now = read();
    let wait = LONGEST_MS;
    for (const schedule of o.schedules.list().filter(({ enabled }) => enabled)) {
      try {
        const due = dueOf(schedule, now);
        if (due) settle(schedule, due, now, o);
        const next = nextTime(schedule, now);
        if (next) wait = Math.min(wait, next.getTime() - now.getTime());
      } catch (thrown) {
        o.log(`schedule ${schedule.name}: ${(thrown as Error).message}`);
      }
    }
    timer = setTimeout(look, Math.max(wait, 10)).unref();
  };
  return {
    look,
    [Symbol.dispose]() {
      clearTimeout(timer);
    },
  };
}
