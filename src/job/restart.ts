import type { LedgerState } from './ledger/state.js';

/** What `--restart` may replace of a collection: the target's own name for what an earlier run of this job made. */
export interface StartOver {
  /** Everything that the earlier run wrote to was made or emptied by it. */
  readonly replace?: string;
  /** Rows that the earlier run has written and that stay, because they cannot be told from those of others. */
  readonly stay: number;
}

/** What an earlier run has left that is given up, by collection of the source. */
export function startOver(abandoned: LedgerState | undefined): (collection: string) => StartOver {
  return (collection) => {
    const state = abandoned?.collections.get(collection);
    if (!state?.target) return { stay: 0 };
    const written = state.begin.units.filter((u) => u.write);
    if (written.every((u) => u.fresh)) return { replace: state.target, stay: 0 };
    return { stay: state.splits.reduce((sum, _, i) => sum + abandoned!.totals(state, i).written, 0) };
  };
}
