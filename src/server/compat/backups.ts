import type { ServerContext } from '../context.js';
import type { JobRow, StoredJob } from '../state/types.js';

/** Jobs of a connection that make a backup and have not ended. */
export function backupsUnderWay({ jobs }: ServerContext, connection: string): JobRow[] {
  const active = jobs.inState('queued', 'running');
  return active.filter((job) => job.task === 'BACKUP' && job.connections.includes(connection));
}

/** The name of the backup that a job makes: in its outcome, or in the text that our routes give it; '' where neither says it. */
export function backupNameOf({ outcome, text }: StoredJob): string {
  return outcome?.backup ?? /^ {2}backup_name: "?([A-Za-z_][A-Za-z0-9_]*)/m.exec(text)?.[1] ?? '';
}
