import { formatCount } from '../../util/bytes.js';

/** A finding and one place of it. */
export type Note = readonly [what: string, where: string];

/** Like findings of many segments or partitions, gathered into one warning each. */
export interface Notes {
  /** @param what e.g. "segments have no deleted_docs"; @param where one place, with its numbers */
  add(what: string, where: string): void;
  readonly lines: readonly string[];
}

const MAX_PLACES = 10;

/** At most ten places, and how many more there are. */
export function listPlaces(places: readonly string[], most: number = MAX_PLACES): string {
  const rest = places.length > most ? ` and ${formatCount(places.length - most)} more` : '';
  return `${places.slice(0, most).join(', ')}${rest}`;
}

/** Makes an empty gathering. */
export function createNotes(): Notes {
  const places = new Map<string, string[]>();
  return {
    add(what, where) {
      const known = places.get(what);
      if (known) known.push(where);
      else places.set(what, [where]);
    },
    get lines() {
      return [...places].map(([what, where]) => `${what}: ${listPlaces(where)}`);
    },
  };
}
