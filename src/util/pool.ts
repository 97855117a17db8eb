/** Runs what it is given, so much at a time, in the order of the calls. */
export type Pool = <T>(run: () => Promise<T>) => Promise<T>;

export function createPool(width: number): Pool {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (run) => {
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await run();
    } finally {
      // The place is handed on, so that nobody who comes now gets it before those who wait.
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}

/** Waits until all have ended, also after a failure; then throws the first error. Nothing goes on behind the caller's back. */
export async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<T>).value);
}
