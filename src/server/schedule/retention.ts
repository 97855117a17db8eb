import { validateJob } from '../../config/load.js';
import { MilvusdmError } from '../../util/errors.js';
import type { ServerContext } from '../context.js';
import type { KnownBackup } from '../state/backups.js';
import type { ScheduleBody } from '../state/schedules.js';
import type { StoredJob } from '../state/types.js';
import { storeDigest } from '../tasks/store-digest.js';
import { durationMs } from './times.js';

/** The backups of a schedule, latest first, that its retention lets go; those of others are never among them. */
export function outlived(
  backups: readonly KnownBackup[],
  { keep_last, older_than }: NonNullable<ScheduleBody['retention']>,
  now: number,
): KnownBackup[] {
  if (keep_last === undefined && older_than === undefined) return [];
  return backups.filter((backup, rank) => {
    if (keep_last !== undefined && rank < keep_last) return false;
    return older_than === undefined || now - Date.parse(backup.created) >= durationMs(older_than);
  });
}

async function removeOne(context: ServerContext, job: StoredJob, { name, store }: KnownBackup): Promise<void> {
  try {
    await context.helper.call('backups.delete', { text: job.text, cwd: job.cwd, backup: name });
    context.log(`schedule ${job.schedule}: removed backup ${name}`);
  } catch (thrown) {
    // Somebody else has removed it.
    if (!(thrown instanceof MilvusdmError) || thrown.code !== 'SRC_NOT_FOUND') throw thrown;
  }
  context.backups.remove(store, name);
}

/**
 * Remembers the backup that a job has made, and removes those that the retention of its schedule lets go. Failures are for
 * the log: the backup is there.
 */
export async function afterBackup(context: ServerContext, job: StoredJob): Promise<void> {
  const name = job.outcome?.backup;
  if (job.task !== 'BACKUP' || !name) return;
  try {
    const store = storeDigest(validateJob(job.text, { path: 'task', cwd: job.cwd }));
    if (store === undefined) return;
    const { id, kind, schedule, connections, ended } = job;
    const [connection = null] = connections;
    const created = ended ?? new Date().toISOString();
    context.backups.add({ job: id, name, store, connection, kind, schedule, created });
    const { retention } = (schedule === null ? undefined : context.schedules.get(schedule)) ?? {};
    if (schedule === null || retention === undefined) return;
    const own = context.backups.ofSchedule(schedule).filter((backup) => backup.store === store);
    for (const backup of outlived(own, retention, Date.now())) await removeOne(context, job, backup);
  } catch (thrown) {
    context.log(`job ${job.id}: what its backup leaves to be done: ${(thrown as Error).message}`);
  }
}
