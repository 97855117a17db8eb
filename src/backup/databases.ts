import { fail } from '../util/errors.js';

export const DEFAULT_DB = 'default';
/** As a database: that of every collection, for those who look without writing; names then have it before them. */
const ALL_DATABASES = '*';

/** A collection of a backup by its names. */
export interface CollectionNames {
  readonly db: string;
  readonly name: string;
}

/** What a collection is called: by its name, and where others may be called so, by its database, too. */
export function calledOf({ db, name }: CollectionNames, asked: string | undefined): string {
  return asked === ALL_DATABASES && db !== DEFAULT_DB ? `${db}.${name}` : name;
}

/** The collections of one database: the one that is asked for, or the only one there is. Throws CFG_CONFLICT where there are several. */
export function ofDatabase<T>(
  all: readonly T[],
  namesOf: (one: T) => CollectionNames,
  asked: string | undefined,
  where: string,
): T[] {
  if (asked === ALL_DATABASES) return [...all];
  if (asked !== undefined) return all.filter((one) => namesOf(one).db === asked);
  const names = [...new Set(all.map((one) => namesOf(one).db))];
  if (names.length <= 1) return [...all];
  throw fail('CFG_CONFLICT', `${where} holds the databases ${names.join(', ')}`, {
    hint: 'Say by source_db which of them is to be read; a run reads one.',
  });
}
