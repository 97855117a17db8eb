import type { JobEvent } from '../../job/events.js';
import type { JobProgress, StoredJob } from '../state/types.js';
import { progressMeter } from './progress.js';

/** One event as clients see it. */
export interface LiveEvent {
  /** Names a place in the stream of a job: `SERVER-START.NUMBER`. */
  readonly id: string;
  readonly event: 'state' | 'progress' | 'warning' | 'log';
  readonly data: unknown;
}

export type LiveListener = (event: LiveEvent) => void;

/** What a job is doing right now, and who watches. */
export interface Live {
  take(event: JobEvent): void;
  /** Tells that the job has another state. */
  state(job: Pick<StoredJob, 'state' | 'attempts'>): void;
  progress(): JobProgress;
  warnings(): readonly string[];
  /** What came after an event, or undefined when that is not known any more. */
  since(id: string): readonly LiveEvent[] | undefined;
  on(listener: LiveListener): () => void;
}

/** Events that are kept for clients that come back. */
const KEPT = 256;
const KEPT_WARNINGS = 200;

/** @param epoch tells the events of this server from those of earlier ones */
export function createLive(epoch: string): Live {
  const meter = progressMeter();
  const ring: LiveEvent[] = [];
  const warnings: string[] = [];
  const listeners = new Set<LiveListener>();
  let number = 0;
  /** The last event that is not kept any more, but for progress that newer progress has replaced. */
  let lost = 0;
  const numberOf = (id: string): number => Number(id.slice(id.lastIndexOf('.') + 1));
  const publish = (event: LiveEvent['event'], data: unknown): void => {
    const one = { id: `${epoch}.${++number}`, event, data };
    // Of progress only the newest says something.
    if (event === 'progress' && ring.at(-1)?.event === 'progress') ring.pop();
    ring.push(one);
    if (ring.length > KEPT) lost = numberOf(ring.shift()!.id);
    for (const listener of listeners) listener(one);
  };
  return {
    take(event) {
      meter.take(event);
      if (event.type === 'warning') {
        if (warnings.length < KEPT_WARNINGS) warnings.push(event.message);
        publish('warning', { message: event.message });
      } else if (event.type === 'log') publish('log', { message: event.message });
      else publish('progress', meter.read());
    },
    state: ({ state, attempts }) => publish('state', { state, attempts }),
    progress: () => meter.read(),
    warnings: () => warnings,
    since(id) {
      const after = numberOf(id);
      if (!id.startsWith(`${epoch}.`) || !Number.isSafeInteger(after) || after > number) return undefined;
      if (after < lost) return undefined;
      return ring.filter((one) => numberOf(one.id) > after);
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
