import type { Phase, UnitPlan } from '../adapters/types.js';
import type { FieldSpec } from '../batch/fields.js';

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
  /** A collection is about to be written: where, its fields in the order of the content digest, and its parts. */
  | {
      readonly type: 'collection';
      readonly collection: string;
      readonly server: string;
      readonly fields: readonly FieldSpec[];
      readonly units: readonly UnitPlan[];
    }
  /** The collection continues behind rows that an earlier run has settled; progress counts them, too. */
  | { readonly type: 'resumed'; readonly rows: number; readonly bytes: number }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'log'; readonly message: string };

export type JobListener = (event: JobEvent) => void;
