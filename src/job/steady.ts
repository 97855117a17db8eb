import { sleep } from '../util/abort.js';

/** Between two looks at least, and so many times what a look takes: a server that is slow to answer is slow to carry out. */
const BETWEEN_MS = 3000;
const TIMES_A_LOOK = 3;
const MOST_LOOKS = 10;

/** One look at what a target has. */
export interface Looking<T> {
  look(): Promise<T>;
  /** What was seen by either of two looks. */
  merge(earlier: T, later: T): T;
  /** Nothing more can appear. */
  isAll(seen: T): boolean;
  isSame(a: T, b: T): boolean;
}

/**
 * What a target has of the requests of a process that has died, once two looks have shown the same. A busy server may still
 * carry a request out seconds after its sender is gone, and Milvus 2.3.5 under load answers a query without rows that it
 * has; so nothing is missing at first sight.
 */
export async function steadily<T>(o: Looking<T>, signal: AbortSignal): Promise<T> {
  let began = performance.now();
  let seen: T = await o.look();
  for (let looks = 1; looks < MOST_LOOKS && !o.isAll(seen); looks++) {
    await sleep(Math.max(BETWEEN_MS, TIMES_A_LOOK * (performance.now() - began)), signal);
    began = performance.now();
    const now: T = o.merge(seen, await o.look());
    if (o.isSame(seen, now)) break;
    seen = now;
  }
  return seen;
}
