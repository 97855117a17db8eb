import { fail } from '../util/errors.js';

export type Key = bigint | string;

/** The keys of one request that may or may not have arrived, in the order of its rows. */
export interface Suspect {
  readonly keys: readonly Key[];
}

/** Which rows of a request are missing in the target. */
export type Missing = readonly boolean[];

/** How often each key occurs. */
export function multiplicities(keys: readonly Key[]): Map<Key, number> {
  const counts = new Map<Key, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

type Fate = 'arrived' | 'missing' | 'unknown';

/** What became of a request as a whole, by the keys of which it is certain. */
function fateOf(suspect: Suspect, certain: ReadonlyMap<Key, Fate>): Fate {
  const fates = new Set(suspect.keys.map((key) => certain.get(key)!).filter((fate) => fate !== 'unknown'));
  return fates.size === 1 ? [...fates][0]! : 'unknown';
}

/**
 * Decides which rows have arrived of requests that a run had in flight when it died.
 * @param arrived copies of a key that are in the target and are not explained by rows known to be there; undefined for a key that
 * no query finds, whose rows share the fate of their request
 * Throws DST_UNFINISHED when the counts allow more than one answer.
 */
export function decideMissing(suspects: readonly Suspect[], arrived: (key: Key) => number | undefined): Missing[] {
  const counts = suspects.map((s) => multiplicities(s.keys));
  const sent = new Map<Key, number>();
  for (const each of counts) for (const [key, n] of each) sent.set(key, (sent.get(key) ?? 0) + n);
  const certain = new Map<Key, Fate>();
  for (const [key, n] of sent) {
    const found = arrived(key);
    const partly = found === undefined || (found > 0 && found < n);
    certain.set(key, partly ? 'unknown' : found > 0 ? 'arrived' : 'missing');
  }
  const fates = suspects.map((s) => fateOf(s, certain));
  for (const [key, fate] of certain) {
    if (fate !== 'unknown') continue;
    const holders = counts.flatMap((each, i) => (each.has(key) ? [{ n: each.get(key)!, fate: fates[i]! }] : []));
    const found = arrived(key);
    const explained = holders.reduce((sum, h) => sum + (h.fate === 'arrived' ? h.n : 0), 0);
    if (holders.some((h) => h.fate === 'unknown') || (found !== undefined && explained !== found)) {
      throw fail(
        'DST_UNFINISHED',
        `whether rows with the id ${key} have arrived cannot be told: ${found ?? 'an unknown number'} of ${sent.get(key)} copies that were in flight are there`,
      );
    }
  }
  return suspects.map((suspect, i) =>
    suspect.keys.map((key) => {
      const fate = certain.get(key)!;
      return (fate === 'unknown' ? fates[i]! : fate) === 'missing';
    }),
  );
}
