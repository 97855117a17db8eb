import type { RateLimit } from '../config/types.js';
import { sleep } from '../util/abort.js';

/** Holds a run to rows or bytes per second, averaged from its start; a pause is not made up for by a burst of over a second. */
export interface Pacer {
  /** Waits until that much more may be sent. */
  pace(rows: number, bytes: number, signal: AbortSignal): Promise<void>;
}

const BURST_SECONDS = 1;

export function createPacer(limit: RateLimit | undefined, now: () => number = () => performance.now() / 1000): Pacer {
  let readyAt = now();
  return {
    async pace(rows, bytes, signal) {
      if (!limit) return;
      const seconds = Math.max(
        limit.rowsPerSecond ? rows / limit.rowsPerSecond : 0,
        limit.bytesPerSecond ? bytes / limit.bytesPerSecond : 0,
      );
      readyAt = Math.max(readyAt, now() - BURST_SECONDS) + seconds;
      const wait = readyAt - seconds - now();
      if (wait > 0) await sleep(wait * 1000, signal);
    },
  };
}
