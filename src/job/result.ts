import type { UnitPlan } from '../adapters/types.js';
import { createSampler, type Sampler } from './sample.js';

/** What was done to one unit of the target, earlier runs of the same job included. */
export interface UnitResult {
  readonly unit: UnitPlan;
  readonly sources: string[];
  rowsRead: number;
  rowsWritten: number;
  rowsSkipped: number;
  readonly sampler: Sampler;
  /** Content digest of the rows written, as far as it is taken while copying; null once it cannot be known. */
  digest: string | undefined | null;
}

/** Rows of each unit that verification looks up. */
export const SAMPLE_ROWS = 200;

export function newResult(unit: UnitPlan): UnitResult {
  return {
    unit,
    sources: [],
    rowsRead: 0,
    rowsWritten: 0,
    rowsSkipped: 0,
    sampler: createSampler(SAMPLE_ROWS),
    digest: undefined,
  };
}

export function unitFor(units: readonly UnitPlan[], partition: string | undefined): UnitPlan {
  return units.find((u) => u.partition === partition)!;
}
