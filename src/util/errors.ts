import { ERROR_CODES, type ErrorCode } from './error-codes.js';
import type { ExitCode } from './exit-codes.js';

export { type CodeEntry, ERROR_CODES, type ErrorCode } from './error-codes.js';

/** Whether the failed operation may be tried again by the one retry loop (`src/util/retry.ts`). */
export type Retry = 'no' | 'yes' | 'after';

export interface ErrorDetails {
  /** The next step for the user; the table's own hint where absent. */
  readonly hint?: string;
  readonly cause?: unknown;
  readonly retry?: Retry;
  readonly retryAfterMs?: number;
}

/**
 * The one error class. `message` says what, where, and the numbers (need N, have M); `hint` says the next step.
 * Anything else that is thrown counts as our own fault (exit 1).
 */
export class MilvusdmError extends Error {
  override readonly name = 'MilvusdmError';
  readonly code: ErrorCode;
  readonly hint: string;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.hint = details.hint ?? ERROR_CODES[code].hint;
    this.retry = details.retry ?? 'no';
    this.retryAfterMs = details.retryAfterMs;
  }

  get exitCode(): ExitCode {
    return ERROR_CODES[this.code].exit;
  }
}

/** Makes a {@link MilvusdmError}; the only way in which the project raises one. */
export function fail(code: ErrorCode, message: string, details?: ErrorDetails): MilvusdmError {
  return new MilvusdmError(code, message, details);
}

/** Any thrown value as a {@link MilvusdmError}; unknown ones become INTERNAL, with the original as cause. */
export function toMilvusdmError(thrown: unknown): MilvusdmError {
  if (thrown instanceof MilvusdmError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new MilvusdmError('INTERNAL', message, { cause: thrown });
}
