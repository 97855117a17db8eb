import { globMatches, isGlob, listNames } from '../../config/selection.js';
import { type CollectionName, fullName } from '../../segments/server.js';
import { fail } from '../../util/errors.js';
import { isMaking } from '../restore/making.js';

function matches(pattern: string, of: CollectionName): boolean {
  // Neither of the two names can have a dot in it.
  const dot = pattern.indexOf('.');
  return globMatches(pattern.slice(0, dot), of.db) && globMatches(pattern.slice(dot + 1), of.name);
}

export interface ChosenCollections {
  readonly chosen: readonly CollectionName[];
  /** Patterns without effect. */
  readonly warnings: readonly string[];
}

/**
 * Narrows what a server has to what is selected and not excluded; patterns are `database.collection`. Throws
 * NOTHING_MATCHED for a name without wildcards that the server does not have, and when nothing is left of a selection.
 * Of a server without collections everything is nothing, and that is no mistake. What a restore is making is left out with a
 * warning, unless it is named.
 */
export function chooseCollections(
  offers: readonly CollectionName[],
  select: readonly string[],
  exclude: readonly string[],
): ChosenCollections {
  const warnings: string[] = [];
  const hint =
    offers.length === 0 ? 'The server has no collections.' : `The server has ${listNames(offers.map(fullName))}.`;
  for (const pattern of select) {
    if (pattern === '*.*' || offers.some((of) => matches(pattern, of))) continue;
    if (!isGlob(pattern)) throw fail('NOTHING_MATCHED', `there is no collection "${pattern}"`, { hint });
    warnings.push(`no collection matches "${pattern}"`);
  }
  for (const pattern of exclude) {
    if (!offers.some((of) => matches(pattern, of))) {
      warnings.push(`the exclusion has no effect: no collection matches "${pattern}"`);
    }
  }
  const isWanted = (of: CollectionName): boolean =>
    select.some((pattern) => matches(pattern, of)) && !exclude.some((pattern) => matches(pattern, of));
  // Half of a collection is none, unless somebody wants just that and names it.
  const making = offers.filter((of) => isMaking(of.name) && !select.includes(fullName(of)));
  for (const of of making.filter(isWanted)) {
    warnings.push(`"${fullName(of)}" is left out: a restore is making it, or was cut short`);
  }
  const wanted = offers.filter((of) => !making.includes(of) && select.some((pattern) => matches(pattern, of)));
  const chosen = wanted.filter((of) => !exclude.some((pattern) => matches(pattern, of)));
  if (chosen.length === 0 && !(offers.length === making.length && select.includes('*.*'))) {
    const why = wanted.length === 0 ? warnings[0]! : 'everything that is selected is also excluded';
    throw fail('NOTHING_MATCHED', why, { hint });
  }
  return { chosen, warnings };
}
