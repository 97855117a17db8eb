import { placeOf } from './endpoint.js';
import { quoted } from './issues.js';
import { present } from './present.js';
import type { RawTask } from './raw.js';
import type { Surroundings } from './references.js';
import type { RuleInput } from './rule-input.js';
import { checkStorage, storageOf } from './storage.js';
import type { BulkStage, StorageConfig, WriteChoice } from './types.js';
import { parseBytes } from './units.js';

const DEFAULT_PREFIX = 'milvusdm-bulk';
const DEFAULT_FILE_BYTES = 256 * 1024 * 1024;
const DEFAULT_JOBS = 4;
const SMALLEST_FILE = 1024 * 1024;
/** common.ImportMaxFileSize of Milvus 2.3. */
const LARGEST_FILE = 16 * 1024 ** 3;

/** The rules about bulk imports that the schema cannot say. */
export function checkBulk(input: RuleInput): void {
  const { raw, around, given, sound, report } = input;
  if (raw.write === 'bulk' && !given('bulk')) {
    report(['write'], 'is bulk without bulk, needed: bulk: {storage: the store of the target}', 'CFG_CONFLICT');
  }
  if (raw.bulk === undefined) return;
  const { storage, max_file_bytes: size } = raw.bulk;
  if (storage !== undefined) {
    checkStorage('dest_storage', storage, {
      report: (path, ...rest) => report(['bulk', 'storage', ...path.slice(1)], ...rest),
    });
  }
  if (size !== undefined) {
    const bytes = parseBytes(size) ?? 0;
    if (bytes < SMALLEST_FILE || bytes > LARGEST_FILE) {
      const message = `${quoted(String(size))} is not allowed, allowed: 1 MiB to 16 GiB`;
      report(['bulk', 'max_file_bytes'], message, 'CFG_INVALID');
    }
  }
  const place = sound('dest_uri') ? placeOf('dest', raw, around) : undefined;
  if (raw.write === 'bulk' && place && 'at' in place && place.at.kind === 'embedded') {
    const message = 'is bulk while dest_uri names the embedded Milvus Lite, which imports no files, allowed: insert';
    report(['write'], message, 'CFG_CONFLICT');
  }
}

/** The usual settings of bulk imports by way of a store. */
export function defaultStage(storage: StorageConfig): BulkStage {
  return {
    storage,
    prefix: DEFAULT_PREFIX,
    maxFileBytes: DEFAULT_FILE_BYTES,
    parallelJobs: DEFAULT_JOBS,
    keepFiles: false,
  };
}

function stageOf(raw: NonNullable<RawTask['bulk']>, around: Surroundings): BulkStage {
  const prefix = (raw.prefix ?? DEFAULT_PREFIX).split('/').filter((part) => part !== '');
  return {
    storage: storageOf('dest_storage', raw.storage ?? {}, around),
    prefix: prefix.join('/') || DEFAULT_PREFIX,
    maxFileBytes: parseBytes(raw.max_file_bytes ?? DEFAULT_FILE_BYTES) ?? DEFAULT_FILE_BYTES,
    parallelJobs: raw.parallel_jobs ?? DEFAULT_JOBS,
    keepFiles: raw.keep_files ?? false,
  };
}

/** How rows are to go in; undefined where the file says nothing about it. */
export function writeOf(raw: RawTask, around: Surroundings): WriteChoice | undefined {
  if (raw.write === undefined && raw.bulk === undefined) return undefined;
  return present<WriteChoice>({
    how: (raw.write as WriteChoice['how'] | undefined) ?? 'auto',
    bulk: raw.bulk === undefined ? undefined : stageOf(raw.bulk, around),
  });
}
