import type { Phase } from '../adapters/types.js';

/** What a running job tells, in the order in which it happens. */
export type JobEvent =
  | { readonly type: 'phase'; readonly phase: Phase }
  /** Rows in the phases preflight and write; rows indexed or percent in index and load. */
  | {
      readonly type: 'progress';
      readonly phase: Phase;
      readonly done: number;
      readonly total: number;
      readonly bytes: number;
    }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'log'; readonly message: string };

export type JobListener = (event: JobEvent) => void;
