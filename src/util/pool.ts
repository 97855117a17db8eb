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

/**
 * Waits until all have ended, also after a failure, and then throws the error that came first: nothing goes on behind the
 * caller's back. `onFailure` may stop the others.
 */
export async function allSettled<T>(
  promises: readonly Promise<T>[],
  onFailure?: (reason: unknown) => void,
): Promise<T[]> {
  let first: { readonly reason: unknown } | undefined;
  const watched = promises.map((promise) =>
    promise.catch((reason: unknown) => {
      if (!first) {
        first = { reason };
        onFailure?.(reason);
      }
      throw reason;
    }),
  );
  const settled = await Promise.allSettled(watched);
  if (first) throw first.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<T>).value);
}
