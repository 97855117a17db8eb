import { sleep, throwIfAborted } from '../util/abort.js';
import { MilvusdmError } from '../util/errors.js';
import { isLimit } from './status.js';

/** Slows requests down while a server limits their rate. */
export interface Throttle {
  /**
   * Waits for a place and the pace, then runs one request and learns from its outcome. Rejects as the request does, and
   * with INTERRUPTED when the signal ends the wait.
   */
  run<T>(request: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** When the server last took a request, in milliseconds of Date.now(). */
  readonly lastAccepted: number;
  /** The server limits the rate, or did a short time ago. */
  readonly limited: boolean;
}

export interface ThrottleOptions {
  /** Requests in flight while nothing is refused. */
  readonly most: number;
  /** A lower bound on them that may change while a request is under way. */
  readonly bound?: () => number;
  readonly log: (message: string) => void;
}

/** The slowest pace: one request at a time, running for this share of the time. */
const LEAST = 1 / 128;
/** Whatever the pace, the server is asked again after so long. */
const LONGEST_PAUSE_MS = 5000;
/** Share of a place that a round of accepted requests adds; of the pace itself where it is below one request. */
const GROWTH = 1 / 8;
/** Weight of the newest duration in the usual one. */
const NEWEST = 1 / 4;
const FIRST_GUESS_MS = 50;
/** A limit counts as over when nothing was refused for this long at full pace. */
const QUIET_MS = 10_000;

/**
 * Additive increase, multiplicative decrease of the requests in flight: a refusal halves them, rounds of accepted ones add to
 * them. Below one in flight the window is the share of time in which a request may run, the rest is pause.
 */
export function createThrottle(o: ThrottleOptions): Throttle {
  const waiting: (() => void)[] = [];
  let window = o.most;
  let inFlight = 0;
  let usualMs = FIRST_GUESS_MS;
  let freeAt = 0;
  let lowered = 0;
  let lastRefused = 0;
  let lastAccepted = Date.now();
  let limited = false;

  const places = (): number => Math.max(1, Math.floor(Math.min(window, o.bound?.() ?? o.most)));
  const pauseFor = (ms: number): void => {
    freeAt = Math.max(freeAt, Date.now() + Math.min(ms, LONGEST_PAUSE_MS));
  };

  /** @param round number of decreases when the request began: what began before the last one says nothing of the pace now */
  function accepted(tookMs: number, round: number): void {
    lastAccepted = Date.now();
    usualMs += (tookMs - usualMs) * NEWEST;
    if (round === lowered) window = Math.min(o.most, window + GROWTH * Math.min(window, 1 / window));
    if (!limited || window < o.most || lastAccepted - lastRefused < QUIET_MS) return;
    limited = false;
    o.log('the server takes requests at full pace again');
  }

  function refused(error: MilvusdmError, round: number): void {
    lastRefused = Date.now();
    if (!limited) o.log(`${error.message}: slowing down until the server takes more`);
    limited = true;
    if (round !== lowered) return;
    lowered++;
    window = Math.max(LEAST, Math.min(window, inFlight) / 2);
    pauseFor(usualMs / Math.min(window, 1));
  }

  function leave(): void {
    inFlight--;
    if (window < 1) pauseFor(usualMs * (1 / window - 1));
    for (let free = places() - inFlight; free > 0; free--) waiting.shift()?.();
  }

  async function enter(signal: AbortSignal | undefined): Promise<void> {
    while (inFlight >= places()) await new Promise<void>((resolve) => waiting.push(resolve));
    inFlight++;
    const pauseMs = freeAt - Date.now();
    try {
      throwIfAborted(signal);
      if (pauseMs > 0) await sleep(pauseMs, signal);
    } catch (stopped) {
      leave();
      throw stopped;
    }
  }

  return {
    get lastAccepted() {
      return lastAccepted;
    },
    get limited() {
      return limited;
    },
    async run(request, signal) {
      await enter(signal);
      const began = Date.now();
      const round = lowered;
      try {
        const answer = await request();
        accepted(Date.now() - began, round);
        return answer;
      } catch (thrown) {
        if (thrown instanceof MilvusdmError && isLimit(thrown)) refused(thrown, round);
        throw thrown;
      } finally {
        leave();
      }
    },
  };
}
