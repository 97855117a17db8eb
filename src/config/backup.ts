import { checkEndpoint, endpointKeys, endpointOf, placeOf } from './endpoint.js';
import { present } from './present.js';
import type { RawNames, RawTask } from './raw.js';
import type { Surroundings } from './references.js';
import type { RuleInput } from './rule-input.js';
import { checkStorage, type StorageKey, storageOf } from './storage.js';
import type { BackupConfig } from './types.js';

const DEFAULT_PARALLELISM = 16;
const DEFAULT_RETRY_SECONDS = 60;

/** The rules of BACKUP that its schema cannot say. */
export function checkBackup(input: RuleInput): void {
  checkEndpoint('source', input);
  for (const key of ['source_storage', 'backup_store'] satisfies StorageKey[]) {
    const { [key]: store } = input.raw;
    if (store !== undefined) checkStorage(key, store, input);
  }
  checkStrategy(input);
  const { raw, report } = input;
  if (raw.base !== undefined && raw.base === raw.backup_name) {
    report(['base'], 'is the name of the backup itself, allowed: that of an earlier one', 'CFG_CONFLICT');
  }
}

function checkStrategy({ raw, around, given, sound, report }: RuleInput): void {
  const lite = sound('source_uri') && isEmbedded(raw, around);
  if (lite && given('source_storage')) {
    const message = 'has no use with the embedded Milvus Lite that source_uri names, allowed: leave it out';
    report(['source_storage'], message, 'CFG_CONFLICT');
  }
  if (raw.strategy === 'storage' && !given('source_storage')) {
    report([], 'source_storage is missing, needed with strategy: storage', 'CFG_INVALID');
  }
  if (raw.link !== true) return;
  const kinds = [raw.source_storage?.type, raw.backup_store?.type];
  if (raw.strategy === 'logical' || !given('source_storage')) {
    report(['link'], 'has no use without strategy: storage and source_storage', 'CFG_CONFLICT');
  } else if (kinds.includes('s3')) {
    report(['link'], 'is true while a store is a bucket, allowed: two folders of one file system', 'CFG_CONFLICT');
  }
}

function isEmbedded(raw: Partial<RawTask>, around: Surroundings): boolean {
  const place = placeOf('source', raw, around);
  return 'at' in place && place.at.kind === 'embedded';
}

/** Patterns of names, each with its database; those without one get `db`. */
export function patternsOf(raw: RawNames | undefined, db: string): string[] {
  const names = raw === undefined ? [] : typeof raw === 'string' ? [raw] : raw;
  return [...new Set(names)].map((name) => (name === '*' ? '*.*' : name.includes('.') ? name : `${db}.${name}`));
}

/** A checked BACKUP task: every pattern with its database, paths absolute, defaults filled in. */
export function backupOf(raw: RawTask, around: Surroundings, secrets: readonly string[]): BackupConfig {
  const db = endpointKeys('source', raw).db ?? 'default';
  // The schema of BACKUP knows no partitions, so that names are all there is.
  const select = patternsOf(raw.source_collection as RawNames | undefined, db);
  return present<BackupConfig>({
    task: 'BACKUP',
    endpoint: endpointOf('source', raw, around),
    storage: raw.source_storage === undefined ? undefined : storageOf('source_storage', raw.source_storage, around),
    store: storageOf('backup_store', raw.backup_store ?? {}, around),
    name: raw.backup_name,
    base: raw.base,
    select: select.length === 0 ? ['*.*'] : select,
    exclude: patternsOf(raw.exclude_collection as RawNames | undefined, db),
    strategy: raw.strategy ?? 'auto',
    kind: raw.kind ?? 'manual',
    flush: raw.flush ?? true,
    rbac: raw.rbac ?? false,
    ttl: raw.ttl === false ? false : undefined,
    link: raw.link ?? false,
    checksum: raw.checksum ?? 'auto',
    compression: raw.compression ?? 'zstd',
    parallelism: raw.parallelism ?? DEFAULT_PARALLELISM,
    retryFor: raw.retry_for ?? DEFAULT_RETRY_SECONDS,
    notes: [],
    secrets,
  });
}
