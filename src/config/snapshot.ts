import { parseDuration } from '../util/duration.js';
import { checkEndpoint, endpointOf, placeOf } from './endpoint.js';
import { present } from './present.js';
import type { RawTask } from './raw.js';
import type { Surroundings } from './references.js';
import type { RuleInput } from './rule-input.js';
import { checkStorage, storageOf } from './storage.js';
import type { SnapshotAction, SnapshotConfig } from './types.js';

const DEFAULT_RETRY_SECONDS = 60;

/** By action: the keys without which it cannot be done. A file may have more, so that one serves all actions. */
const NEEDED: Readonly<Record<SnapshotAction, readonly (keyof RawTask)[]>> = {
  create: ['snapshot_name', 'source_collection'],
  list: [],
  describe: ['snapshot_name'],
  drop: ['snapshot_name'],
  restore: ['snapshot_name', 'dest_collection_name'],
  jobs: [],
  job: ['job_id'],
  prune: [],
};

/** The rules of SNAPSHOT that its schema cannot say. */
export function checkSnapshot(input: RuleInput): void {
  checkEndpoint('source', input);
  const { raw, around, given, sound, report } = input;
  if (raw.source_storage !== undefined) checkStorage('source_storage', raw.source_storage, input);
  if (sound('source_uri')) {
    const place = placeOf('source', raw, around);
    if ('at' in place && place.at.kind === 'embedded') {
      report(
        ['source_uri'],
        'is a Milvus Lite, which has no snapshots, allowed: the address of a server',
        'CFG_CONFLICT',
      );
    }
  }
  const { action } = raw;
  if (action === undefined) return;
  for (const key of NEEDED[action].filter((name) => !given(name))) {
    report([], `${key} is missing, needed with action: ${action}`, 'CFG_INVALID');
  }
  if (action === 'prune' && !given('keep_last') && !given('older_than')) {
    const message = 'nothing says which snapshots may go, needed with action: prune: keep_last, older_than or both';
    report([], message, 'CFG_INVALID');
  }
}

function restoreTo(raw: RawTask): SnapshotConfig['to'] {
  const { dest_collection_name: collection, dest_db: db } = raw;
  return collection === undefined ? undefined : { collection, ...(db === undefined ? {} : { db }) };
}

/** A checked SNAPSHOT task: paths absolute, times in milliseconds, defaults filled in. */
export function snapshotOf(raw: RawTask, around: Surroundings, secrets: readonly string[]): SnapshotConfig {
  const { db, ...endpoint } = endpointOf('source', raw, around);
  return present<SnapshotConfig>({
    task: 'SNAPSHOT',
    action: raw.action ?? 'create',
    endpoint,
    storage: raw.source_storage === undefined ? undefined : storageOf('source_storage', raw.source_storage, around),
    db,
    // The schema of SNAPSHOT takes one name.
    collection: raw.source_collection as string | undefined,
    name: raw.snapshot_name,
    description: raw.description ?? '',
    flush: raw.flush ?? true,
    compactionProtection: raw.compaction_protection ?? 0,
    to: restoreTo(raw),
    wait: raw.wait ?? true,
    verify: raw.verify ?? 'sample',
    jobId: raw.job_id,
    keepLast: raw.keep_last,
    olderThanMs: raw.older_than === undefined ? undefined : parseDuration(raw.older_than, 'hdw'),
    apply: raw.apply ?? false,
    retryFor: raw.retry_for ?? DEFAULT_RETRY_SECONDS,
    notes: [],
    secrets,
  });
}
