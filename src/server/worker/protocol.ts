import type { JobEvent } from '../../job/events.js';
import type { ErrorReport } from '../../job/report.js';

/** What a worker is told: one `start`, then at most two `stop`. */
export type ToWorker =
  | {
      readonly type: 'start';
      readonly text: string;
      readonly cwd: string;
      readonly attempt: number;
      /** The folder of all server state. */
      readonly server: string;
      readonly job: string;
    }
  /** Ends the batches in flight; `now` gives them up. */
  | { readonly type: 'stop'; readonly now: boolean };

/** What a worker tells; `busy`: another process of an earlier server still runs the job. */
export type FromWorker = { readonly type: 'event'; readonly event: JobEvent } | { readonly type: 'busy' };

/** A question to the process that answers them. */
export interface ToHelper {
  readonly id: number;
  readonly call: string;
  readonly input: unknown;
}

export type FromHelper =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: ErrorReport };
