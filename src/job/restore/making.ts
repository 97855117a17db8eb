import { createHash } from 'node:crypto';
import type { RestoreItem } from './choose.js';

const PREFIX = 'milvusdm_restore_';
const MAKING = /^milvusdm_restore_[0-9a-f]{12}_[0-9a-f]{12}$/;

/**
 * The name under which a collection is made: it gets its own once it is complete, so that nothing half made ever has it.
 * The same for every run of a job, which knows by it what an earlier one has left.
 */
export function makingName(job: string, { db, name }: Pick<RestoreItem, 'db' | 'name'>): string {
  const target = createHash('sha256').update(`${db}.${name}`).digest('hex').slice(0, 12);
  return `${PREFIX}${job}_${target}`;
}

/** Whether a collection has such a name: a restore is making it, or was cut short. */
export function isMaking(name: string): boolean {
  return MAKING.test(name);
}
