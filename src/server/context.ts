import type { Helper } from './helper/helper.js';
import type { Queue } from './queue/queue.js';
import type { BackupTable } from './state/backups.js';
import type { ConnectionTable } from './state/connections.js';
import type { JobTable } from './state/jobs.js';
import type { ScheduleTable } from './state/schedules.js';
import type { TaskSurroundings } from './tasks/prepare.js';

/** What the routes of a server work with: its own API and the compatible ones alike. */
export interface ServerContext {
  readonly jobs: JobTable;
  readonly connections: ConnectionTable;
  readonly backups: BackupTable;
  readonly schedules: ScheduleTable;
  readonly queue: Queue;
  readonly helper: Helper;
  /** Where tasks start and what they may use. */
  readonly around: TaskSurroundings;
  /** The folder of all server state. */
  readonly server: string;
  /** A line for the log of the server. */
  readonly log: (message: string) => void;
}
