import { selectionOf, unmatched } from './catalog.js';
import { checkEndpoint, checkTls, placeOf, SOURCE_PLACE } from './endpoint.js';
import { quoted } from './issues.js';
import { checkOverlap } from './overlap-rules.js';
import type { RawTask } from './raw.js';
import type { RuleInput } from './rule-input.js';
import { isGlob } from './selection.js';
import { checkStorage } from './storage.js';
import { didYouMean } from './suggest.js';

const MILVUS_ONLY = [
  'source_user',
  'source_password',
  'source_token',
  'source_db',
  'source_tls',
  'filter',
  'output_fields',
] as const;
const SERVER_ONLY = ['source_user', 'source_password', 'source_token', 'source_tls', 'filter'] as const;
/** How the store of a running server is read; the server itself is named, too. */
const STORE_ONLY = ['source_storage', 'flush'] as const;
const LEGACY_ONLY = ['mysql_parameter', 'extra_paths', 'on_missing_segment', 'unflushed'] as const;
/** Groups whose keys are names in the source. */
const NAMED = ['source_collection', 'exclude_collection', 'collection_map', 'partition_map', 'id_offset'] as const;
const MOST_HINTS = 20;
const MOST_CANDIDATES = 100;

/** The rules of the tasks that read collections. */
export function checkCatalog(input: RuleInput): void {
  checkOrigin(input);
  checkNames(input);
  checkMapped(input);
  checkMerge(input);
  checkOverlap(input);
}

function checkOrigin(input: RuleInput): void {
  const { raw, given, report } = input;
  const places = SOURCE_PLACE.filter(given);
  const [place] = places;
  const [origin, second] = (['source_milvus_path', 'source_backup', 'source_snapshot'] as const).filter(given);
  for (const key of second === undefined ? places : [second, ...places]) {
    if (origin) report([key], `is given together with ${origin}, allowed: one of the two`, 'CFG_CONFLICT');
  }
  if (origin === 'source_backup') {
    checkBackup(input);
    checkUseless([...LEGACY_ONLY, ...STORE_ONLY, ...(place === undefined ? SERVER_ONLY : [])], 'source_backup', input);
  } else if (origin === 'source_snapshot') {
    checkSnapshot(input);
    const server = place === undefined ? ([...SERVER_ONLY, 'source_db'] as const) : [];
    checkUseless([...LEGACY_ONLY, ...STORE_ONLY, ...server], 'source_snapshot', input);
  } else if (origin) {
    checkTls(['mysql_parameter', 'tls'], raw.mysql_parameter?.tls, report);
    checkUseless([...STORE_ONLY, ...(place === undefined ? MILVUS_ONLY : [])], 'source_milvus_path', input);
  } else if (place === undefined) {
    const needed =
      'source_milvus_path (the folder of a Milvus 0.7 to 1.1), source_uri (a Milvus 2.x), source_backup (a backup of one) or source_snapshot (a snapshot of one)';
    report([], `the source is missing, needed: ${needed}`, 'CFG_INVALID');
  } else {
    checkUseless(LEGACY_ONLY, place, input);
    checkEndpoint('source', input);
    checkStore(input);
  }
}

/** The store of the server that is read, if one is named. */
function checkStore(input: RuleInput): void {
  const { raw, around, given, sound, report } = input;
  const { source_storage: store } = raw;
  if (store === undefined) {
    if (given('flush')) report(['flush'], 'has no use without source_storage, allowed: leave it out', 'CFG_CONFLICT');
    return;
  }
  checkStorage('source_storage', store, input);
  checkUseless(['filter'], 'source_storage', input);
  if (!sound('source_uri')) return;
  const place = placeOf('source', raw, around);
  if ('at' in place && place.at.kind === 'embedded') {
    const message = 'has no use with the embedded Milvus Lite that source_uri names, allowed: leave it out';
    report(['source_storage'], message, 'CFG_CONFLICT');
  }
}

/** A backup by its store has a name there; a path is the backup itself. */
function checkBackup({ raw, sound, report }: RuleInput): void {
  const { source_backup: given } = raw;
  if (typeof given !== 'object' || !sound('source_backup')) return;
  const { store = {}, name = '' } = given;
  checkStorage('backup_store', store, {
    report: (path, ...rest) => report(['source_backup', 'store', ...path.slice(1)], ...rest),
  });
  if (/^\.{1,2}$|[/\\]/.test(name)) {
    report(
      ['source_backup', 'name'],
      `${quoted(name)} is a path, allowed: the name of a backup in store`,
      'CFG_INVALID',
    );
  }
}

