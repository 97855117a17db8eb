import { createHash } from 'node:crypto';
import type { TaskConfig } from '../config/types.js';

/** Twelve hexadecimal digits of everything that decides what is written: not secrets, tuning or the state of the target. */
export function jobId(config: TaskConfig): string {
  const { at, db } = config.dest;
  const o = config.options;
  const key = {
    task: config.task,
    source: config.source,
    dest: [at.kind === 'server' ? at.address : at.folder, db ?? 'default'],
    target: [config.collection, config.partition ?? null, config.mode],
    parameter: config.parameter,
    ids: [String(o.idStart), String(o.idOffset), o.newIds, o.onDuplicateId, o.onBadRow, o.limit ?? null],
  };
  return createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 12);
}
