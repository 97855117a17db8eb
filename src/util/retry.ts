import { sleep, throwIfAborted } from './abort.js';
import { MilvusdmError } from './errors.js';

export interface RetryPolicy {
  /** Milliseconds after the first failure during which the operation is tried again. */
  readonly totalMs: number;
  readonly signal?: AbortSignal;
  /** Repeat only what the server refused as too busy, so that nothing of it has taken effect. */
  readonly onlyBusy?: boolean;
  /**
   * Waits, not for long, until the server can be reached; called before every attempt. A frozen server lets connections
   * begin and never finish, and a call would wait for that until its own, much longer deadline.
   */
  readonly ready?: (signal: AbortSignal | undefined) => Promise<void>;
  /**
   * When the server last took a request of this kind, in milliseconds of Date.now(): what it refuses as too busy is given up
   * `totalMs` after that, so that a request is not lost to those which got through before it.
   */
  readonly lastSuccess?: () => number;
  /** Told before every wait. */
  readonly onRetry?: (error: MilvusdmError, waitMs: number) => void;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5000;

/**
 * The one retry loop. Repeats `operation` while it fails with an error whose `retry` is not "no", with doubling waits and
 * jitter, until `totalMs` have passed since its first failure; then the last error is thrown.
 */
export async function withRetry<T>(operation: () => Promise<T>, policy: RetryPolicy): Promise<T> {
  let failingSince: number | undefined;
  let wait = FIRST_WAIT_MS;
  for (;;) {
    throwIfAborted(policy.signal);
    try {
      await policy.ready?.(policy.signal);
      return await operation();
    } catch (thrown) {
      if (!(thrown instanceof MilvusdmError) || thrown.retry === 'no') throw thrown;
      if (policy.onlyBusy && thrown.retry !== 'after') throw thrown;
      const now = Date.now();
      failingSince ??= now;
      const since = thrown.retry === 'after' ? Math.max(failingSince, policy.lastSuccess?.() ?? 0) : failingSince;
      const left = since + policy.totalMs - now;
      if (left <= 0) throw thrown;
      const waitMs = Math.min(left, (thrown.retryAfterMs ?? wait) * (0.75 + Math.random() / 2));
      policy.onRetry?.(thrown, waitMs);
      await sleep(waitMs, policy.signal);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }
}
