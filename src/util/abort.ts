import { setMaxListeners } from 'node:events';
import { fail, type MilvusdmError } from './errors.js';

/** The error that a run ends with when its signal was aborted. */
export function interrupted(): MilvusdmError {
  return fail('INTERRUPTED', 'the run was stopped before it was complete');
}

/** Throws INTERRUPTED when the signal has been aborted. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted();
}

/** Aborted as soon as one of them is; as many may listen as like. Of more than ten Node would warn on stderr. */
export function anySignal(...signals: readonly AbortSignal[]): AbortSignal {
  const signal = AbortSignal.any([...signals]);
  setMaxListeners(0, signal);
  return signal;
}

/** Sleeps; rejects with INTERRUPTED as soon as the signal is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(interrupted());
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(interrupted());
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Rejects with INTERRUPTED `graceMs` after the signal was aborted; never settles otherwise. */
export function rejectAfterAbort(signal: AbortSignal, graceMs: number): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => {
      setTimeout(() => reject(interrupted()), graceMs).unref();
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
