/** What a trial has found of the lower setting: it costs nothing worth mention, or it costs speed. */
export type Verdict = 'free' | 'costs';

/** A loss of rate, as a difference of logarithms, that does not count. */
const FREE = 0.05;
/** Standard errors by which the mean has to lie on one side of that. */
const CERTAINTY = 1.5;
/** The same for giving up what was found to be free: it is tried often, and is not to be given up by chance. */
const CERTAINTY_UP = 2.5;
/** Deviation of a single comparison that is assumed at least: a few may agree by chance. */
const LEAST_DEVIATION = 0.08;
const LEAST_PAIRS = 4;
const MOST_PAIRS = 24;

/** Compares the rates of two settings, in windows that follow one another, until it is certain or has had enough. */
export interface Trial {
  /** Whether the next window is to be one of the lower setting. */
  readonly lower: boolean;
  /** Takes the rate of a window of the setting that was asked for. */
  add(rate: number): void;
  readonly verdict: Verdict | undefined;
  /** No more windows are wanted; without a verdict nothing is known for certain. */
  readonly over: boolean;
}

/**
 * A trial of pairs of windows. What both of a pair share, such as a server that is busy for some seconds, cancels out, and so does
 * what grows steadily: every other pair has the other order. It ends as soon as the mean is clear of the limit, which is soon
 * where the lower setting costs much.
 * @param up the lower setting is the one at hand, of which the first window is
 */
export function createTrial(up: boolean): Trial {
  const differences: number[] = [];
  let windows = 0;
  let first = 0;
  let verdict: Verdict | undefined;

  const isLower = (window: number): boolean => {
    const swapped = (window >> 1) % 2 === 1;
    return (window % 2 === 0) !== swapped ? up : !up;
  };

  function judge(): Verdict | undefined {
    const count = differences.length;
    if (count < LEAST_PAIRS) return undefined;
    const mean = differences.reduce((sum, d) => sum + d, 0) / count;
    const square = differences.reduce((sum, d) => sum + (d - mean) ** 2, 0) / (count - 1);
    const error = Math.max(LEAST_DEVIATION, Math.sqrt(square)) / Math.sqrt(count);
    if (mean - CERTAINTY * error > -FREE) return 'free';
    return mean + (up ? CERTAINTY_UP : CERTAINTY) * error < -FREE ? 'costs' : undefined;
  }

  return {
    get lower() {
      return isLower(windows);
    },
    get verdict() {
      return verdict;
    },
    get over() {
      return verdict !== undefined || differences.length === MOST_PAIRS;
    },
    add(rate) {
      const lower = isLower(windows++);
      if (windows % 2 === 1) {
        first = rate;
        return;
      }
      differences.push(lower ? Math.log(rate / first) : Math.log(first / rate));
      verdict = judge();
    },
  };
}
