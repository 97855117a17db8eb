import { createHash } from 'node:crypto';
import type { JobConfig } from '../../config/types.js';
import { storePlace } from '../../job/job-id.js';

/** Tells one store of backups from another, whoever asks for it; undefined for a task that has none. */
export function storeDigest(config: JobConfig): string | undefined {
  if (config.task !== 'BACKUP' && config.task !== 'RESTORE') return undefined;
  return createHash('sha256')
    .update(JSON.stringify(storePlace(config.store)))
    .digest('hex')
    .slice(0, 16);
}
