import { patternsOf } from './backup.js';
import { defaultStage } from './bulk.js';
import { checkEndpoint, endpointOf, placeOf } from './endpoint.js';
import { quoted } from './issues.js';
import { present } from './present.js';
import type { RawNames, RawTask } from './raw.js';
import type { Surroundings } from './references.js';
import type { RuleInput } from './rule-input.js';
import { isGlob } from './selection.js';
import { checkStorage, type StorageKey, storageOf } from './storage.js';
import type { RenameRules, RestoreConfig } from './types.js';

const DEFAULT_DB = 'default';
const DEFAULT_PARALLELISM = 16;
const DEFAULT_RETRY_SECONDS = 60;

/** The rules of RESTORE that its schema cannot say. */
export function checkRestore(input: RuleInput): void {
  checkEndpoint('dest', input);
  for (const key of ['dest_storage', 'backup_store'] satisfies StorageKey[]) {
    const { [key]: store } = input.raw;
    if (store !== undefined) checkStorage(key, store, input);
  }
  const { raw, around, given, sound, report } = input;
  if (given('dest_storage') && sound('dest_uri') && isEmbedded(raw, around)) {
    const message = 'has no use with the embedded Milvus Lite that dest_uri names, allowed: leave it out';
    report(['dest_storage'], message, 'CFG_CONFLICT');
  }
  if (given('user_passwords') && raw.rbac !== true) {
    report(['user_passwords'], 'has no use without rbac: true, allowed: leave it out', 'CFG_CONFLICT');
  }
  checkRename(input);
}

function isEmbedded(raw: Partial<RawTask>, around: Surroundings): boolean {
  const place = placeOf('dest', raw, around);
  return 'at' in place && place.at.kind === 'embedded';
}

function checkRename({ raw, given, report }: RuleInput): void {
  const targets = new Map<string, string>();
  for (const [from, to] of Object.entries(raw.rename?.map ?? {})) {
    const path = ['rename', 'map', from];
    const [source, target] = [fullName(from), fullName(to)];
    const whole = source.endsWith('.*');
    if (!/^[^.]+\.[^.]+$/.test(source) || isGlob(whole ? source.slice(0, -2) : source)) {
      const message = `${quoted(from)} is no name in a backup, allowed: articles, db.articles or db.*`;
      report(path, message, 'CFG_INVALID');
    } else if (whole !== target.endsWith('.*') || (whole && !to.includes('.'))) {
      report(
        path,
        `${quoted(to)} does not go with ${quoted(from)}, allowed: db.* for db.*, a name for a name`,
        'CFG_INVALID',
      );
    } else if (!whole && targets.has(target)) {
      const message = `${quoted(to)} is the new name of ${quoted(targets.get(target) ?? '')} already, allowed: a name of its own`;
      report(path, message, 'CFG_CONFLICT');
    }
    targets.set(target, from);
  }
  if (given('dest_db') && Object.values(raw.rename?.map ?? {}).some((to) => to.includes('.'))) {
    const message = 'is given while rename.map names databases, allowed: one of the two';
    report(['dest_db'], message, 'CFG_CONFLICT');
  }
}

function fullName(name: string): string {
  return name.includes('.') ? name : `${DEFAULT_DB}.${name}`;
}

function renameOf(raw: RawTask): RenameRules {
  const pairs = Object.entries(raw.rename?.map ?? {});
  return present<RenameRules>({
    // With `dest_db` a new name says nothing about the database.
    map: Object.fromEntries(pairs.map(([from, to]) => [fullName(from), to.includes('.') ? to : `.${to}`])),
    suffix: raw.rename?.suffix,
    db: raw.dest_db,
  });
}

/** A checked RESTORE task: every pattern with its database, paths absolute, defaults filled in. */
export function restoreOf(raw: RawTask, around: Surroundings, secrets: readonly string[]): RestoreConfig {
  const select = patternsOf(raw.source_collection as RawNames | undefined, DEFAULT_DB);
  const { db: _, ...endpoint } = endpointOf('dest', raw, around);
  const storage = raw.dest_storage === undefined ? undefined : storageOf('dest_storage', raw.dest_storage, around);
  return present<RestoreConfig>({
    task: 'RESTORE',
    endpoint,
    storage,
    bulk: storage && defaultStage(storage),
    store: storageOf('backup_store', raw.backup_store ?? {}, around),
    name: raw.backup_name ?? '',
    select: select.length === 0 ? ['*.*'] : select,
    exclude: patternsOf(raw.exclude_collection as RawNames | undefined, DEFAULT_DB),
    rename: renameOf(raw),
    mode: raw.mode === 'overwrite' ? 'overwrite' : 'skip',
    index: (raw.index as RestoreConfig['index'] | undefined) ?? 'restore',
    load: (raw.load as RestoreConfig['load'] | undefined) ?? 'restore',
    shards: raw.shards,
    metaOnly: raw.meta_only ?? false,
    way: raw.write === 'import' || raw.write === 'insert' ? raw.write : undefined,
    rbac: raw.rbac ?? false,
    passwords: raw.user_passwords ?? {},
    verify: (raw.verify as RestoreConfig['verify'] | undefined) ?? 'sample',
    parallelism: raw.parallelism ?? DEFAULT_PARALLELISM,
    retryFor: raw.retry_for ?? DEFAULT_RETRY_SECONDS,
    notes: raw.mode === undefined ? ['mode is not set: skip, a collection that exists is left alone'] : [],
    secrets,
  });
}
