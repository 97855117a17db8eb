import { plural } from '../../util/bytes.js';
import { fail } from '../../util/errors.js';
import type { CollectionRef, SnapshotInfo, SnapshotKeeper, SnapshotRef } from './types.js';

/** Words that say nothing of when and what for a snapshot was made. */
const GENERIC =
  /^(my)?[_-]?(test|backup|snapshot|snap|copy|save|tmp|temp|new|old|default|data|demo|foo|bar|dump)s?[_-]?[0-9]{0,3}$/i;
const STANDARD = /^[A-Za-z_][A-Za-z0-9_$]*$/;

/** What the guide advises about a name, and what a server with standard settings will say of it. */
export function nameAdvice(name: string): string[] {
  const advice: string[] = [];
  if (GENERIC.test(name)) {
    advice.push(
      `the name "${name}" is generic: names such as daily_backup_20240101 or v2_1_production_release tell snapshots apart by purpose and date or version`,
    );
  }
  if (!STANDARD.test(name)) {
    advice.push(`a server with standard settings refuses the name "${name}": it takes letters, digits and underscores`);
  }
  return advice;
}

/** `articles`, or `shop.articles` outside of the default database. */
export function shownCollection({ db, collection }: CollectionRef): string {
  return db === 'default' ? collection : `${db}.${collection}`;
}

/**
 * The snapshot of a name: in the collection that is given, else in the only one that has it. Throws USAGE where several
 * collections have it, SNAPSHOT_NOT_FOUND where none has.
 */
export async function resolveSnapshot(
  keeper: SnapshotKeeper,
  { name, db, collection }: { readonly name: string; readonly db?: string; readonly collection?: string },
): Promise<SnapshotRef> {
  if (collection !== undefined) return { name, db: db ?? 'default', collection };
  const all = await keeper.list(db === undefined ? {} : { db });
  const found = all.filter((one) => one.name === name);
  const [first] = found;
  if (first && found.length === 1) return { name, db: first.db, collection: first.collection };
  if (!first) {
    const where = db === undefined ? 'no collection' : `no collection of database "${db}"`;
    throw fail('SNAPSHOT_NOT_FOUND', `snapshot not found: ${where} has one of the name "${name}"`);
  }
  const names = found.map((one: SnapshotInfo) => shownCollection(one)).join(', ');
  throw fail('USAGE', `${plural(found.length, 'collection')} have a snapshot "${name}": ${names}`, {
    hint: 'Say which one: --collection NAME (source_collection), and --db NAME (source_db) where it is in another database.',
  });
}
