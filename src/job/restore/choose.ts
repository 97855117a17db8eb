import type { BackupInfo, CollectionBackupInfo } from '../../backup/types.js';
import { globMatches, isGlob, listNames } from '../../config/selection.js';
import type { RenameRules, RestoreConfig } from '../../config/types.js';
import { fail } from '../../util/errors.js';

const DEFAULT_DB = 'default';
/** What Milvus takes. */
const NAME = /^[A-Za-z_][A-Za-z0-9_$]{0,254}$/;

/** A collection of the backup, and what it is to be called. */
export interface RestoreItem {
  readonly info: CollectionBackupInfo;
  /** `database.collection` in the backup. */
  readonly source: string;
  readonly db: string;
  readonly name: string;
}

export interface RestoreChoice {
  readonly items: readonly RestoreItem[];
  /** Patterns without effect. */
  readonly warnings: readonly string[];
}

export function sourceName({ db_name: db, collection_name: name }: CollectionBackupInfo): string {
  return `${db === '' ? DEFAULT_DB : db}.${name}`;
}

/** A name for people: without the database where that is the default. */
export function shownName({ db, name }: Pick<RestoreItem, 'db' | 'name'>): string {
  return db === DEFAULT_DB ? name : `${db}.${name}`;
}

/** Neither of the two names in a pattern can have a dot in it. */
function matches(pattern: string, name: string): boolean {
  const [db = '', collection = ''] = pattern.split('.');
  const [ofDb = '', of = ''] = name.split('.');
  return globMatches(db, ofDb) && globMatches(collection, of);
}

/** The new database and name of a collection: an entry of the map for it, else one for its database, else the suffix. */
export function renamed(source: string, rules: RenameRules): { db: string; name: string } {
  const [db = '', name = ''] = source.split('.');
  const own = rules.map[source];
  const whole = rules.map[`${db}.*`];
  const [newDb = '', newName = ''] = (own ?? '.').split('.');
  const place = newDb || (own === undefined ? whole?.split('.')[0] : undefined) || db;
  return { db: rules.db ?? place, name: newName || `${name}${rules.suffix ?? ''}` };
}

function narrow(
  names: readonly string[],
  { select, exclude }: RestoreConfig,
): { chosen: Set<string>; warnings: string[] } {
  const warnings: string[] = [];
  const hint = names.length === 0 ? 'The backup has no collections.' : `The backup has ${listNames(names)}.`;
  for (const pattern of select) {
    if (pattern === '*.*' || names.some((name) => matches(pattern, name))) continue;
    if (!isGlob(pattern)) throw fail('NOTHING_MATCHED', `the backup has no collection "${pattern}"`, { hint });
    warnings.push(`no collection of the backup matches "${pattern}"`);
  }
  for (const pattern of exclude) {
    if (names.some((name) => matches(pattern, name))) continue;
    warnings.push(`the exclusion has no effect: no collection of the backup matches "${pattern}"`);
  }
  const wanted = names.filter((name) => select.some((pattern) => matches(pattern, name)));
  const chosen = wanted.filter((name) => !exclude.some((pattern) => matches(pattern, name)));
  if (chosen.length === 0 && !(names.length === 0 && select.includes('*.*'))) {
    const why = wanted.length === 0 ? warnings[0] : undefined;
    throw fail('NOTHING_MATCHED', why ?? 'everything that is selected is also excluded', { hint });
  }
  return { chosen: new Set(chosen), warnings };
}

/**
 * What of a backup is to be restored, and under which names. Throws NOTHING_MATCHED, and CFG_CONFLICT where two
 * collections would get one name or a name is none that Milvus takes.
 */
export function chooseItems(info: BackupInfo, config: RestoreConfig): RestoreChoice {
  const all = info.collection_backups.map((collection) => ({ info: collection, source: sourceName(collection) }));
  const { chosen, warnings } = narrow(
    all.map(({ source }) => source),
    config,
  );
  const items = all
    .filter(({ source }) => chosen.has(source))
    .map((one) => ({ ...one, ...renamed(one.source, config.rename) }));
  const owners = new Map<string, string>();
  for (const item of items) {
    const target = `${item.db}.${item.name}`;
    const owner = owners.get(target);
    if (owner !== undefined) {
      throw fail(
        'CFG_CONFLICT',
        `"${owner}" and "${item.source}" of the backup would both become "${shownName(item)}"`,
        {
          hint: 'Restore them in two runs, or give one of them another name by rename.map.',
        },
      );
    }
    if (!NAME.test(item.name)) {
      throw fail('CFG_CONFLICT', `"${item.name}" is no name that Milvus takes for a collection`);
    }
    owners.set(target, item.source);
  }
  const idle = Object.keys(config.rename.map).filter((name) => !all.some(({ source }) => matches(name, source)));
  return {
    items,
    warnings: [...warnings, ...idle.map((name) => `rename.map has no effect: the backup has no "${name}"`)],
  };
}
