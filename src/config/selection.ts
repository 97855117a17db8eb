import { fail } from '../util/errors.js';
import { nearest } from './suggest.js';

/** Collection pattern -> partition patterns; null names all partitions. `*` and `?` are globs, `''` is the default partition. */
export type Selection = Readonly<Record<string, readonly string[] | null>>;

/** A collection that a source has, with the names of all its partitions (`_default` for its own rows). */
export interface Offer {
  readonly name: string;
  readonly partitions: readonly string[];
}

/** A collection of which at least one partition was chosen, in the order of the offer. */
export interface Chosen extends Offer {
  /** No partition is left out. */
  readonly whole: boolean;
}

export interface Choice {
  readonly chosen: readonly Chosen[];
  /** Patterns without effect. */
  readonly warnings: readonly string[];
}

export const DEFAULT_PARTITION = '_default';
const MAX_LISTED = 20;

/** Whether a pattern has glob characters. */
export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

/** Whether a name matches a pattern: `*` stands for any characters, `?` for one. Case counts. Takes at most pattern times name steps. */
export function globMatches(pattern: string, name: string): boolean {
  const glob = [...pattern];
  const text = [...name];
  let g = 0;
  let t = 0;
  // Where the last `*` stands and what it has taken so far: the only place to go back to.
  let star = -1;
  let taken = 0;
  while (t < text.length) {
    if (glob[g] === '*') {
      star = g++;
      taken = t;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === text[t])) {
      g++;
      t++;
    } else if (star >= 0) {
      g = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}

/** At most 20 names in quotes, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => `"${name}"`);
  return shown.join(', ') + (names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '');
}

function meant(word: string, names: readonly string[]): string {
  const best = nearest(word, names);
  return best === undefined ? '' : `, did you mean "${best}"?`;
}

interface Matched {
  /** Names of the matched partitions by collection. */
  readonly parts: ReadonlyMap<string, ReadonlySet<string>>;
  /** What matched nothing, and why. */
  readonly missing: readonly { readonly literal: boolean; readonly message: string; readonly hint: string }[];
}

/** All that the patterns match, and the patterns that match nothing. */
function match(offers: readonly Offer[], selection: Selection): Matched {
  const parts = new Map<string, Set<string>>();
  const missing: { literal: boolean; message: string; hint: string }[] = [];
  for (const [pattern, wanted] of Object.entries(selection)) {
    const found = offers.filter((offer) => globMatches(pattern, offer.name));
    if (found.length === 0) {
      const names = offers.map((offer) => offer.name);
      const what = isGlob(pattern) ? `no collection matches "${pattern}"` : `there is no collection "${pattern}"`;
      const hint = names.length === 0 ? 'The source has no collections.' : `The source has ${listNames(names)}.`;
      missing.push({ literal: !isGlob(pattern), message: what + meant(pattern, names), hint });
      continue;
    }
    for (const partition of wanted ?? ['*']) {
      const glob = partition === '' ? DEFAULT_PARTITION : partition;
      let hits = 0;
      for (const offer of found) {
        const set = parts.get(offer.name) ?? new Set();
        for (const name of offer.partitions.filter((candidate) => globMatches(glob, candidate))) {
          set.add(name);
          hits++;
        }
        if (set.size > 0) parts.set(offer.name, set);
      }
      if (hits > 0) continue;
      const names = [...new Set(found.flatMap((offer) => offer.partitions))];
      const where = found.length === 1 ? `collection "${found[0]!.name}"` : `any of ${found.length} collections`;
      const message = `no partition ${isGlob(glob) ? 'matches ' : ''}"${glob}" in ${where}${meant(glob, names)}`;
      missing.push({ literal: !isGlob(glob), message, hint: `Partitions there: ${listNames(names)}.` });
    }
  }
  return { parts, missing };
}

/**
 * Narrows what a source has to what is selected and not excluded. A glob that matches nothing, and whatever is missing of
 * the excluded, is a warning. Throws NOTHING_MATCHED for a name without globs that the source does not have, and when
 * nothing is left, saying what there is.
 */
export function choose(offers: readonly Offer[], select: Selection, exclude: Selection = {}): Choice {
  const wanted = match(offers, select);
  const absent =
    wanted.missing.find(({ literal }) => literal) ?? (wanted.parts.size === 0 ? wanted.missing[0] : undefined);
  if (absent) throw fail('NOTHING_MATCHED', absent.message, { hint: absent.hint });
  const barred = match(offers, exclude);
  const chosen = offers.flatMap((offer): Chosen[] => {
    const taken = wanted.parts.get(offer.name);
    const left = barred.parts.get(offer.name);
    const partitions = offer.partitions.filter((name) => taken?.has(name) && !left?.has(name));
    return partitions.length === 0
      ? []
      : [{ name: offer.name, partitions, whole: partitions.length === offer.partitions.length }];
  });
  if (chosen.length === 0) {
    const all = listNames(offers.map(({ name }) => name));
    const why =
      wanted.parts.size === 0 ? 'the selection names no collection' : 'everything that is selected is also excluded';
    throw fail('NOTHING_MATCHED', why, {
      hint: all === '' ? 'The source has no collections.' : `The source has ${all}.`,
    });
  }
  const warnings = [
    ...wanted.missing.map(({ message }) => message),
    ...barred.missing.map(({ message }) => `the exclusion has no effect: ${message}`),
  ];
  return { chosen, warnings };
}
