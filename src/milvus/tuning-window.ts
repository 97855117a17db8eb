/** A request that was acknowledged; times in milliseconds of one clock that only goes forward. */
export interface Acknowledged {
  readonly began: number;
  /** When its size was decided, where it has waited since then for its place. */
  readonly decided?: number;
  readonly now: number;
  readonly bytes: number;
}

/** What a number of acknowledgements in a row has shown. */
export interface Measured {
  /** Bytes a millisecond. */
  readonly rate: number;
  /** Median of what the requests took, in milliseconds. */
  readonly ackMs: number;
}

/** Acknowledgements of requests that were sent under one setting. */
export interface Window {
  /** Gives what was measured when the window is full; it is not to be used any more then. */
  add(request: Acknowledged): Measured | undefined;
}

const ACKS = 8;
const LEAST_MS = 500;

/** 0 of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/**
 * A window lasts from one acknowledgement to another, for whole rounds of requests in flight, as those of a round may be answered
 * all at once. Where requests take long one round is enough, and its rate is that of so many in flight all the time (Little's law).
 * @param since requests that began, or whose size was decided, before are left out
 * @param inFlight requests in flight under the setting
 * @param longMs what is long for a request
 */
export function createWindow(since: number, inFlight: number, longMs: number): Window {
  const rounds = Math.max(2, Math.ceil(ACKS / inFlight));
  const took: number[] = [];
  let first: Acknowledged | undefined;
  let bytes = 0;
  let total = 0;
  return {
    add(request) {
      const { began, now } = request;
      if ((request.decided ?? began) < since) return undefined;
      first ??= request;
      took.push(now - began);
      bytes += request.bytes;
      total += now - began;
      const round = total / inFlight;
      if (took.length === inFlight && round >= longMs) return { rate: bytes / round, ackMs: median(took) };
      const lasted = now - first.now;
      const acks = took.length - 1;
      if (acks === 0 || acks % inFlight !== 0 || acks < rounds * inFlight || lasted < LEAST_MS) return undefined;
      return { rate: (bytes - first.bytes) / lasted, ackMs: median(took) };
    },
  };
}