/** What a key in a store begins with must not lead out of it. */
function checkSnapshot({ raw, sound, report }: RuleInput): void {
  const { source_snapshot: given } = raw;
  if (typeof given !== 'object' || !sound('source_snapshot')) return;
  const { store = {}, path = '' } = given;
  checkStorage('source_storage', store, {
    report: (where, ...rest) => report(['source_snapshot', 'store', ...where.slice(1)], ...rest),
  });
  if (/(^|\/)\.{1,2}(\/|$)|\\/.test(path)) {
    const message = `${quoted(path)} has . or .. in it, allowed: a key of the store`;
    report(['source_snapshot', 'path'], message, 'CFG_INVALID');
  }
}

function checkUseless(keys: readonly (keyof RawTask)[], source: string, { given, report }: RuleInput): void {
  for (const key of keys.filter(given)) {
    report([key], `has no use with ${source}, allowed: leave it out`, 'CFG_CONFLICT');
  }
}

function checkNames({ raw, report }: RuleInput): void {
  for (const key of NAMED) {
    const group = raw[key];
    if (typeof group === 'object' && !Array.isArray(group) && Object.hasOwn(group, '')) {
      report([key, ''], 'a name is empty, allowed: a name of the source', 'CFG_INVALID');
    }
  }
}

/** What is said of a name that is not selected has no effect, so it is a slip. */
function checkMapped(input: RuleInput): void {
  const { raw, sound } = input;
  if (raw.source_collection === undefined || !sound('source_collection')) return;
  const select = selectionOf(raw.source_collection);
  const collections = Object.keys(select);
  const partitions = Object.values(select).flatMap((list) => list ?? ['*']);
  checkKeys('collection_map', raw.collection_map, collections, input);
  checkKeys('partition_map', raw.partition_map, partitions, input);
  if (typeof raw.id_offset === 'object') checkKeys('id_offset', raw.id_offset, collections, input);
  checkTargets(input);
}

function checkKeys(
  key: 'collection_map' | 'partition_map' | 'id_offset',
  group: Readonly<Record<string, string>> | undefined,
  patterns: readonly string[],
  { report }: RuleInput,
): void {
  // In the name of a partition of an old Milvus any character can stand, in that of a collection not.
  const wild = key === 'partition_map' ? () => false : isGlob;
  const names = Object.keys(group ?? {}).filter((name) => name !== '');
  for (const name of names.filter(wild)) {
    const message = `${quoted(name)} is no name, allowed: the whole name of a collection, without * and ?`;
    report([key, name], message, 'CFG_INVALID');
  }
  const plain = names.filter((name) => !wild(name));
  const candidates = patterns.filter((pattern) => !isGlob(pattern) && pattern.length <= 64).slice(0, MOST_CANDIDATES);
  for (const [index, name] of unmatched(plain, patterns).entries()) {
    const hint = index < MOST_HINTS ? didYouMean(name, candidates) : '';
    report([key, name], `source_collection does not take ${quoted(name)}${hint}`, 'CFG_CONFLICT');
  }
}

function checkTargets({ raw, report }: RuleInput): void {
  const owners = new Map<string, string>();
  for (const [name, target] of Object.entries(raw.collection_map ?? {})) {
    const owner = owners.get(target);
    if (owner === undefined) owners.set(target, name);
    else {
      const message = `${quoted(target)} is the new name of ${quoted(owner)} already, allowed: a name of its own, or merge`;
      report(['collection_map', name], message, 'CFG_CONFLICT');
    }
  }
}

function checkMerge({ raw, given, report }: RuleInput): void {
  if (!given('merge')) return;
  if (given('collection_map')) {
    const message = 'is given together with merge, allowed: one of the two (merge.into names the target)';
    report(['collection_map'], message, 'CFG_CONFLICT');
  }
  const { partition = 'keep' } = raw.merge ?? {};
  if (partition !== 'keep' && given('partition_map')) {
    const message = `is given while merge puts all rows into the partition ${quoted(partition)}, allowed: merge.partition: keep`;
    report(['partition_map'], message, 'CFG_CONFLICT');
  }
}
