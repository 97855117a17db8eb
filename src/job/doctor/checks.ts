import { type ErrorCode, fail, type MilvusdmError, toMilvusdmError } from '../../util/errors.js';

/** One line of what `doctor` found. */
export interface Check {
  /** What was looked at: this machine, the source, the target. */
  readonly of: 'machine' | 'source' | 'target';
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** With numbers. */
  readonly detail: string;
  /** The next step; null where all is well. */
  readonly hint: string | null;
  readonly code: ErrorCode | null;
}

/** Takes the results of one part of the examination. */
export interface Findings {
  ok(name: string, detail: string): void;
  warn(name: string, detail: string, hint: string): void;
  fail(name: string, error: MilvusdmError): void;
}

export function findingsOf(of: Check['of'], take: (check: Check) => void): Findings {
  return {
    ok: (name, detail) => take({ of, name, status: 'ok', detail, hint: null, code: null }),
    warn: (name, detail, hint) => take({ of, name, status: 'warn', detail, hint, code: null }),
    fail: (name, error) =>
      take({ of, name, status: 'fail', detail: error.message, hint: error.hint, code: error.code }),
  };
}

/** The result, or NET_DEADLINE when there is none within the time. What it was waiting for is left to itself. */
export async function within<T>(ms: number, what: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(fail('NET_DEADLINE', `${what}: no answer within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}

/** Runs one examination; what it throws is a failed check. Gives undefined then. */
export async function attempt<T>(findings: Findings, name: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    findings.fail(name, toMilvusdmError(thrown));
    return undefined;
  }
}
