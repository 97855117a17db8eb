/** A request that was acknowledged; times in milliseconds of one clock that only goes forward. */
export interface Acknowledged {
  readonly began: number;
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
 * @param since requests that began before are left out
 * @param inFlight requests in flight under the setting: a window holds whole rounds of them, as they may be answered all at once
 * @param longMs a window that has lasted so long is full after a single round
 */
export function createWindow(since: number, inFlight: number, longMs: number): Window {
  const rounds = Math.max(2, Math.ceil(ACKS / inFlight));
  const took: number[] = [];
  let opened: number | undefined;
  let bytes = 0;
  return {
    add(request) {
      if (request.began < since) return undefined;
      took.push(request.now - request.began);
      if (opened === undefined) {
        opened = request.now;
        return undefined;
      }
      bytes += request.bytes;
      const lasted = request.now - opened;
      const acks = took.length - 1;
      if (acks % inFlight !== 0 || lasted < LEAST_MS) return undefined;
      if (acks < rounds * inFlight && lasted < longMs) return undefined;
      return { rate: bytes / lasted, ackMs: median(took) };
    },
  };
}
