import type { BackupContents } from '../../../job/backup/manage/contents.js';
import type { ServerContext } from '../../context.js';
import type { JobRow, JobState } from '../../state/types.js';
import { percentOf, reasonOf } from '../jobs.js';

/** `BackupTaskStateCode` and `RestoreTaskStateCode`: pending, executing, success, fail. Nothing here times out (4). */
export function stateCode(state: JobState): 0 | 1 | 2 | 3 {
  if (state === 'queued') return 0;
  if (state === 'running') return 1;
  return state === 'done' || state === 'skipped' ? 2 : 3;
}

const seconds = (time: string | null): number => (time === null ? 0 : Math.floor(Date.parse(time) / 1000));

function task(job: JobRow, context: ServerContext): object {
  return {
    id: job.id,
    state_code: stateCode(job.state),
    errorMessage: reasonOf(job),
    start_time: seconds(job.started),
    end_time: seconds(job.ended),
    progress: percentOf(job, context),
  };
}

/** `BackupInfoBrief` of a backup that is being made, or could not be. */
export function jobBrief(job: JobRow, name: string, context: ServerContext): object {
  return { ...task(job, context), name, size: job.outcome?.bytes ?? 0, collection_backups: [] };
}

/** `BackupInfoBrief` of a backup in its store. `job`: the one that made it, where it is still known. */
export function backupBrief(backup: BackupContents, job: JobRow | undefined, context: ServerContext): object {
  const stored = { id: backup.name, state_code: 2, errorMessage: '', start_time: 0, end_time: 0, progress: 100 };
  const { created } = backup;
  return {
    ...(job ? task(job, context) : { ...stored, start_time: seconds(created), end_time: seconds(created) }),
    name: backup.name,
    size: backup.bytes,
    milvus_version: backup.milvus_version,
    collection_backups: backup.collections.map((one) => ({
      collection_id: String(one.collection_id),
      db_name: one.db,
      collection_name: one.name,
      shards_num: one.shards,
      size: one.bytes,
      has_index: one.indexes.length > 0,
      index_infos: one.indexes.map(({ field, type }) => ({ field_name: field, index_type: type })),
      load_state: one.load_state,
      properties: Object.entries(one.properties).map(([key, value]) => ({ key, value })),
    })),
    database_backups: backup.databases.map((db_name) => ({ db_name })),
  };
}

/** `RestoreBackupTaskResponse` of the job of a restore. */
export function restoreTask(job: JobRow, id: string, context: ServerContext): object {
  const targets = (job.state === 'running' ? context.queue.live(job.id)?.progress() : job.progress)?.targets ?? [];
  return {
    ...task(job, context),
    id,
    collection_restore_tasks: targets.flatMap(({ target, done, total }) => {
      if (target === null) return [];
      const dot = target.indexOf('.');
      return [
        {
          state_code: stateCode(job.state),
          progress: stateCode(job.state) === 2 ? 100 : total > 0 ? Math.min(99, Math.floor((done / total) * 100)) : 0,
          target_db_name: dot < 0 ? 'default' : target.slice(0, dot),
          target_collection_name: target.slice(dot + 1),
        },
      ];
    }),
  };
}
