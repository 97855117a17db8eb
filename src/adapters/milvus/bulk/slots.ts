import { interrupted } from '../../../util/abort.js';

/** A number of places, each taken by one at a time. */
export interface Slots {
  readonly free: number;
  /** Resolves when there is a place; rejects with INTERRUPTED when the signal is aborted first. */
  take(signal?: AbortSignal): Promise<void>;
  give(): void;
}

export function createSlots(width: number): Slots {
  let free = width;
  const waiting: (() => void)[] = [];
  return {
    get free() {
      return free;
    },
    async take(signal) {
      if (signal?.aborted) throw interrupted();
      if (free > 0) {
        free--;
        return;
      }
      await new Promise<void>((resolve, reject) => {
        const got = (): void => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
        const onAbort = (): void => {
          waiting.splice(waiting.indexOf(got), 1);
          reject(interrupted());
        };
        waiting.push(got);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    give() {
      const next = waiting.shift();
      if (next) next();
      else free++;
    },
  };
}
