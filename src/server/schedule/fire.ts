import { parseDocument } from 'yaml';
import { fail, toMilvusdmError } from '../../util/errors.js';
import type { Queue } from '../queue/queue.js';
import type { JobTable } from '../state/jobs.js';
import type { LastTime, ScheduleBody, StoredSchedule } from '../state/schedules.js';
import type { StoredJob } from '../state/types.js';
import { type PreparedTask, prepareTask, type TaskSurroundings, toNewJob } from '../tasks/prepare.js';

/** 20261122_030000 */
function stamp(time: Date): string {
  return time.toISOString().slice(0, 19).replace('T', '_').replaceAll(/[-:]/g, '');
}

/** The snapshot that a schedule makes is called by its name and the time: there is one of a name. */
function datedSnapshot(task: PreparedTask, around: TaskSurroundings, now: Date): PreparedTask {
  const document = parseDocument(task.text);
  const path = ['SNAPSHOT', 'snapshot_name'];
  document.setIn(path, `${String(document.getIn(path))}_${stamp(now)}`);
  return { ...prepareTask({ yaml: document.toString() }, around), connections: task.connections };
}

/**
 * The task of a schedule, checked offline. A BACKUP is marked as automatic, and has no name of its own: each is to be another.
 * The name of a snapshot that is made gets the time behind it. Throws what `prepareTask` throws, and SRV_REQUEST.
 */
export function scheduledTask(body: ScheduleBody, around: TaskSurroundings, now: Date = new Date()): PreparedTask {
  const task = prepareTask(body, around);
  if (task.config.task !== 'BACKUP') {
    if (body.retention === undefined) {
      const makes = task.config.task === 'SNAPSHOT' && task.config.action === 'create';
      return makes ? datedSnapshot(task, around, now) : task;
    }
    throw fail('SRV_REQUEST', `retention is for backups, and the task is ${task.config.task}`);
  }
  const document = parseDocument(task.text);
  if (document.hasIn(['BACKUP', 'backup_name'])) {
    throw fail('SRV_REQUEST', 'a BACKUP of a schedule has a backup_name, under which there can be one backup only', {
      hint: 'Leave it out: the time is the name then.',
    });
  }
  document.setIn(['BACKUP', 'kind'], 'automatic');
  return { ...prepareTask({ yaml: document.toString() }, around), connections: task.connections };
}

export interface FireOptions {
  readonly jobs: JobTable;
  readonly queue: Queue;
  readonly around: TaskSurroundings;
}

/** Puts the job of a schedule into the queue, whatever the time. Throws SRV_CONFLICT while one of it waits or runs. */
export function startScheduled(schedule: StoredSchedule, { jobs, queue, around }: FireOptions): StoredJob {
  const active = jobs.inState('queued', 'running').find((job) => job.schedule === schedule.id);
  if (active) throw fail('SRV_CONFLICT', `job ${active.id} of schedule ${schedule.name} is ${active.state} still`);
  const task = scheduledTask(schedule, around);
  return queue.submit(toNewJob(task, { cwd: around.cwd, kind: 'automatic', schedule: schedule.id }));
}

/** Like {@link startScheduled}; what keeps a job from being made is told and not thrown. */
export function fire(schedule: StoredSchedule, o: FireOptions): Omit<LastTime, 'due'> {
  try {
    return { job: startScheduled(schedule, o).id, reason: '' };
  } catch (thrown) {
    const { code, message } = toMilvusdmError(thrown);
    return { job: null, reason: `${code}: ${message}` };
  }
}
