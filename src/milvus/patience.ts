/** A time from which on something may be tried again, later after every vain try. It has no clock: it is told the time. */
export interface Patience {
  due(now: number): boolean;
  /** Not before the wait has passed. */
  begin(now: number): void;
  /** The same, with a wait twice as long as the last one. */
  longer(now: number): void;
  /** The same, with the first wait. */
  anew(now: number): void;
}

/** Waits of `firstMs` to `longestMs`. Something is due at once until a wait has begun. */
export function createPatience(firstMs: number, longestMs: number): Patience {
  let wait = firstMs;
  let from = Number.NEGATIVE_INFINITY;
  const begin = (now: number): void => {
    from = now + wait;
  };
  return {
    due: (now) => now >= from,
    begin,
    longer(now) {
      wait = Math.min(wait * 2, longestMs);
      begin(now);
    },
    anew(now) {
      wait = firstMs;
      begin(now);
    },
  };
}
