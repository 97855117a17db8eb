import type { Phase, TunedRequests } from '../adapters/types.js';
import type { JobEvent } from './events.js';

/**
 * What the copying loop does with a batch, one after the other: `read` it from the source, `transform` it, `digest` it, `note` in the
 * ledger that it may have been sent, `wait` for a place among those in flight (and in the end for all of them), `encode` it as a
 * request.
 */
export const STAGES = ['read', 'transform', 'digest', 'note', 'wait', 'encode'] as const;
export type Stage = (typeof STAGES)[number];

/** Where the time of a run went (`--profile`). */
export interface ProfileReport {
  /** Seconds of each stage, over all batches; where several parts are read at a time, so are their stages. */
  readonly stages: readonly { readonly stage: Stage; readonly seconds: number }[];
  /** Seconds of each phase; the stages are within `write`. */
  readonly phases: readonly { readonly phase: Phase; readonly seconds: number }[];
  readonly batches: number;
  /** Bytes of the values of a batch, on the average. */
  readonly batch_bytes: number;
  /** From sending a batch to its acknowledgement: average and longest. */
  readonly ack_ms: number;
  readonly ack_ms_longest: number;
  /** Where tuning came to, for each collection that requests were sent for. */
  readonly tuned: readonly TunedReport[];
}

/** How requests were sent in the end: at most so many in flight, of so many bytes, and the median time to the last acknowledgements. */
export interface TunedReport {
  readonly collection: string;
  readonly in_flight: number;
  readonly request_bytes: number;
  readonly ack_ms: number;
}

/** Measures a run while it lasts. */
export interface Profile {
  add(stage: Stage, ms: number): void;
  /** A batch has been acknowledged. */
  acknowledged(bytes: number, ms: number): void;
  /** All batches of a collection have been sent. */
  tuned(collection: string, requests: TunedRequests): void;
  readonly listen: (event: JobEvent) => void;
  /** Ends the phase that is under way. */
  result(): ProfileReport;
}

function rounded(ms: number): number {
  return Math.round(ms) / 1000;
}

/** @param now milliseconds of a clock that only goes forward */
export function createProfile(now: () => number = () => performance.now()): Profile {
  const stages = new Map<Stage, number>(STAGES.map((stage) => [stage, 0]));
  const phases = new Map<Phase, number>();
  const tuned: TunedReport[] = [];
  let current: { readonly phase: Phase; readonly since: number } | undefined;
  let [batches, bytes, waited, longest] = [0, 0, 0, 0];
  const endPhase = (): void => {
    if (current) phases.set(current.phase, (phases.get(current.phase) ?? 0) + now() - current.since);
    current = undefined;
  };
  return {
    add(stage, ms) {
      stages.set(stage, stages.get(stage)! + ms);
    },
    acknowledged(size, ms) {
      batches++;
      bytes += size;
      waited += ms;
      longest = Math.max(longest, ms);
    },
    tuned(collection, { inFlight, bytes: most, ackMs }) {
      tuned.push({ collection, in_flight: inFlight, request_bytes: most, ack_ms: Math.round(ackMs) });
    },
    listen(event) {
      if (event.type !== 'phase') return;
      endPhase();
      current = { phase: event.phase, since: now() };
    },
    result() {
      endPhase();
      return {
        stages: [...stages].map(([stage, ms]) => ({ stage, seconds: rounded(ms) })),
        phases: [...phases].map(([phase, ms]) => ({ phase, seconds: rounded(ms) })),
        batches,
        batch_bytes: batches === 0 ? 0 : Math.round(bytes / batches),
        ack_ms: batches === 0 ? 0 : Math.round(waited / batches),
        ack_ms_longest: Math.round(longest),
        tuned,
      };
    },
  };
}

/** Runs a stage and adds its time. */
export async function staged<T>(profile: Profile | undefined, stage: Stage, work: () => Promise<T>): Promise<T> {
  if (!profile) return work();
  const begun = performance.now();
  try {
    return await work();
  } finally {
    profile.add(stage, performance.now() - begun);
  }
}

/** The same items; the time until each comes is that of `read`. */
export async function* readTimed<T>(profile: Profile | undefined, items: AsyncIterable<T>): AsyncIterable<T> {
  if (!profile) {
    yield* items;
    return;
  }
  const iterator = items[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await staged(profile, 'read', () => iterator.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}
