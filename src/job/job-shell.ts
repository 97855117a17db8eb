import { anySignal, interrupted } from '../util/abort.js';
import { toMilvusdmError } from '../util/errors.js';
import type { JobListener } from './events.js';
import type { Emit, JobSignals } from './open-job.js';
import type { PlanReport, Report } from './report.js';

/** A migration: the same object behind the command line, the library and every other face. */
export interface Job {
  readonly id: string;
  /** Connects and reads headers; writes nothing. Throws what a run would refuse. */
  plan(): Promise<PlanReport>;
  /** Runs to the end and reports; never throws for a failed run, whose report says why. */
  run(): Promise<Report>;
  /** Stops after the batches in flight; a second call gives those up, too. */
  stop(): void;
  /** Adds a listener; gives a function that takes it away. */
  on(listener: JobListener): () => void;
}

/** What a kind of job does, given the ends of its signals and of its events. */
export interface JobWork {
  plan(signals: JobSignals, emit: Emit): Promise<PlanReport>;
  /** Never throws for a failed run. */
  run(signals: JobSignals, emit: Emit): Promise<Report>;
}

/** What all jobs have in common: listeners, and two ways to be stopped. */
export function jobOf(id: string, work: JobWork): Job {
  const listeners = new Set<JobListener>();
  const [stop, kill] = [new AbortController(), new AbortController()];
  const signals: JobSignals = { stop: anySignal(stop.signal), kill: anySignal(kill.signal) };
  const emit: Emit = (event) => {
    for (const listener of listeners) listener(event);
  };
  return {
    id,
    async plan() {
      try {
        return await work.plan(signals, emit);
      } catch (thrown) {
        throw stop.signal.aborted ? interrupted() : toMilvusdmError(thrown);
      }
    },
    run: () => work.run(signals, emit),
    stop() {
      if (stop.signal.aborted) kill.abort();
      stop.abort();
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
