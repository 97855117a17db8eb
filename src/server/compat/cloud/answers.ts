import type { BackupContents } from '../../../job/backup/manage/contents.js';
import type { BackupEntry } from '../../../job/backup/manage/entries.js';
import type { ServerContext } from '../../context.js';
import type { JobKind, JobRow, JobState } from '../../state/types.js';
import { percentOf, reasonOf } from '../jobs.js';

const STATUS: Readonly<Record<JobState, string>> = {
  queued: 'PENDING',
  running: 'RUNNING',
  done: 'SUCCESSFUL',
  skipped: 'SUCCESSFUL',
  partial: 'FAILED',
  failed: 'FAILED',
  interrupted: 'FAILED',
  cancelled: 'CANCELLED',
};

/** Without fractions of a second, as the cloud writes times; '' where there is none. */
const time = (iso: string | null): string => (iso === null ? '' : iso.replace(/\.\d+Z$/, 'Z'));

/** `GET /v2/jobs/{jobId}`. */
export function jobAnswer(job: JobRow, context: ServerContext): object {
  return {
    jobId: job.id,
    type: job.task,
    status: STATUS[job.state],
    progress: String(percentOf(job, context)),
    startTime: time(job.started),
    endTime: time(job.ended),
    reason: reasonOf(job),
  };
}

const METHOD: Readonly<Record<JobKind, 'MANUAL' | 'AUTO'>> = { manual: 'MANUAL', automatic: 'AUTO' };

interface Common {
  readonly cluster: string;
  readonly name: string;
  readonly kind: JobKind;
}

function common({ cluster, name, kind }: Common): object {
  return {
    clusterId: cluster,
    clusterName: cluster,
    projectId: '',
    backupId: name,
    backupName: name,
    creationMethod: METHOD[kind],
    expireTime: '',
  };
}

/** An entry of `GET /v2/backups`. */
export function entryAnswer(cluster: string, entry: BackupEntry, kind: JobKind): object {
  return {
    ...common({ cluster, name: entry.name, kind }),
    size: entry.bytes ?? 0,
    createTime: time(entry.created),
    status: 'AVAILABLE',
  };
}

/** The same of a backup that is being made. */
export function creatingAnswer(cluster: string, job: JobRow, name: string): object {
  return {
    ...common({ cluster, name, kind: job.kind }),
    size: 0,
    createTime: time(job.created),
    status: 'CREATING',
    jobId: job.id,
  };
}

/** `GET /v2/clusters/{clusterId}/backups/{backupId}`. */
export function backupAnswer(cluster: string, backup: BackupContents, kind: JobKind): object {
  const databases = new Set(backup.collections.map(({ db }) => db));
  return {
    ...common({ cluster, name: backup.name, kind }),
    status: 'AVAILABLE',
    size: backup.bytes,
    regionId: '',
    createTime: time(backup.created),
    dbCollections: [...databases].map((dbName) => ({
      dbName,
      collections: backup.collections
        .filter(({ db }) => db === dbName)
        .map(({ name, load_state }) => ({
          collectionName: name,
          status: /^loaded$/i.test(load_state) ? 'LOADED' : 'NOT_LOADED',
        })),
    })),
  };
}
