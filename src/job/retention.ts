/** What of something that is made again and again is to stay. */
export interface Retention {
  /** The newest ones, which stay. */
  readonly keepLast?: number;
  /** Milliseconds; what is younger stays. */
  readonly olderThanMs?: number;
}

/** Why one of them stays; undefined when it is to go. `rank` counts from 0, the newest. */
export function reasonToStay(
  { rank, ageMs }: { readonly rank: number; readonly ageMs: number },
  { keepLast, olderThanMs }: Retention,
): string | undefined {
  if (keepLast !== undefined && rank < keepLast) return `it is one of the last ${keepLast}`;
  if (olderThanMs !== undefined && ageMs < olderThanMs) return 'it is young enough';
  return undefined;
}
