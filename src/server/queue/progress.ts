import type { JobEvent } from '../../job/events.js';
import type { JobProgress, TargetProgress } from '../state/types.js';

/** Speed is that of the last seconds. */
const WINDOW_MS = 5000;
/** These come before a collection is known, or between two. */
const BEFORE = new Set(['connect', 'plan', 'preflight', 'prepare']);
/** Phases whose progress counts rows. */
const ROWS = new Set(['preflight', 'write']);

interface Sample {
  readonly at: number;
  readonly done: number;
}

interface Part {
  target: string | null;
  phase: string;
  done: number;
  total: number;
  bytes: number;
  samples: Sample[];
}

/** Follows the events of a job: where each of its collections stands. */
export interface ProgressMeter {
  take(event: JobEvent): void;
  read(): JobProgress;
}

function newPart(target: string | null, phase: string): Part {
  return { target, phase, done: 0, total: 0, bytes: 0, samples: [] };
}

function speedOf({ samples, phase }: Part): number | null {
  if (!ROWS.has(phase)) return null;
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at <= first.at) return null;
  return Math.round(((last.done - first.done) * 1000) / (last.at - first.at));
}

function shown(part: Part): TargetProgress {
  const { target, phase, done, total, bytes } = part;
  return { target, phase, done, total, bytes, rows_per_second: speedOf(part) };
}

/** @param now milliseconds of a clock that only goes forward */
export function progressMeter(now: () => number = () => performance.now()): ProgressMeter {
  const parts: Part[] = [];
  let phase: string | null = null;
  let current: Part | undefined;
  const measure = (part: Part, done: number): void => {
    if (done < (part.samples.at(-1)?.done ?? 0)) part.samples = [];
    part.samples.push({ at: now(), done });
    while (part.samples.length > 2 && part.samples[0]!.at < now() - WINDOW_MS) part.samples.shift();
  };
  return {
    take(event) {
      if (event.type === 'collection') {
        current = newPart(event.collection, phase ?? 'write');
        parts.push(current);
        measure(current, 0);
      } else if (event.type === 'phase') {
        phase = event.phase;
        if (current?.target != null && BEFORE.has(phase)) current = undefined;
        if (!current) return;
        Object.assign(current, { phase, done: 0, total: 0, samples: [] });
        measure(current, 0);
      } else if (event.type === 'progress') {
        if (!current) {
          current = newPart(null, event.phase);
          parts.push(current);
        }
        const { done, total } = event;
        Object.assign(current, { phase: event.phase, done, total });
        if (event.bytes > 0) current.bytes = event.bytes;
        measure(current, done);
      } else if (event.type === 'resumed' && current) {
        current.samples = [];
      }
    },
    read: () => ({ phase, targets: parts.filter((p) => p.target !== null || parts.length === 1).map(shown) }),
  };
}
